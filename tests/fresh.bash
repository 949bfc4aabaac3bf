# shellcheck shell=bats source-path=SCRIPTDIR
#
# krsession on a Debian that has nothing: each way to install it, and whether
# what is then installed serves README's program and gives the tutorial's
# answers to README's commands. The files fresh_*.bats are links to this one,
# and the name says which Debian. Tests of a file build on one another.

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

setup_file() {
	export BATS_TEST_TIMEOUT=900
	fresh_begin "$SUITE"
	export MACHINE=$FRESH/machine # booted by a test, as it is built first
}

teardown_file() {
	machine_end
	fresh_end
}

setup() {
	skip_unless_fresh
	LOAD=() # clients that run
}

teardown() {
	load_end
}

# The autopkgtests, on what is installed in a root.
expect_it_serves() { # ROOT [NAME=VALUE...]
	local test
	for test in library tutorial; do
		within_root "$1" env "${@:2}" "debian/tests/$test"
	done
}

install_servers() { # ROOT
	local packages
	mapfile -t packages < <(fresh_test_depends library
		fresh_test_depends tutorial)
	fresh_install "$1" "${packages[@]}"
}

# Packages from files, by apt as README does it.
install_packages() { # ROOT FILE...
	local file files=()
	for file in "${@:2}"; do
		cp "$file" "$FRESH/$1/srv"
		files+=("/srv/${file##*/}")
	done
	fresh_install "$1" "${files[@]}"
}

version() {
	sed -n '1s/.*(\(.*\)).*/\1/p' "$KR_ROOT/debian/changelog"
}

# The same package as if it were the next; prints its file.
next_version() { # PACKAGE
	local tree=$FRESH/next/$1 now
	now=$(version)
	mkdir -p "$FRESH/next"
	dpkg-deb -R "$FRESH/packages/$1_${now}"_*.deb "$tree"
	sed -i "s/^Version: .*/&+next/; s/(= $now)/(= $now+next)/" \
		"$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$FRESH/next" >&2
	ls "$FRESH/next/$1_${now}+next"_*.deb
}

@test "make install: with the packages that building needs, and no others" {
	fresh_copy base made
	within_root made ./dev deps --build
	cp -a "$FRESH/made" "$FRESH/builder"
	within_root made bash -euc "$(readme_lines '**By make**')"
	install_servers made
	expect_it_serves made KR_DOC=/usr/local/share/doc/krsession \
		KR_CONF=/usr/local/etc/krsession/krsessiond.conf
}

@test "make uninstall leaves nothing" {
	within_root made make uninstall
	diff <(files_below builder/usr/local) <(files_below made/usr/local)
}

files_below() { # FOLDER
	(cd "$FRESH/$1" && find . ! -type d | sort)
}

@test "./dev package builds the packages" {
	within_root builder ./dev package
	(cd "$FRESH/builder/srv/krsession/build/packages" && echo *.deb)
	cp -a "$FRESH/builder/srv/krsession/build/packages" "$FRESH/packages"
}

@test "lintian finds nothing that is not explained" {
	fresh_install builder lintian
	within_root builder bash -c 'lintian --fail-on error,warning \
		--allow-root --tag-display-limit 0 \
		build/packages/all/krsession_*.changes'
}

# Debian 12 has no Valkey.
store_server() {
	case $SUITE in
	bookworm) echo redis-server ;;
	*) echo valkey-server ;;
	esac
}

@test "./dev test installs what it needs, and every store conforms" {
	within_root builder ./dev test --all \
		--redis-server "$(store_server)" conformance
	within_root builder bash -c "command -v $(store_server)"
}

