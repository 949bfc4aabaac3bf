# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2154
#
# krsessiond under systemd, which is process 1 of a container here: what
# `make install` puts on a Debian that has nothing, with Debian's own Redis,
# nginx and lighttpd. The files fresh_systemd_*.bats are links to this one, and
# the name says which Debian.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/fresh.bash
source "$BATS_TEST_DIRNAME/lib/fresh.bash"
# shellcheck source=lib/machine.bash
source "$BATS_TEST_DIRNAME/lib/machine.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"

SUITE=${BATS_TEST_FILENAME##*_}
SUITE=${SUITE%.bats}
CONF=/etc/krsession/krsessiond.conf
UNIT=krsessiond.service
readonly PORT_NGINX=5000 PORT_LIGHTTPD=5001

PACKAGES=(systemd-sysv dbus redis-server nginx lighttpd lighttpd-mod-openssl
	dnsmasq-base)

setup_file() {
	export BATS_TEST_TIMEOUT=600
	fresh_begin "$SUITE"
	[[ ! $FRESH_MISSING ]] || return 0
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR machine_install base
	machine_boot base
	front_begin nginx "$PORT_NGINX"
	front_begin lighttpd "$PORT_LIGHTTPD"
}

teardown_file() {
	machine_end
	fresh_end
}

setup() {
	skip_unless_fresh
	inside systemctl start krsessiond.socket
}

# Each test finds the machine as the first one found it.
teardown() {
	[[ ! $FRESH_MISSING ]] || return 0
	[[ ${BATS_TEST_COMPLETED-} ]] || inside journalctl -n 30 >&2
	inside systemctl stop 'krsessiond*'
	inside systemctl revert $UNIT krsessiond.socket
	inside systemctl reset-failed
	find "$MACHINE/etc/krsession" -type f ! -name krsessiond.conf -delete
	cp "$KR_ROOT/conf/krsessiond.conf" "$MACHINE$CONF"
	inside redis-cli flushall >/dev/null
}

machine_install() { # ROOT
	within_root "$1" ./dev deps --build
	within_root "$1" autoreconf -fi
	within_root "$1" ./configure --prefix=/usr --sysconfdir=/etc
	within_root "$1" make -j "$(nproc)"
	within_root "$1" make install
	within_root "$1" ldconfig
	fresh_install "$1" "${PACKAGES[@]}"
	within_root "$1" systemctl disable nginx lighttpd # ports of their own
}

# ---- front servers ------------------------------------------------------

# In /srv/FRONT, as the head of its file in conf/ says.
front_begin() { # FRONT PORT
	local at=/srv/$1 command
	mkdir -p "$MACHINE$at"
	[[ -e $FRESH/tls.crt ]] || STACK=$FRESH front_certificate
	cp "$KR_ROOT/conf/$1.conf" "$FRESH"/tls.{crt,key} "$MACHINE$at"
	front_listen_lines "$1" 127.0.0.1 "$2" >"$MACHINE$at/$1-listen.conf"
	ln -sf /run/krsession/krsession.sock "$MACHINE$at/krsession.sock"
	inside chown -R www-data: "$at"
	mapfile -t command < <(front_command "$1" "$at")
	inside systemd-run --quiet --unit="front-$1" \
		--property=WorkingDirectory="$at" "${command[@]}"
	within 10 front_listens "$2" || fail "$1 does not start"
}

front_listens() { # PORT
	reader curl -sk --noproxy '*' --output /dev/null \
		"https://127.0.0.1:$1/" --connect-timeout 1
}

# The status and the body.
ask() { # PATH [CURL OPTION...]
	reader curl --silent --noproxy '*' --max-time 20 --cacert \
		"$FRESH/tls.crt" --write-out '%{http_code} ' --output \
		"$BATS_TEST_TMPDIR/body" "${@:2}" \
		"https://127.0.0.1:$PORT_NGINX$1"
	cat "$BATS_TEST_TMPDIR/body"
}

expect_hello() {
	local said
	said=$(ask /hello)
	[[ $said == '200 Hello, Session World!' ]] ||
		fail "hello says $said" "$(inside systemctl status 'krsessiond*')"
}

expect_counter() { # N
	local said
	said=$(ask /session/counter --cookie "$BATS_TEST_TMPDIR/jar" \
		--cookie-jar "$BATS_TEST_TMPDIR/jar")
	[[ $said == "200 "*"\"counter\":$1}" ]] || fail "counter says $said"
}

# ---- the service --------------------------------------------------------

property() { # NAME [UNIT]
	inside systemctl show --value --property="$1" "${2:-$UNIT}"
}

has() { # PROPERTY VALUE [UNIT]
	[[ $(property "$1" "${3-}") == "$2" ]]
}

drop_in() { # [UNIT]; lines come in
	put "/etc/systemd/system/${1:-$UNIT}.d/test.conf"
	inside systemctl daemon-reload
}

configure() { # LINE...
	printf '%s\n' "$@" | put "$CONF"
}

# What the service itself has said since a cursor, without time and host.
journal() { # [CURSOR]
	inside journalctl --quiet --unit="$UNIT" --output=cat \
		${1:+--after-cursor="$1"} _COMM=krsessiond
}

now() {
	inside journalctl --quiet --lines=0 --show-cursor |
		sed -n 's/^-- cursor: //p'
}

# ---- install ------------------------------------------------------------

@test "verify has nothing to say about the units" {
	run inside systemd-analyze verify krsessiond.service krsessiond.socket \
		krsessiond@one.service krsessiond@one.socket
	[ "$status" -eq 0 ]
	[ ! "$output" ] || fail "$output"
}

@test "an exposure of at most 1.5 is what systemd sees" {
	for unit in $UNIT krsessiond@one.service; do
		run inside systemd-analyze security --offline=true \
			--threshold=15 "$unit"
		[ "$status" -eq 0 ] || fail "$output"
		[[ $output =~ 'exposure level for '[^:]+': '(0|1)\.([0-9]) ]]
		((BASH_REMATCH[1] * 10 + BASH_REMATCH[2] <= 15))
	done
}

@test "the user owns nothing but the socket, whose group are front servers" {
	[ "$(inside id -un krsession)" = krsession ]
	[ "$(inside stat -c '%U:%G %a' /run/krsession)" = 'root:root 755' ]
	[ "$(inside stat -c '%U:%G %a' /run/krsession/krsession.sock)" = \
		'krsession:www-data 660' ]
}

# ---- start and stop -----------------------------------------------------

@test "nginx: the first request starts it, and README prints what comes" {
	has ActiveState inactive
	readme_try "$PORT_NGINX" reader
	has ActiveState active
}

@test "lighttpd: the first request starts it, and README prints what comes" {
	has ActiveState inactive
	readme_try "$PORT_LIGHTTPD" reader
	has ActiveState active
}

@test "status tells what it serves" {
	expect_hello
	run inside systemctl status "$UNIT"
	[[ $output == *'Active: active (running)'* ]]
	[[ $output == *'Status: "serving on '* ]] || fail "$output"
}

@test "enabled, it comes with the socket and goes with it" {
	inside systemctl stop krsessiond.socket
	inside systemctl enable --quiet --now $UNIT
	has ActiveState active krsessiond.socket
	expect_hello
	inside systemctl is-enabled $UNIT krsessiond.socket
	inside systemctl disable --quiet $UNIT krsessiond.socket
	inside systemctl stop krsessiond.socket
	has ActiveState inactive
	[ ! -e "$MACHINE/run/krsession/krsession.sock" ]
	[[ $(ask /hello) == 503* ]]
	inside systemctl start $UNIT
	expect_hello
}

@test "stop: what comes afterwards starts it anew" {
	expect_counter 1
	inside systemctl stop $UNIT
	has ActiveState inactive
	has Result success
	expect_counter 2
}

# ---- confined -----------------------------------------------------------

@test "it runs as its user, without rights, and its loops as batches" {
	local pid
	expect_counter 1
	pid=$(property MainPID)
	run inside grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
	[ "${lines[0]}" = "Uid:$(printf '\t%s' "$(inside id -u krsession)"{,}{,})" ]
	[ "${lines[1]}" = $'CapEff:\t0000000000000000' ]
	[ "${lines[2]}" = $'NoNewPrivs:\t1' ]
	[ "${lines[3]}" = $'Seccomp:\t2' ]
	inside chrt --all-tasks --pid "$pid" | grep SCHED_BATCH
}
