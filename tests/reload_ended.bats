# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031
#
# Whoever is ended while a reload is under way, and whatever changes once more:
# the service goes on where one of the two processes can, nobody is left
# behind, and a request is answered by who began it. The server is slow_app,
# whose gates hold the processes where a test wants them.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/notify.bash
source "$BATS_TEST_DIRNAME/lib/notify.bash"
# shellcheck source=lib/reload.bash
source "$BATS_TEST_DIRNAME/lib/reload.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
}

teardown() {
	stack_close
}

# ---- the old one drains -------------------------------------------------

@test "SIGTERM while the old one drains ends both, and both answer" {
	local pid
	conf_start_slow
	reload_halfway
	pid=$(standin_pid)
	kill -TERM "$(server_pid slow)"
	run server_wait slow 3
	[ "$status" -eq 124 ]
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	server_wait slow 10
	run ! kill -0 "$pid"
	[ ! -e "$STACK/slow.sock" ]
}

@test "a stand-in that is killed while the old one drains is done without" {
	conf_start_slow
	reload_halfway
	kill -KILL "$(standin_pid)"
	within 5 standin_is_dead
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	within 10 has_reloaded 1
	log_has "error process $(standin_pid) stood in and was ended by signal 9"
	slow_serves
	reload
}

# It may be a zombie, until its parent has drained.
standin_is_dead() {
	[[ $(ps -o state= -p "$(standin_pid)") != [RSDT] ]]
}

@test "a stand-in ends when its parent is killed, and takes the socket away" {
	local pid
	conf_start_slow
	reload_halfway
	pid=$(standin_pid)
	server_kill slow
	within 10 standin_gone
	[ ! -e "$STACK/slow.sock" ]
	log_has "process $pid stands in: process [0-9]+ has ended"
	wait "$SLOW_CLIENT" || true
}

@test "a handler past drain_timeout is given up, and all else goes on" {
	conf_start_slow server.drain_timeout=500ms
	slow_begin '' '/slow/hello?'
	reload
	log_has 'error requests were still running after server.drain_timeout'
	slow_end
	[ "$SLOW_CODE" = 000 ]
	slow_serves
	reload
}

@test "a signal to all processes of the name is one to the server" {
	conf_start_slow
	reload_halfway
	kill -HUP "$(standin_pid)"
	kill -TERM "$(standin_pid)"
	within 5 slow_serves
	has_standin
	slow_go_on
	within 20 has_reloaded 1
	[ "$(log_count 'SIGHUP: reloading')" -eq 1 ]
}

# ---- the new one starts -------------------------------------------------

# In the old one's place it waits for Redis, which does not answer any more;
# the stand-in serves.
restart_hangs() { # [SECTION.KEY=VALUE...]
	redis_start
	conf_start_slow redis.abort_on_connect_fail=yes \
		redis.connect_timeout=1500ms "$@"
	reload_halfway
	redis_pause
	slow_go_on
	within 10 log_has 'drained, and starting anew'
	slow_end
	[ "$SLOW_CODE" = 200 ]
	within 5 slow_serves
}

@test "a new one that cannot begin leaves the service to its stand-in" {
	ear_start "$STACK/notify"
	restart_hangs
	within 20 log_has 'error cannot start anew: .*abort_on_connect_fail.*; '\
'process [0-9]+ serves on; SIGHUP tries again'
	slow_serves
	within 5 told 'READY=1|STATUS=cannot start anew: '
	redis_continue
	hang_up
	within 20 has_reloaded 1
	slow_serves
	reload
}

@test "a file that was broken once more meanwhile ends nobody" {
	conf_start_slow
	reload_halfway
	echo broken >"$STACK/kr.conf"
	slow_go_on
	within 20 log_has "error cannot start anew: $STACK/kr.conf:1: "
	slow_serves
	hang_up
	within 20 log_often 'error cannot start anew: ' 2
	slow_serves
	conf_write "server.listen=unix:$STACK/slow.sock"
	hang_up
	within 20 has_reloaded 1
	slow_serves
}

log_often() { # PATTERN N
	(($(log_count "$1") >= $2))
}

