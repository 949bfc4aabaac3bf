# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031
#
# Reloads: SIGHUP has the program read its configuration anew, and be the one
# that is on the disk now, without a request that fails. What is refused is in
# reload_refused.bats, and who is ended on the way in reload_ended.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/notify.bash
source "$BATS_TEST_DIRNAME/lib/notify.bash"
# shellcheck source=lib/reload.bash
source "$BATS_TEST_DIRNAME/lib/reload.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	COUNTER=
	# A sanitizer makes a start ten times as long.
	RELOADS=50
	[[ ! $KR_SANITIZE ]] || RELOADS=10
	LOAD_RATE=400
}

teardown() {
	load_end
	[[ ! $COUNTER ]] || kill -KILL "$COUNTER" 2>/dev/null || true
	stack_close
}

# ---- under load ---------------------------------------------------------

# Reloads without end of load, and looks at what the server has after 5 and
# after all of them.
reload_often() {
	local i pid then_descriptors then_resident begin
	pid=$(server_pid krsessiond)
	begin=$(now_us)
	for ((i = 1; i <= RELOADS; i++)); do
		reload
		((i != 5)) || then_resident=$(resident)
		((i != 5)) || then_descriptors=$(descriptor_count)
	done
	kill -0 "$pid"
	echo "# $BATS_TEST_DESCRIPTION: $((($(now_us) - begin) / \
		RELOADS / 1000)) ms each, of that reloading" \
		"$(reload_times); RSS $then_resident, $(resident) KiB;" \
		"descriptors $then_descriptors, $(descriptor_count)" >&3
	is_alone
	# Connections come and go with the load; what leaks stays.
	within 5 has_descriptors "$((then_descriptors + 16))"
	[[ $KR_SANITIZE ]] || (($(resident) <= then_resident + 2048))
}

has_descriptors() { # AT MOST
	(($(descriptor_count) <= $1))
}

# "MEDIAN to LONGEST ms" as the log has it.
reload_times() {
	sed -n 's/.*info reloaded in \([0-9]*\) ms$/\1/p' \
		"$STACK/krsessiond.log" | sort -n |
		awk '{ t[NR] = $1 } END {
			print t[int((NR + 1) / 2)] " to " t[NR] " ms" }'
}

count_start() { # kept|unkept ADDRESS
	"$KR_BUILD/tests/fcgi_count" 16 "$1" "$2" >"$STACK/count" \
		2>"$STACK/count.err" 3>&- 4>&- &
	COUNTER=$!
	within 20 grep -q going "$STACK/count" || fail "the clients do not count"
}

# Nothing failed, and no kept connection was ended.
expect_count() {
	kill -TERM "$COUNTER"
	wait "$COUNTER"
	COUNTER=
	sed -n "s/^ans/# $BATS_TEST_DESCRIPTION: &/p" "$STACK/count" >&3
	grep -q '^answered=[1-9][0-9]* wrong=0 failed=0 ended=0 ' \
		"$STACK/count" ||
		fail "$(cat "$STACK/count.err")" "$(cat "$STACK/count")"
}

# What is counted in Redis is what was acknowledged.
expect_sums() {
	local sum
	sum=$(rcli --scan | sed 's/.*/hget & counter/' | rcli |
		awk '{ n += $1 } END { print n + 0 }')
	grep -q "^answered=$sum " "$STACK/count" ||
		fail "Redis has $sum, and the clients: $(cat "$STACK/count")"
}

@test "reloads under kept connections to a Unix socket lose nothing" {
	redis_start
	conf_start session.idle_timeout=10m
	count_start kept "$KR_SOCKET"
	reload_often
	expect_count
	expect_sums
}

# bats test_tags=slow
@test "reloads under kept connections over TCP lose nothing" {
	local port
	free_port port
	redis_start
	conf_write session.idle_timeout=10m "server.listen=tcp:127.0.0.1:$port"
	server_start krsessiond "$KR_DAEMON" -c "$STACK/kr.conf"
	within 10 kr_answers "127.0.0.1:$port" /hello
	count_start kept "127.0.0.1:$port"
	reload_often
	expect_count
	expect_sums
}

@test "reloads under a connection a request lose nothing" {
	redis_start
	conf_start session.idle_timeout=10m
	count_start unkept "$KR_SOCKET"
	reload_often
	expect_count
	expect_sums
}

# GET and POST, each answer the next number of its session.
reload_behind() { # FRONT
	front_start "$1"
	load_start 4
	load_add 4 --data n=1
	load_goes_on 20
	reload_often
	load_goes_on 5
	expect_load_without_503
}

@test "reloads behind nginx, which keeps connections, lose nothing" {
	redis_start
	conf_start session.idle_timeout=10m
	reload_behind nginx
}

