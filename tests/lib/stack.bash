# shellcheck shell=bash disable=SC2119,SC2120
#
# The servers of a test: Redis, krsessiond and a front server, each private
# to one folder, $STACK, with its sockets, logs and pids. Whoever opens a
# stack closes it; closing checks what must hold after every test:
#
#   - krsessiond ends with status 0 when asked to,
#   - no key in Redis lacks a time to live,
#   - no session's secret is in a log or in Redis,
#   - no sanitizer has complained.

KR_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
# What the caller calls KRSESSION_BUILD and so on: to krsessiond
# such names are misspelt options, so no process below may see them.
export KR_BUILD=${KRSESSION_BUILD:-${KR_BUILD:-$KR_ROOT/build}}
export KR_SANITIZE=${KRSESSION_SANITIZE:-${KR_SANITIZE-}}
export KR_REDIS=${KRSESSION_REDIS_SERVER:-${KR_REDIS:-redis-server}}
export KR_INSTALLED=$KR_BUILD/installed # what ./dev build puts there
export KR_DAEMON=$KR_INSTALLED/bin/krsessiond
unset KRSESSION_BUILD KRSESSION_SANITIZE KRSESSION_REDIS_SERVER
# shellcheck disable=SC2034 # read by bats: servers of a file are shared
BATS_NO_PARALLELIZE_WITHIN_FILE=true

# shellcheck source=tests/lib/fronts.bash
source "$KR_ROOT/tests/lib/fronts.bash"

fail() { # TEXT...
	printf '%s\n' "$@" >&2
	return 1
}

# Tries until it succeeds; what it waits for is a condition, never a time.
within() { # SECONDS COMMAND...
	local deadline=$(($(now_us) + $1 * 1000000))
	shift
	until "$@"; do
		(($(now_us) < deadline)) || return 1
		sleep 0.02
	done
}

now_us() {
	echo "${EPOCHREALTIME//[.,]/}"
}

stack_open() {
	STACK=$(mktemp -d "${TMPDIR:-/tmp}/krsession-XXXXXX")
	# Front servers started as root go on as www-data.
	((EUID != 0)) || { chgrp www-data "$STACK" && chmod 770 "$STACK"; }
	KR_SOCKET=$STACK/krsession.sock
	export STACK KR_SOCKET
	: >"$STACK/secrets"
}