@test "a program that went away meanwhile ends nobody" {
	cp "$KR_BUILD/tests/slow_app" "$STACK/program"
	RELOADED=slow
	conf_write "server.listen=unix:$STACK/slow.sock"
	server_start slow "$STACK/program" -c "$STACK/kr.conf"
	within 10 slow_serves
	reload_halfway
	mv "$STACK/program" "$STACK/aside"
	slow_go_on
	within 20 log_has "error cannot start anew: cannot execute $STACK/program"
	slow_serves
	mv "$STACK/aside" "$STACK/program"
	hang_up
	within 20 has_reloaded 1
	slow_serves
}

@test "SIGTERM while the stand-in serves alone ends both, and it answers" {
	conf_start_slow
	reload_halfway
	echo broken >"$STACK/kr.conf"
	slow_go_on
	within 20 log_has "error cannot start anew: $STACK/kr.conf:1: "
	rm -f "$STACK/gate"*
	slow_begin '' '/slow/hello?'
	kill -TERM "$(server_pid slow)"
	run server_wait slow 3
	[ "$status" -eq 124 ]
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	server_wait slow 10
	standin_gone
	[ ! -e "$STACK/slow.sock" ]
}

@test "SIGTERM while the new one starts is heeded as soon as it can be" {
	restart_hangs
	kill -TERM "$(server_pid slow)"
	server_wait slow 20
	standin_gone
	redis_continue
}

@test "without its stand-in a new one that cannot begin ends, with its reason" {
	local status=0
	restart_hangs
	kill -KILL "$(standin_pid)"
	server_wait slow 20 || status=$?
	[ "$status" -eq 1 ]
	log_has 'error cannot start anew: .*abort_on_connect_fail'
	log_has "error process $(standin_pid) stood in and was ended by signal 9"
	redis_continue
}

@test "a stand-in that is killed while the new one starts is done without" {
	restart_hangs redis.connect_timeout=20s
	kill -KILL "$(standin_pid)"
	redis_continue
	within 20 has_reloaded 1
	log_has "error process $(standin_pid) stood in and was ended by signal 9"
	slow_serves
	reload
}

@test "a stand-in ends when the new one is killed at its start" {
	restart_hangs
	server_kill slow
	within 10 standin_gone
	[ ! -e "$STACK/slow.sock" ]
	redis_continue
}

# ---- the stand-in drains ------------------------------------------------

# The new one serves, and the stand-in has a handler at the gate.
return_hangs() {
	conf_start_slow "$@"
	reload_halfway
	GATE=$STACK/gate2
	"$KR_BUILD/tests/fcgi_client" "$STACK/slow.sock" \
		"/slow/hello?gate=$GATE" >"$STACK/second.answer" 3>&- 4>&- &
	SECOND=$!
	within 10 slow_waits 1
	GATE=$STACK/gate
	slow_go_on
	within 10 log_has 'info reloaded in'
	GATE=$STACK/gate2
	has_standin
	slow_serves
}

@test "SIGTERM while the stand-in drains waits for its last answer" {
	return_hangs
	kill -TERM "$(server_pid slow)"
	run server_wait slow 3
	[ "$status" -eq 124 ]
	slow_go_on
	wait "$SECOND"
	grep -q '^200' "$STACK/second.answer"
	server_wait slow 10
	standin_gone
	[ ! -e "$STACK/slow.sock" ]
}

@test "a stand-in that is killed while it drains costs what it had" {
	return_hangs
	kill -KILL "$(standin_pid)"
	within 10 has_reloaded 1
	log_has "error process $(standin_pid) stood in and was ended by signal 9"
	slow_serves
	wait "$SECOND" || true
	reload
}

@test "a stand-in that drains for too long gives up" {
	return_hangs server.drain_timeout=1s
	within 10 has_reloaded 1
	log_has 'error requests were still running after server.drain_timeout'
	slow_serves
	wait "$SECOND" || true
}

@test "a stand-in that drains ends when the new one is killed" {
	return_hangs
	server_kill slow
	slow_go_on
	within 10 standin_gone
	wait "$SECOND"
	grep -q '^200' "$STACK/second.answer"
}