# bats test_tags=slow
@test "reloads behind nginx over TCP lose nothing" {
	local port
	free_port port
	redis_start
	conf_write session.idle_timeout=10m "server.listen=tcp:127.0.0.1:$port"
	server_start krsessiond "$KR_DAEMON" -c "$STACK/kr.conf"
	within 10 kr_answers "127.0.0.1:$port" /hello
	FRONT_EDIT="s/server unix:krsession.sock/server 127.0.0.1:$port/"
	reload_behind nginx
}

@test "reloads behind lighttpd lose nothing" {
	redis_start
	conf_start session.idle_timeout=10m
	reload_behind lighttpd
}

# bats test_tags=slow
@test "reloads behind Apache, HAProxy, Caddy and h2o lose nothing" {
	local front
	RELOADS=5
	redis_start
	conf_start session.idle_timeout=10m
	for front in apache haproxy caddy h2o; do
		reload_behind "$front" || fail "that was $front"
		server_stop front || true
	done
}

# ---- what is new --------------------------------------------------------

@test "after a reload the configuration is as it is now, in the same process" {
	local pid
	redis_start
	conf_start log.level=info
	pid=$(server_pid krsessiond)
	ask /session/counter
	[[ $(header Set-Cookie) == Kr.Session=* ]]
	run ! grep -q ' debug ' "$STACK/krsessiond.log"
	conf_write log.level=debug cookie.name=Other session.idle_timeout=1h
	reload
	ask /session/counter
	[[ $(header Set-Cookie) == Other=* ]]
	grep -q ' debug ' "$STACK/krsessiond.log"
	(($(redis_each pttl | sort -n | tail -n 1) > 3500000))
	kill -0 "$pid"
	[ "$(server_pid krsessiond)" = "$pid" ]
}

@test "a session goes on over a reload" {
	redis_start
	conf_start
	warm_session
	reload
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
}

@test "the new program is taken where its file was replaced" {
	cp "$KR_INSTALLED/bin/krsessiond" "$STACK/program"
	conf_write
	server_start krsessiond "$STACK/program" -c "$STACK/kr.conf"
	within 10 serves
	cp "$KR_BUILD/tests/slow_app" "$STACK/new"
	mv "$STACK/new" "$STACK/program"
	serves
	reload
	run ! serves
	ask '/environment?name=KRSESSION_RELOAD'
	expect 200 -
}

@test "the log tells a reload in a few lines" {
	redis_start
	conf_start
	ask /session/counter
	reload
	sed -n '/SIGHUP/,$p' "$STACK/krsessiond.log" >"$STACK/story"
	sed -i 's/^[^ ]* //; s|unix:[^ ]*|SOCKET|; s/[0-9][0-9]*/N/g' \
		"$STACK/story"
	grep -qx 'info process N stood in for N requests in N batches' \
		"$STACK/story"
	# Two processes write: that line may come earlier.
	diff - <(grep -v ' stood in ' "$STACK/story") <<-STORY
		info SIGHUP: reloading: process N is to stand in
		info process N stands in, and gets our N connections; draining
		info drained, and starting anew after N requests in N batches
		info serving on SOCKET with N loops
		info reloaded in N ms
	STORY
}

# ---- what stays ---------------------------------------------------------

@test "the socket stays as it is, and is removed at the real end" {
	local before
	conf_start server.socket_mode=0640
	before=$(stat -c '%i %a %G' "$KR_SOCKET")
	reload
	reload
	[ "$(stat -c '%i %a %G' "$KR_SOCKET")" = "$before" ]
	server_stop krsessiond
	[ ! -e "$KR_SOCKET" ]
}

@test "a socket that was inherited as descriptor 0 stays that" {
	kr_start
	[[ $(readlink "/proc/$(server_pid krsessiond)/fd/0") == socket:* ]]
	reload
	reload
	serves
	[[ $(readlink "/proc/$(server_pid krsessiond)/fd/0") == socket:* ]]
	server_stop krsessiond
	[ -S "$KR_SOCKET" ]
}

# A launcher as systemd is one: descriptor 3, and variables about it.
listen_fds_start() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	server_start krsessiond spawn-fcgi -n -s "$KR_SOCKET" -- /bin/sh -c \
		'LISTEN_FDS=2 LISTEN_PID=$$ WATCHDOG_PID=$$ \
		exec "$0" "$@" 3<&0 4<&0 </dev/null' \
		"$KR_DAEMON" "$@"
	within 10 serves || fail "krsessiond does not start"
}

@test "systemd's descriptor 3 stays that" {
	local before
	listen_fds_start
	before=$(readlink "/proc/$(server_pid krsessiond)/fd/3")
	reload
	reload
	serves
	[ "$(readlink "/proc/$(server_pid krsessiond)/fd/3")" = "$before" ]
}

