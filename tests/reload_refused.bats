# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031
#
# Reloads that do not come to it: what cannot serve is refused with its reason,
# and the old one goes on. Reloads that go well are in reload.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
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
	cp "$KR_INSTALLED/bin/krsessiond" "$STACK/program"
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
	cp "$KR_INSTALLED/bin/krsessiond" "$STACK/new"
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
		"$KR_DAEMON" -c "$STACK/kr.conf"
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
		CONTENT_LENGTH=10 "$KR_DAEMON" <"$STACK/body" \
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
	run env KRSESSION_RELOAD=nonsense "$KR_DAEMON" \
		-l "unix:$KR_SOCKET"
	[ "$status" -eq 2 ]
	[[ $output == *'KRSESSION_RELOAD=nonsense: is for a reload by another '* ]]
	run env KRSESSION_RELOAD="1 1 99 98 1 0 0 0 432 : unix:$KR_SOCKET" \
		"$KR_DAEMON" -l "unix:$KR_SOCKET"
	[ "$status" -eq 1 ]
	[[ $output == *'descriptor 99, which a reload hands over, is no '* ]]
}