@test "the packages install, and serve" {
	fresh_copy base installed
	install_packages installed "$FRESH"/packages/*.deb
	install_servers installed
	expect_it_serves installed
}

@test "the configuration is for its user alone, and the units are enabled" {
	local wants=$FRESH/installed/etc/systemd/system
	within_root installed test -d /run/krsession
	[ "$(root_run "$FRESH/installed" stat -c %U:%G:%a \
		/etc/krsession/krsessiond.conf)" = root:krsession:640 ]
	[ -L "$wants/multi-user.target.wants/krsessiond.service" ]
	[ -L "$wants/sockets.target.wants/krsessiond.socket" ]
}

@test "an upgrade keeps what the administrator has changed" {
	local conf=$FRESH/installed/etc/krsession/krsessiond.conf
	echo '# mine' >>"$conf"
	chmod 600 "$conf"
	install_packages installed "$(next_version krsessiond)" \
		"$(next_version libkrsession0)" "$(next_version libkrsession-dev)"
	within_root installed dpkg-query -W krsessiond
	# shellcheck disable=SC2016 # dpkg's variable, not ours
	[ "$(root_run "$FRESH/installed" dpkg-query -W -f '${Version}' \
		krsessiond)" = "$(version)+next" ]
	tail -n 1 "$conf" | grep -qx '# mine'
	[ "$(stat -c %a "$conf")" = 600 ]
	expect_it_serves installed
}

@test "a purge leaves the user and nothing else" {
	within_root installed env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y purge krsession-doc krsession-guard krsessiond \
		libkrsession-dev libkrsession0
	left=$(find "$FRESH/installed" -xdev \
		-path "$FRESH/installed/srv" -prune -o -name '*krsess*' -print)
	[ ! "$left" ] || fail "left behind:" "$left"
	within_root installed getent passwd krsession
}

@test "what was purged can be installed again" {
	install_packages installed "$FRESH"/packages/*.deb
	expect_it_serves installed
}

# ---- under systemd -------------------------------------------------------

MACHINE_PACKAGES=(systemd-sysv dbus nginx openssl redis-server)

# In Debian's nginx, as README.Debian says: the upstream and the server of
# conf/nginx.conf, with the socket of the unit.
put_behind_nginx() {
	local conf=/etc/nginx/conf.d/krsession.conf
	sed -n '/^\tupstream/,/^}/p' "$KR_ROOT/conf/nginx.conf" | sed -e '$d' \
		-e 's,unix:krsession,unix:/run/krsession/krsession,' \
		-e 's,include nginx-listen.conf,listen 5000 ssl,' \
		-e 's,tls\.,/srv/tls.,' >"$MACHINE$conf"
	inside openssl req -x509 -nodes -days 2 -newkey ec -subj /CN=localhost \
		-pkeyopt ec_paramgen_curve:prime256v1 \
		-keyout /srv/tls.key -out /srv/tls.crt
	inside systemctl reload nginx
	within 10 reader curl -sfk --noproxy '*' -o "$BATS_TEST_TMPDIR/hello" \
		https://127.0.0.1:5000/hello || fail "nginx does not come"
}

# A client that counts in a session of its own, until it is killed. A line an
# answer: the body, a tab, curl's status and that of HTTP.
load_begin() { # NAME [CURL OPTION...]
	local ask=(-sk --noproxy '*' --max-time 20 --rate 100/s
		-w '\t%{exitcode} %{http_code}\n') url=https://127.0.0.1:5000
	reader curl "${ask[@]:0:5}" -c "$FRESH/$1.jar" -o "$FRESH/$1.first" \
		"$url/session/counter"
	: >"$FRESH/$1.load"
	nsenter --net --target "$(machine_init)" curl "${ask[@]}" --no-buffer \
		-b "$FRESH/$1.jar" "${@:2}" "$url/session/counter?n=[1-99999]" \
		>"$FRESH/$1.load" 2>&1 3>&- 4>&- &
	LOAD+=($!)
	load_goes_on "$1"
}

load_end() {
	[[ ! ${LOAD-} ]] || kill "${LOAD[@]}" || true
	LOAD=()
}

# Fifty answers from now on.
load_goes_on() { # NAME
	local file=$FRESH/$1.load now
	now=$(wc -l <"$file")
	# shellcheck disable=SC2016 # expanded by the inner shell
	within 30 bash -c '(($(wc -l <"$0") >= $1))' "$file" $((now + 50)) ||
		fail "the load stands still" "$(tail -n 3 "$file")"
}

# Not one answer was lost, and no count. The last one may be cut short.
expect_every_answer() { # NAME
	head -n -1 "$FRESH/$1.load" | awk -F'\t' -v n=1 '{
		if ($0 != "{\"message\":\"Counter incremented\",\"counter\":" \
		    ++n "}\t0 200") { print n ": " $0; exit 1 }
	}'
}

# That of the file that is there, not of the one it has replaced.
expect_new_program() { # UNIT
	within 20 runs_new_program "$1" ||
		fail "$1 has not changed" "$(inside systemctl status "$1")"
}

runs_new_program() { # UNIT
	local pid
	inside systemctl --quiet is-active "$1" || return
	pid=$(inside systemctl show --value --property=MainPID "$1")
	[[ $(inside readlink "/proc/$pid/exe") == /usr/bin/krsessiond ]]
}

@test "under systemd: installed is served, and README prints what comes" {
	fresh_copy base machine
	install_packages machine "$FRESH"/packages/*.deb
	fresh_install machine "${MACHINE_PACKAGES[@]}"
	machine_boot machine
	put_behind_nginx
	readme_try 5000 reader
}

@test "under systemd: an upgrade under load loses no request" {
	cp -a "$MACHINE"/etc/krsession/{krsessiond,one}.conf
	inside systemctl start krsessiond@one.service
	load_begin get
	load_begin post --data ''
	cp "$FRESH"/next/*.deb "$MACHINE/srv"
	inside env DEBIAN_FRONTEND=noninteractive bash -c \
		'apt-get -q -y install /srv/*+next_*.deb'
	load_goes_on get
	load_goes_on post
	load_end
	expect_every_answer get
	expect_every_answer post
	expect_new_program krsessiond.service
	expect_new_program krsessiond@one.service
}

@test "under systemd: a purge ends what runs, and its sockets" {
	inside env DEBIAN_FRONTEND=noninteractive apt-get -q -y purge \
		krsession-guard krsessiond
	run inside bash -c 'readlink /proc/[0-9]*/exe'
	[[ $output != *krsessiond* ]] || fail "$output"
	run inside ls /run/krsession
	[ "$status" -eq 2 ]
	[ "$(ls "$MACHINE/etc/krsession")" = one.conf ]
	run inside systemctl --failed --quiet
	[ ! "$output" ] || fail "$output"
}
