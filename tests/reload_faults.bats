# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031
#
# Reloads that go wrong: what cannot be reloaded is refused with its reason
# while the old one goes on, and whoever is ended on the way, nobody is left
# behind. Reloads that go well are in reload.bats.

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

# The old one serves, alone, and a good reload is possible.
goes_on() { # [SECTION.KEY=VALUE...]
	serves
	is_alone
	conf_write "$@"
	reload
	serves
}

# ---- what is refused ----------------------------------------------------

@test "a bad configuration is refused with file, line and key" {
	redis_start
	conf_start
	warm_session
	printf '[session]\nidle_timeout = soon\n' >"$STACK/kr.conf"
	reload_refused "$STACK/kr.conf:2: session.idle_timeout = soon"
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
	goes_on
}

@test "a configuration that is gone is refused" {
	conf_start
	rm "$STACK/kr.conf"
	reload_refused "$STACK/kr.conf: cannot be read: No such file"
	goes_on
}

@test "a password file that is missing is refused" {
	conf_start
	conf_write "redis.password_file=$STACK/nothing"
	reload_refused "redis.password_file.*$STACK/nothing"
	goes_on
}

@test "a certificate that cannot be read is refused" {
	conf_start
	conf_write redis.endpoint=rediss://localhost:1 \
		"redis.tls_ca_file=$STACK/nothing.crt"
	reload_refused "$STACK/nothing.crt"
	goes_on
}

@test "a store that does not answer is refused where that is asked for" {
	redis_start
	conf_start
	conf_write "redis.endpoint=unix://$STACK/nobody.sock" \
		redis.connect_timeout=300ms redis.abort_on_connect_fail=yes
	reload_refused 'redis.abort_on_connect_fail is on'
	goes_on
}

@test "sessions in memory are not reloaded away" {
	conf_start store.kind=memory
	warm_session
	reload_refused 'store.kind = memory: sessions live in this process'
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
}

@test "nor does a reload lead to sessions in memory" {
	conf_start
	conf_write store.kind=memory
	reload_refused 'store.kind = memory: sessions would end'
	goes_on
}

@test "the listening socket is not changed by a reload" {
	local before
	before=$(id -Gn | tr ' ' '\n' | tail -n 1)
	conf_start
	conf_write "server.listen=unix:$STACK/other.sock"
	reload_refused "server.listen is 'unix:$STACK/other.sock' and was"
	conf_write server.socket_mode=0600
	reload_refused "server.socket_mode is '0600' and was '0666'"
	conf_write "server.socket_group=$before"
	reload_refused "server.socket_group is '$before' and was ''"
	goes_on
}

# ---- programs that do not serve -----------------------------------------

# A copy of the program, which the test replaces.
program_start() {
	cp "$KR_BUILD/krsessiond" "$STACK/program"
	conf_write
	server_start krsessiond "$STACK/program" -c "$STACK/kr.conf"
	within 10 serves || fail "krsessiond does not start"
}

program_replace() { # LINE OF SH
	printf '#!/bin/sh\n%s\n' "$1" >"$STACK/new"
	chmod 755 "$STACK/new"
	mv "$STACK/new" "$STACK/program"
}

program_good() {
	cp "$KR_BUILD/krsessiond" "$STACK/new"
	mv "$STACK/new" "$STACK/program"
}

@test "a program that is gone is refused" {
	program_start
	rm "$STACK/program"
	reload_refused "cannot start $STACK/program: No such file or directory"
	program_good
	goes_on
}

@test "a program that is none is refused" {
	program_start
	program_replace ''
	echo nonsense >"$STACK/program"
	reload_refused "cannot start $STACK/program: Exec format error"
	chmod 644 "$STACK/program"
	reload_refused "cannot start $STACK/program: Permission denied"
	program_good
	goes_on
}

@test "a program that crashes at its start is refused" {
	program_start
	program_replace 'kill -SEGV $$'
	reload_refused 'the new process was ended by signal 11 (.*) before it was'
	program_good
	goes_on
}

@test "a program that ends at its start is refused" {
	program_start
	program_replace 'exit 3'
	reload_refused 'the new process ended with status 3 before it was ready'
	program_good
	goes_on
}

@test "a program that does not know of reloads is refused in time" {
	program_start
	conf_write server.reload_timeout=500ms
	reload
	program_replace 'exec sleep 600'
	reload_refused 'not ready within server.reload_timeout (500 ms)'
	program_good
	goes_on
}

# ---- a stand-in that hangs before it is ready ---------------------------