stack_close() {
	local bad=0 name
	redis_pause_end
	server_running front && server_stop front
	for name in slow krsessiond; do
		! server_running "$name" || server_stop "$name" ||
			fail "$name did not end with status 0" || bad=1
	done
	stack_check || bad=1
	! server_running redis || server_stop redis || bad=1
	servers_end
	if ((bad)) || [[ ! ${BATS_TEST_COMPLETED-1} ]]; then
		tail -n 20 "$STACK"/*.log >&2
	fi
	rm -rf "$STACK"
	return "$bad"
}

stack_check() {
	local bad=0
	: >"$STACK/dump"
	if redis_running; then
		redis_check_ttls || bad=1
		redis_dump >"$STACK/dump"
	fi
	if [[ -s $STACK/secrets ]]; then
		! grep -aF -f "$STACK/secrets" "$STACK"/*.log "$STACK"/dump* ||
			fail "a session's secret has leaked" || bad=1
	fi
	! grep -aE 'ERROR: [A-Za-z]+Sanitizer|WARNING: ThreadSan|runtime error' \
		"$STACK"/*.log || bad=1
	return "$bad"
}

# ---- any server ---------------------------------------------------------

# Output goes to NAME.log; descriptors 3 and 4 are those of bats.
server_start() { # NAME COMMAND...
	local name=$1
	shift
	(cd "$STACK" && exec env --default-signal=INT,QUIT "$@") \
		>>"$STACK/$name.log" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$STACK/$name.pid"
}

server_pid() { # NAME
	cat "$STACK/$1.pid"
}

server_running() { # NAME
	[[ -e $STACK/$1.pid ]] && kill -0 "$(<"$STACK/$1.pid")" 2>/dev/null
}

server_gone() { # NAME
	! server_running "$1"
}

# The status it ended with, or 124 if it still runs.
server_wait() { # NAME SECONDS
	local pid
	pid=$(server_pid "$1")
	within "$2" server_gone "$1" || return 124
	rm "$STACK/$1.pid"
	wait "$pid"
}

# Returns the status it ended with; one that does not end is killed.
server_stop() { # NAME
	local status=0
	kill -TERM "$(server_pid "$1")"
	server_wait "$1" 15 || status=$?
	((status != 124)) || server_kill "$1"
	return "$status"
}

server_kill() { # NAME
	kill -KILL "$(server_pid "$1")"
	server_wait "$1" 10 2>/dev/null || [[ $? == 137 ]]
}

# Those that are left: nothing depends on how they end.
servers_end() {
	local pid
	for pid in "$STACK"/*.pid; do
		[[ ! -e $pid ]] || server_end "$(basename "$pid" .pid)"
	done
}

server_end() { # NAME
	[[ $1 != nginx ]] || return 0 # its own file, not one of ours
	! server_running "$1" || kill -KILL "$(server_pid "$1")"
	server_wait "$1" 10 2>/dev/null || true
}

# ---- Redis --------------------------------------------------------------

rcli() { # COMMAND...
	redis-cli -s "$STACK/redis.sock" "$@"
}

redis_start() { # [OPTION...]
	redis_start_as redis "$@"
}

redis_start_as() { # NAME [OPTION...]
	local name=$1
	shift
	server_start "$name" "$KR_REDIS" --port 0 --save '' --appendonly no \
		--loglevel warning --unixsocket "$STACK/$name.sock" \
		--dir "$STACK" "$@"
	within 10 redis_answers "$name" || fail "Redis does not start"
}

redis_answers() { # NAME
	[[ $(redis-cli -s "$STACK/$1.sock" ping 2>&1) =~ PONG|NOAUTH ]]
}

redis_stop_hard() {
	server_kill redis
}

redis_pause() {
	kill -STOP "$(server_pid redis)"
	: >"$STACK/redis.paused"
}

redis_continue() {
	rm "$STACK/redis.paused"
	kill -CONT "$(server_pid redis)"
}

redis_pause_end() {
	[[ ! -e $STACK/redis.paused ]] || redis_continue
}

redis_running() {
	server_running redis
}

# One redis-cli does a command on every key.
redis_each() { # COMMAND
	rcli --scan | sed "s/^/$1 /" | rcli
}

# Refuses keys that would live for ever.
redis_check_ttls() {
	! redis_each pttl | grep -qx -e -1 || fail "a key has no TTL"
}

redis_dump() {
	rcli --scan
	redis_each hgetall
}

# What a session's key is called under conf/tutorial.conf.
redis_key() { # COOKIE VALUE
	echo "KestrunSession_${1:0:22}"
}

# ---- krsessiond ---------------------------------------------------------

# The options that every program of a stack gets.
kr_options() {
	printf '%s\n' -c "$KR_ROOT/conf/tutorial.conf" \
		-o "redis.endpoint=unix://$STACK/redis.sock" -o log.level=debug
}

# Through spawn-fcgi, which hands over the socket as descriptor 0.
kr_start() { # [OPTION...]
	local options
	mapfile -t options < <(kr_options)
	server_start krsessiond spawn-fcgi -n -s "$KR_SOCKET" -M 0666 -- \
		"$KR_DAEMON" "${options[@]}" "$@"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "krsessiond does not start"
}

# Redis and krsessiond.
start_both() { # [KRSESSIOND OPTION...]
	redis_start
	kr_start "$@"
}

# A program with an own listener: krsessiond, another one of the build folder,
# or one by its path.
kr_listen() { # NAME PROGRAM ADDRESS [OPTION...]
	local name=$1 program=$2 address=$3 options
	shift 3
	case $program in
	krsessiond) program=$KR_DAEMON ;;
	/*) ;;
	*) program=$KR_BUILD/$program ;;
	esac
	mapfile -t options < <(kr_options)
	server_start "$name" "$program" -l "$address" "${options[@]}" "$@"
}

# The program of tests/slow_app.c, at $STACK/slow.sock.
slow_start() { # [OPTION...]
	kr_listen slow tests/slow_app "unix:$STACK/slow.sock" "$@"
	within 10 kr_answers "$STACK/slow.sock" /nowhere 404 ||
		fail "slow_app does not start"
}

kr_answers() { # ADDRESS PATH [STATUS]
	local answer
	answer=$("$KR_BUILD/tests/fcgi_client" -q -t 1000 "$1" "$2" 2>&1)
	[[ $answer == "${3:-200} "* ]]
}

# ---- the gate of slow_app -----------------------------------------------

# Sends a request to slow_app and returns once its handler waits at $GATE.
slow_begin() { # COOKIE VALUE, PATH?QUERY
	GATE=$STACK/gate
	"$KR_BUILD/tests/fcgi_client" -c "Kr.Session=$1" "$STACK/slow.sock" \
		"$2&gate=$GATE" >"$STACK/slow.answer" 3>&- 4>&- &
	SLOW_CLIENT=$!
	within 10 slow_waits 1 || fail "slow_app's handler did not run"
}

slow_waits() { # N: whether so many runs have come to the gate
	[[ $(stat -c %s "$GATE.waiting" 2>/dev/null) -ge $1 ]]
}

# Lets one run through.
slow_go_on() {
	printf x >>"$GATE"
}

# Waits for the answer; the status and the whole are left in variables.
slow_end() {
	wait "$SLOW_CLIENT"
	# shellcheck disable=SC2034 # both are for the tests
	SLOW_ANSWER=$(<"$STACK/slow.answer")
	# shellcheck disable=SC2034
	SLOW_CODE=${SLOW_ANSWER%% *}
}