# A peer that goes on when the test says so.
peer_start() { # FCGI_RAW WORD...
	"$KR_BUILD/tests/fcgi_raw" -t 20000 "$KR_SOCKET" "$@" \
		>"$STACK/said" 3>&- 4>&- &
	PEER=$!
	within 10 grep -q '^waiting' "$STACK/said" || fail "no peer"
}

@test "a connection that was idle over a reload is served as before" {
	conf_start
	peer_start keep:/hello answers:1 "go:$STACK/go" keep:/hello answers:1 \
		"go:$STACK/gone" keep:/hello answers:1 leave:
	reload
	: >"$STACK/go"
	within 10 grep -qz 'answer 200.*answer 200' "$STACK/said"
	reload
	: >"$STACK/gone"
	wait "$PEER"
	[ "$(grep -c '^answer 200' "$STACK/said")" -eq 3 ]
}

@test "half a request is waited for, and answered, over a reload" {
	conf_start
	peer_start begin:1:1 param:REQUEST_METHOD=GET "go:$STACK/go" \
		param:PATH_INFO=/hello params: stdin: answers:1 \
		"go:$STACK/gone" keep:/hello answers:1 leave:
	hang_up
	within 20 standin_serves
	within 10 serves
	: >"$STACK/go"
	within 20 has_reloaded 1
	grep -q '^answer 200' "$STACK/said"
	: >"$STACK/gone"
	wait "$PEER"
	[ "$(grep -c '^answer 200' "$STACK/said")" -eq 2 ]
}

@test "who is served slowly is answered by the process that began it" {
	conf_start_slow
	reload_halfway
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	within 10 has_reloaded 1
}

@test "several SIGHUPs while a reload is under way are one more" {
	local i
	conf_start_slow
	reload_halfway
	for i in {1..20}; do
		hang_up
	done
	slow_go_on
	within 20 has_reloaded 2
	slow_serves
	[ "$(log_count 'SIGHUP: reloading')" -eq 2 ]
}

@test "a storm of SIGHUPs ends with a server and no other process" {
	local i n
	redis_start
	conf_start session.idle_timeout=10m
	count_start kept "$KR_SOCKET"
	for i in {1..20}; do
		hang_up
	done
	within 30 has_reloaded 1
	reload
	expect_count
	n=$(log_count 'SIGHUP: reloading')
	((n >= 2 && n <= 21))
	[ "$(log_count 'info reloaded in')" -eq "$n" ]
}

# ---- the service manager ------------------------------------------------

@test "the service manager is told of a reload, by the one process it knows" {
	local pid
	ear_start "$STACK/notify"
	conf_start
	pid=$(server_pid krsessiond)
	within 5 told READY=1
	reload
	within 5 told_often READY=1 2
	[ "$(heard | cut -d' ' -f1 | sort -u)" = "$pid" ]
	[ "$(heard | sed -n 's/.*\(READY\|RELOADING\)=1.*/\1/p' |
		paste -sd' ')" = 'READY RELOADING READY' ]
	heard | grep -qE 'RELOADING=1\|MONOTONIC_USEC=[0-9]+\|STATUS=reloading'
}

@test "a reload that is refused ends for the service manager, too, with why" {
	ear_start "$STACK/notify"
	conf_start
	conf_write log.level=loud
	reload_refused 'log.level'
	within 5 told_often READY=1 2
	heard | tail -n 1 | grep -q \
		'READY=1|STATUS=serving on .*; the last reload was refused: .*log.level'
	conf_write
	reload
	within 5 told_often READY=1 3
	run ! grep -q refused <(heard | tail -n 1)
}

# What the stand-in must not know, and what comes after it must.
@test "the service manager's variables are for the process that it knows" {
	ear_start "$STACK/notify"
	export WATCHDOG_USEC=60000000
	conf_start_slow
	reload_halfway
	tr '\0' '\n' <"/proc/$(standin_pid)/environ" >"$STACK/environ"
	run ! grep -E '^(NOTIFY|WATCHDOG|LISTEN)_' "$STACK/environ"
	grep -q ^KRSESSION_RELOAD= "$STACK/environ"
	for name in NOTIFY_SOCKET WATCHDOG_USEC KRSESSION_RELOAD; do
		ask_at "$STACK/slow.sock" "/environment?name=$name"
		expect 200 -
	done
	slow_go_on
	within 20 has_reloaded 1
	ask_at "$STACK/slow.sock" '/environment?name=KRSESSION_RELOAD'
	expect 200 -
	ask_at "$STACK/slow.sock" '/environment?name=NOTIFY_SOCKET'
	expect 200 "$STACK/notify"
}
