# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2154,SC2030,SC2031
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
# shellcheck source=lib/service.bash
source "$BATS_TEST_DIRNAME/lib/service.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/operations.bash
source "$BATS_TEST_DIRNAME/lib/operations.bash"

SUITE=${BATS_TEST_FILENAME##*_}
SUITE=${SUITE%.bats}
CONF=/etc/krsession/krsessiond.conf
UNIT=krsessiond.service
readonly PORT_NGINX=5000 PORT_LIGHTTPD=5001

PACKAGES=(systemd-sysv dbus openssl redis-server nginx lighttpd
	lighttpd-mod-openssl dnsmasq-base)

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
	printf '%s\n' 'unixsocket /run/redis/redis-server.sock' \
		'unixsocketperm 770' >>"$FRESH/$1/etc/redis/redis.conf"
}

# ---- install ------------------------------------------------------------

@test "verify has nothing to say about the units" {
	run inside systemd-analyze verify --man=no krsessiond.service \
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
	within 10 has ActiveState active
}

@test "lighttpd: the first request starts it, and README prints what comes" {
	has ActiveState inactive
	readme_try "$PORT_LIGHTTPD" reader
	within 10 has ActiveState active
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
	inside test ! -e /run/krsession/krsession.sock
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

@test "a site changes the address in the socket's unit" {
	inside systemctl stop krsessiond.socket
	printf '%s\n' '[Socket]' ListenStream= ListenStream=127.0.0.1:9000 |
		put /etc/systemd/system/krsessiond.socket.d/test.conf
	inside systemctl daemon-reload
	inside systemctl start krsessiond.socket
	reader "$KR_BUILD/tests/fcgi_client" -q 127.0.0.1:9000 /hello |
		grep '^200 '
	has ActiveState active
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

@test "it needs no system call that the unit refuses" {
	drop_in <<-UNIT
		[Service]
		# Empty: such a call kills, and is not merely refused.
		SystemCallErrorNumber=
	UNIT
	readme_try "$PORT_NGINX" reader
	inside systemctl reload $UNIT
	within 10 status_tells 'serving on '
	readme_try "$PORT_LIGHTTPD" reader
	inside systemctl stop $UNIT
	has NRestarts 0
	has Result success
}

@test "Redis over its socket, for who is in its group" {
	configure '[redis]' 'endpoint = unix:///run/redis/redis-server.sock'
	[[ $(ask /session/counter) == 503* ]]
	drop_in <<-UNIT
		[Service]
		SupplementaryGroups=redis
	UNIT
	inside systemctl restart $UNIT
	expect_counter 1
}

@test "Redis over TLS, by a name from DNS and the CAs of the system" {
	redis_tls_begin
	configure '[redis]' \
		'endpoint = rediss://krsession:secret@redis.example.com:6380'
	expect_counter 1
	expect_counter 2
	inside systemctl stop redis-tls dns
}

# The certificate of the front server does for Redis too.
redis_tls_begin() {
	local certificate=/srv/redis/tls.crt
	mkdir -p "$MACHINE/srv/redis"
	inside openssl req -x509 -newkey ec -pkeyopt \
		ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis \
		-addext subjectAltName=DNS:redis.example.com \
		-keyout /srv/redis/tls.key -out $certificate
	cp "$MACHINE$certificate" "$MACHINE/etc/ssl/certs"
	inside openssl rehash /etc/ssl/certs
	inside systemd-run --quiet --unit=redis-tls redis-server --port 0 \
		--tls-port 6380 --tls-cert-file $certificate --tls-key-file \
		/srv/redis/tls.key --tls-auth-clients no --user krsession on \
		'>secret' '~*' '&*' +@all
	echo nameserver 127.0.0.1 | put /etc/resolv.conf
	inside systemd-run --quiet --unit=dns dnsmasq --keep-in-foreground \
		--no-hosts --no-resolv --user=root --bind-interfaces \
		--address=/redis.example.com/127.0.0.1
}

# As docs/operations.md has it.
@test "a password that only root can read comes as a credential" {
	inside redis-cli acl setuser krsession on '>hidden' '~*' '&*' +@all
	configure '[redis]' 'user = krsession' 'abort_on_connect_fail = yes'
	(umask 077 && echo hidden | put /etc/krsession/redis-password)
	drop_in <<-'UNIT'
		[Service]
		LoadCredential=redis-password:/etc/krsession/redis-password
		Environment=KRSESSION_REDIS_PASSWORD_FILE=%d/redis-password
		# The check of a reload may not see credentials.
		ExecReload=
		ExecReload=/usr/bin/krsessiond -c /etc/krsession/krsessiond.conf -t -o redis.password_file=
		ExecReload=/bin/sh -c 'kill -HUP $MAINPID'
	UNIT
	expect_counter 1
	inside systemctl reload $UNIT
	expect_counter 2
	inside redis-cli acl deluser krsession
}

# ---- reload -------------------------------------------------------------

@test "reload takes a good configuration" {
	local pid
	expect_counter 1
	pid=$(property MainPID)
	configure '[redis]' 'instance_name = other:'
	inside systemctl reload $UNIT
	within 10 has_key 'other:*'
	[ "$(property MainPID)" = "$pid" ]
}

has_key() { # PATTERN
	ask /session/counter >"$BATS_TEST_TMPDIR/said" &&
		[[ $(inside redis-cli keys "$1") ]]
}

@test "reload refuses a bad configuration and says why, and it serves on" {
	local before
	expect_counter 1
	before=$(next_line)
	configure '[session]' 'idle_timeout = soon'
	run inside systemctl reload $UNIT
	[ "$status" -ne 0 ]
	[[ $(journal "$before") == *"error $CONF:2: session.idle_timeout"* ]]
	has ActiveState active
	expect_counter 2
}

@test "what only a restart can change is refused, and status says so" {
	expect_hello
	configure '[server]' 'listen = tcp:127.0.0.1:9000'
	inside systemctl reload $UNIT
	within 10 status_tells 'the last reload was refused: '
	has ActiveState active
	expect_hello
}

status_tells() { # TEXT
	[[ $(property StatusText) == *"$1"* ]]
}

@test "a new program is taken by a reload" {
	local inode
	expect_counter 1
	cp "$MACHINE/usr/bin/krsessiond" "$MACHINE/usr/bin/krsessiond.new"
	inode=$(stat -c %i "$MACHINE/usr/bin/krsessiond.new")
	mv "$MACHINE/usr/bin/krsessiond.new" "$MACHINE/usr/bin/krsessiond"
	inside systemctl reload $UNIT
	within 10 runs_inode "$inode"
	expect_counter 2
}

runs_inode() { # INODE
	[[ $(inside stat -Lc %i "/proc/$(property MainPID)/exe") == "$1" ]]
}

@test "reloads lose no request" {
	expect_hello
	browse '/session/counter?[1-500]' --max-time 60 \
		>"$BATS_TEST_TMPDIR/codes" &
	for _ in {1..5}; do
		inside systemctl reload $UNIT
	done
	wait $!
	[ "$(xargs -n 1 <"$BATS_TEST_TMPDIR/codes" | sort | uniq -c | xargs)" = \
		'500 200' ]
}

# ---- when it goes wrong -------------------------------------------------

@test "a process that is stuck is killed and started anew; who waits is served" {
	drop_in <<-UNIT
		[Service]
		WatchdogSec=1s
	UNIT
	expect_counter 1
	inside systemctl kill --signal=STOP --kill-whom=main $UNIT
	expect_counter 2
	has NRestarts 1
	inside journalctl --quiet --unit=$UNIT | grep 'Watchdog timeout'
}

@test "a process that was killed comes back; who waits is served" {
	expect_counter 1
	inside systemctl kill --signal=KILL --kill-whom=main $UNIT
	expect_counter 2
	has NRestarts 1
}

# A fault fails the start, and so do all that systemd tries afterwards; each
# leaves one line in the journal that tells the cause.
expect_fault() { # STARTS LINE
	local before lines
	before=$(next_line)
	run inside systemctl start $UNIT
	[ "$status" -ne 0 ]
	within 30 has ActiveState failed || fail "$(inside systemctl status $UNIT)"
	lines=$(journal "$before" | grep -cF " error $2") || true
	[[ $lines == "$1" ]] || fail "$lines lines in $1 starts:" \
		"$(journal "$before")"
}

@test "fault: an option that there is not" {
	configure '[server]' 'nonsense = 1'
	expect_fault 1 "$CONF:2: server.nonsense: no such option"
	configure '[server]'
	inside systemctl start $UNIT
	expect_hello
}

@test "fault: who comes first is not kept waiting" {
	configure '[server]' 'nonsense = 1'
	[[ $(ask /hello) == 503* ]]
	has ActiveState failed
	has Result service-start-limit-hit krsessiond.socket
	configure '[server]'
	inside systemctl reset-failed $UNIT
	inside systemctl start $UNIT
	expect_hello
}

@test "fault: no configuration" {
	rm "$MACHINE$CONF"
	expect_fault 1 "$CONF"
}

@test "fault: a password that is not there" {
	configure '[redis]' 'password_file = /etc/krsession/none'
	expect_fault 1 'redis.password_file = /etc/krsession/none: cannot be read'
}

@test "fault: a certificate that its user cannot read" {
	(umask 077 && put /etc/krsession/ca.crt <"$FRESH/tls.crt")
	configure '[redis]' 'endpoint = rediss://redis.example.com' \
		'tls_ca_file = /etc/krsession/ca.crt'
	expect_fault 1 'redis.tls_ca_file = /etc/krsession/ca.crt: cannot be used'
}

@test "fault: a port in use" {
	configure '[server]' 'listen = tcp:127.0.0.1:6379'
	expect_fault 5 'cannot listen on tcp:127.0.0.1:6379: Address already in use'
}

@test "fault: the path of a socket in use" {
	configure '[server]' 'listen = unix:/run/krsession/krsession.sock'
	expect_fault 5 'cannot listen on unix:/run/krsession/krsession.sock: '
}

@test "fault: a wrong password, where Redis must be there at the start" {
	inside redis-cli acl setuser krsession on '>right' '~*' '&*' +@all
	configure '[redis]' 'user = krsession' 'password = wrong' \
		'abort_on_connect_fail = yes'
	expect_fault 5 'redis 127.0.0.1:6379: WRONGPASS'
	inside redis-cli acl setuser krsession '>wrong'
	inside systemctl reset-failed $UNIT
	inside systemctl start $UNIT
	expect_hello
	inside redis-cli acl deluser krsession
}

@test "without its user it says so" {
	# A drop-in of a site may name another.
	drop_in <<-UNIT
		[Service]
		User=nobody-of-that-name
	UNIT
	run inside systemctl start $UNIT
	[ "$status" -ne 0 ]
	has Result exit-code
	[ "$(property ExecMainStatus)" -eq 217 ] # EXIT_USER, systemd.exec(5)
}

# ---- instances ----------------------------------------------------------

# Asked from here, by a way that leads into the container.
instance_counts() { # NAME
	kr_answers "/proc/$(machine_init)/root/run/krsession/$1.sock" \
		/session/counter || fail "$1 does not answer"
}

@test "instances have sockets and configurations of their own" {
	local name
	for name in one two; do
		printf '%s\n' '[redis]' "instance_name = $name:" |
			put "/etc/krsession/$name.conf"
		inside systemctl start "krsessiond@$name.socket"
	done
	instance_counts one
	instance_counts two
	[ "$(inside redis-cli keys '*:*' | cut -d: -f1 | sort | xargs)" = 'one two' ]
	inside systemctl stop krsessiond@one.{socket,service}
	instance_counts two
	inside test ! -e /run/krsession/one.sock
	inside systemctl reload krsessiond@two
	instance_counts two
}

# ---- docs/operations.md -------------------------------------------------

# What it prints, as root's shell does it.
typed() { # COMMAND
	inside bash -c "$1"
}

play() { # SECTION
	ops_play systemd "$1" typed
}

@test "operations: sessions answer 503; change the configuration" {
	expect_counter 1
	play 'Sessions answer 503'
	play 'Change the configuration'
	expect_counter 2
}

# A connection's first request has an id that ends with 1.
@test "operations: the log follows a request" {
	configure '[log]' 'level = debug'
	expect_counter 1
	play 'The log'
}

@test "operations: another password without downtime" {
	local before
	ops_play console 'Redis' typed 2
	ops_block '**A user of its own**' ini | put "$CONF"
	before=$(inside cat /etc/krsession/redis-password)
	expect_counter 1
	play 'Secrets'
	expect_counter 2
	[ "$(inside cat /etc/krsession/redis-password)" != "$before" ]
	run inside env "REDISCLI_AUTH=$before" redis-cli --user krsession ping
	[[ $output == *WRONGPASS* ]]
	inside redis-cli acl deluser krsession
	inside redis-cli config rewrite
}

@test "operations: several instances" {
	play 'Several instances'
	instance_counts shop
	[ "$(inside redis-cli keys 'shop:*' | wc -l)" -eq 1 ]
	inside systemctl disable --quiet krsessiond@shop.socket
}

@test "operations: no section of systemd's commands is left out" {
	local section
	while IFS= read -r section; do
		grep -q "play '$section'" "$BATS_TEST_DIRNAME/systemd.bash" ||
			fail "nobody plays '$section'"
	done < <(ops_sections systemd)
}