# It waits for Redis, which does not answer.
hang_start() { # [SECTION.KEY=VALUE...]
	redis_start
	conf_start redis.abort_on_connect_fail=yes redis.connect_timeout=60s \
		"$@"
	redis_pause
	hang_up
	within 10 has_standin || fail "no stand-in"
}

@test "a stand-in that hangs is given up after a while" {
	hang_start server.reload_timeout=1500ms
	kill -STOP "$(standin_pid)"
	serves
	within 10 was_refused 1
	log_has 'not ready within server.reload_timeout \(1500 ms\)'
	redis_continue
	goes_on
}

@test "a stand-in that is killed before it is ready is refused" {
	hang_start
	kill -KILL "$(standin_pid)"
	within 10 was_refused 1
	log_has 'the new process was ended by signal 9 \(Killed\) before it'
	redis_continue
	goes_on
}

@test "SIGTERM does not wait for a stand-in that hangs" {
	hang_start
	kill -TERM "$(server_pid krsessiond)"
	server_wait krsessiond 5
	standin_gone
	[ ! -e "$KR_SOCKET" ]
}

@test "a stand-in that hangs ends when its parent was killed, once it sees" {
	hang_start redis.connect_timeout=2s
	server_kill krsessiond
	within 20 standin_gone
	redis_continue
}

# ---- the old one drains -------------------------------------------------

@test "SIGTERM while the old one drains ends both, and both answer" {
	local pid
	conf_start_slow
	reload_halfway
	pid=$(standin_pid)
	kill -TERM "$(server_pid slow)"
	run server_wait slow 1
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
	run server_wait slow 1
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
	run server_wait slow 1
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

# ---- the machine --------------------------------------------------------

@test "out of descriptors a reload is refused, and possible later" {
	conf_start
	prlimit --pid "$(server_pid krsessiond)" \
		--nofile="$(descriptor_count):1024"
	reload_refused 'cannot start .*: Too many open files'
	prlimit --pid "$(server_pid krsessiond)" --nofile=1024:1024
	goes_on
}

@test "a log that nobody reads does not hold up a reload" {
	local begin
	mkfifo "$STACK/full"
	exec 7<>"$STACK/full"
	conf_write
	# shellcheck disable=SC2016 # expanded by the inner shell
	server_start krsessiond sh -c 'exec "$@" 2>"$0"' "$STACK/full" \
		"$KR_BUILD/krsessiond" -c "$STACK/kr.conf"
	within 10 serves
	# As much as fits.
	dd if=/dev/zero of="$STACK/full" bs=4096 oflag=nonblock \
		2>"$STACK/dd" || true
	redis_start
	conf_write cookie.name=Other
	begin=$(now_us)
	hang_up
	within 30 sets_cookie Other
	(($(now_us) - begin < 20000000))
	serves
	exec 7>&-
}

sets_cookie() { # NAME
	is_alone || return
	ask -t 1000 /session/counter
	[[ $(header Set-Cookie) == "$1="* ]]
}

# A CGI program has no configuration to read anew: it ends with its request.
@test "SIGHUP is no reload of a plain CGI program" {
	local pid status=0
	mkfifo "$STACK/body"
	exec 7<>"$STACK/body"
	env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST PATH_INFO=/hello \
		CONTENT_LENGTH=10 "$KR_BUILD/krsessiond" <"$STACK/body" \
		>"$STACK/cgi" 2>&1 3>&- 4>&- 7>&- &
	pid=$!
	within 10 is_reading "$pid"
	kill -HUP "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 129 ]
	run ! grep . "$STACK/cgi"
	exec 7>&-
}

is_reading() { # PID
	[[ $(<"/proc/$1/wchan") == *pipe_read* ||
		$(<"/proc/$1/syscall") == '0 0x0 '* ]]
}

@test "what is said to be a reload and is none is an error" {
	run env KRSESSION_RELOAD=nonsense "$KR_BUILD/krsessiond" \
		-l "unix:$KR_SOCKET"
	[ "$status" -eq 2 ]
	[[ $output == *'KRSESSION_RELOAD=nonsense: is for a reload by another '* ]]
	run env KRSESSION_RELOAD="1 1 99 98 1 0 0 0 432 : unix:$KR_SOCKET" \
		"$KR_BUILD/krsessiond" -l "unix:$KR_SOCKET"
	[ "$status" -eq 1 ]
	[[ $output == *'descriptor 99, which a reload hands over, is no '* ]]
}
