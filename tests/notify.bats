# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# What a service manager is told: systemd's notify protocol, to an ear of our
# own (tests/notify_listen.c) in the place of systemd's. Reloads have their own
# suite.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/notify.bash
source "$BATS_TEST_DIRNAME/lib/notify.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
}

teardown() {
	stack_close
}

serves() {
	kr_answers "$KR_SOCKET" /hello
}

# With a socket of its own, at $KR_SOCKET.
own_start() {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 serves || fail "krsessiond does not start"
}

@test "READY comes once it serves, with a status, from the process itself" {
	ear_start "$STACK/notify"
	own_start
	within 5 told 'READY=1|STATUS=serving on unix:'
	[ "$(heard | head -n 1)" = "$(server_pid krsessiond) READY=1|STATUS=serv\
ing on unix:$KR_SOCKET: 0 connections, 0 requests" ]
}

@test "a name of the abstract space, which begins with @, will do" {
	ear_start "@krsession-${STACK##*-}"
	own_start
	within 5 told 'READY=1'
}

@test "STOPPING comes before the drain" {
	ear_start "$STACK/notify"
	slow_start
	slow_begin '' '/slow/hello?'
	kill -TERM "$(server_pid slow)"
	within 5 told 'STOPPING=1|STATUS=draining'
	server_running slow
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
}

@test "the status follows what is served, and says when the store is away" {
	ear_start "$STACK/notify"
	redis_start
	own_start
	ask /session/counter
	[ "$code" = 200 ]
	within 15 told ' STATUS=serving on .*: [0-9]* connections, [1-9][0-9]* requests$'
	redis_stop_hard
	ask /session/counter
	[ "$code" = 503 ]
	within 15 told ' STATUS=serving .*; store away since 20..-..-..T..:..:..Z$'
}

# bats test_tags=slow
@test "a status that did not change is not said again" {
	local before
	ear_start "$STACK/notify"
	export WATCHDOG_USEC=800000
	own_start
	within 15 told ' STATUS=serving' # of the request that found it ready
	before=$(heard_count STATUS)
	within 20 told_often WATCHDOG=1 $(($(heard_count WATCHDOG=1) + 15))
	[ "$(heard_count STATUS)" -eq "$before" ]
}

@test "the watchdog hears of us twice as often as it wants" {
	ear_start "$STACK/notify"
	export WATCHDOG_USEC=1000000
	own_start
	within 5 told_often WATCHDOG=1 3
}

@test "a watchdog that is meant for another process hears nothing" {
	ear_start "$STACK/notify"
	export WATCHDOG_USEC=100000 WATCHDOG_PID=1
	own_start
	within 15 told ' STATUS=serving'
	[ "$(heard_count WATCHDOG=1)" -eq 0 ]
}

# $1 loops, all but $2 of them held by a handler that is not marked.
hold_loops() { # LOOPS FREE
	local i
	export WATCHDOG_USEC=600000
	GATE=$STACK/gate
	ear_start "$STACK/notify"
	slow_start -o "server.workers=$1"
	for ((i = $2; i < $1; i++)); do
		"$KR_BUILD/tests/fcgi_client" "$STACK/slow.sock" \
			"/slow/unmarked?gate=$GATE" >"$STACK/answer.$i" \
			3>&- 4>&- &
		within 10 slow_waits $((i - $2 + 1))
	done
}

@test "the watchdog goes on hearing of us while one loop comes round" {
	hold_loops 2 1
	within 10 told_often WATCHDOG=1 $(($(heard_count WATCHDOG=1) + 5))
	run ! grep "watchdog's" "$STACK/slow.log"
	slow_go_on
}

@test "when handlers hold all loops the watchdog hears no more, until they go on" {
	local stuck
	hold_loops 2 0
	within 10 grep -q "error handlers hold all loops .* watchdog's 600 ms" \
		"$STACK/slow.log"
	stuck=$(heard_count WATCHDOG=1)
	run ! within 2 told_often WATCHDOG=1 $((stuck + 1))
	slow_go_on
	slow_go_on
	within 5 told_often WATCHDOG=1 $((stuck + 2))
	[ "$(grep -c "watchdog's" "$STACK/slow.log")" -eq 1 ]
}

# ---- an ear that does not hear ------------------------------------------

warnings() {
	grep -c 'warning the service manager is not told' \
		"$STACK/krsessiond.log" || true
}

@test "a socket that is not there costs one warning" {
	export NOTIFY_SOCKET=$STACK/nobody WATCHDOG_USEC=100000
	own_start
	serves
	[ "$(warnings)" -eq 1 ]
	grep -q "NOTIFY_SOCKET = $STACK/nobody: No such file" \
		"$STACK/krsessiond.log"
}

@test "a socket that refuses costs one warning" {
	ear_start "$STACK/notify"
	server_kill ear
	export WATCHDOG_USEC=100000
	own_start
	serves
	[ "$(warnings)" -eq 1 ]
	grep -q 'Connection refused' "$STACK/krsessiond.log"
}

@test "a name that is neither a path nor abstract costs one warning" {
	export NOTIFY_SOCKET=notify
	own_start
	[ "$(warnings)" -eq 1 ]
	grep -q 'it must be a path or begin with @' "$STACK/krsessiond.log"
}

@test "a manager that does not listen holds up nobody" {
	ear_start "$STACK/notify"
	kill -STOP "$(server_pid ear)"
	export WATCHDOG_USEC=20000
	own_start
	for _ in {1..50}; do
		ask -t 5000 /hello
		[ "$code" = 200 ]
		((ms < 500))
	done
	kill -CONT "$(server_pid ear)"
	within 5 told WATCHDOG=1
	[ "$(warnings)" -eq 0 ]
}
