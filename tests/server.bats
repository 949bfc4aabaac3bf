# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The daemon as a server: connections, its end, listeners, plain CGI and
# parameters. None of this needs a front server: tests/fcgi_client.c speaks to
# it directly.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	HELD=()
}

teardown() {
	release_all
	stack_close
}

hello_works() { # [ADDRESS]
	ask_at "${1:-$KR_SOCKET}" -t 2000 /hello
	[ "$code" = 200 ] && [ "$body" = 'Hello, Session World!' ]
}

hello_works_at_once() {
	hello_works && ((ms < 1000))
}

# ---- clients that hold on -----------------------------------------------

# Runs fcgi_client in the background, its standard input held open.
hold() { # NAME FCGI_CLIENT ARGUMENT...
	local name=$1
	shift
	mkfifo "$STACK/$name.fifo"
	"$KR_BUILD/tests/fcgi_client" "$@" <>"$STACK/$name.fifo" \
		>"$STACK/$name.out" 3>&- 4>&- &
	HELD+=($!)
}

is_ready() { # NAME
	grep -q '^ready' "$STACK/$1.out"
}

has_ended() { # PID
	! kill -0 "$1" 2>/dev/null
}

release_all() {
	local pid
	for pid in "${HELD[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	HELD=()
}

@test "64 idle connections hold no thread of 2 workers" {
	redis_start
	kr_start -o server.workers=2
	hold idle -q --idle 64 "$KR_SOCKET" /session/counter
	within 10 is_ready idle
	[ "$(grep -c '^200' "$STACK/idle.out")" -eq 64 ]
	for _ in {1..20}; do
		hello_works_at_once
	done
}

@test "a kept connection serves one request after another" {
	kr_start
	ask -k -r 100 -q /hello
	[ "$code" = 200 ]
	"$KR_BUILD/tests/fcgi_client" -q -k -n 8 -r 100 "$KR_SOCKET" /hello \
		>"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 800 ]
}

@test "half a request does not hold up others" {
	kr_start -o server.workers=2 -o server.receive_timeout=5s
	for i in 1 2 3 4; do
		hold "half$i" --half -t 15000 "$KR_SOCKET" /hello
		within 10 is_ready "half$i"
	done
	for _ in {1..20}; do
		hello_works_at_once
	done
}

@test "half a request is dropped after the receive timeout" {
	local verdict
	kr_start -o server.receive_timeout=500ms
	hold half --half -t 10000 "$KR_SOCKET" /hello
	within 10 has_ended "${HELD[0]}"
	verdict=$(tail -n 1 "$STACK/half.out")
	[[ $verdict == closed\ * ]]
	((${verdict#closed } >= 300 && ${verdict#closed } < 3000))
	hello_works
}

@test "a request that comes byte by byte is answered" {
	redis_start
	kr_start
	ask --split /hello
	expect 200 'Hello, Session World!'
	ask --split -m POST -b 'key=color&value=purple' \
		-p CONTENT_TYPE=application/x-www-form-urlencoded /session/set
	expect 200 \
		'{"message":"Stored in session","key":"color","value":"purple"}'
}

@test "a batch survives clients that leave before their answer" {
	redis_start
	kr_start
	for _ in {1..10}; do
		"$KR_BUILD/tests/fcgi_client" --leave -n 16 "$KR_SOCKET" \
			/session/counter
		"$KR_BUILD/tests/fcgi_client" -q -n 16 "$KR_SOCKET" \
			/session/counter >>"$STACK/answers"
	done
	[ "$(grep -c '^200' "$STACK/answers")" -eq 160 ]
	hello_works_at_once
}

# Bytes from no FastCGI client: curl speaks HTTP, with a random body.
make_noise() {
	head -c 4096 /dev/urandom |
		curl --silent --max-time 1 --unix-socket "$KR_SOCKET" \
			--data-binary @- --output /dev/null http://localhost/ ||
		true
}

@test "noise instead of FastCGI hurts nobody" {
	kr_start -o server.receive_timeout=500ms
	for _ in {1..10}; do
		make_noise
	done
	hello_works_at_once
}

unanswered() {
	ask -q -t 300 /hello
	[ "$code" = 000 ]
}

answered_in() { # NAME N
	(($(grep -c '^200' "$STACK/$1.out") >= $2))
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$(server_pid krsessiond)/stat"
}

@test "out of descriptors it waits without spinning, then accepts again" {
	local before
	kr_start
	prlimit --pid "$(server_pid krsessiond)" --nofile=48
	hold crowd -q --idle 80 -t 20000 "$KR_SOCKET" /hello
	within 10 answered_in crowd 16
	within 10 unanswered
	before=$(cpu_ticks)
	unanswered
	unanswered
	unanswered
	(($(cpu_ticks) - before <= 45)) # of the 90 ticks that passed
	release_all
	within 5 hello_works
	hello_works_at_once
}

@test "descriptors do not leak" {
	local before after
	redis_start
	kr_start
	"$KR_BUILD/tests/fcgi_client" -q -n 16 -r 5 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	before=$(find "/proc/$(server_pid krsessiond)/fd" | wc -l)
	"$KR_BUILD/tests/fcgi_client" -q -n 16 -r 50 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	within 5 hello_works
	after=$(find "/proc/$(server_pid krsessiond)/fd" | wc -l)
	((after <= before + 8))
}

# ---- the end ------------------------------------------------------------

# Sends a request to slow_app that waits at the gate.
begin_slow_hello() {
	GATE=$STACK/gate
	hold request "$STACK/slow.sock" "/slow/hello?gate=$GATE"
	within 10 slow_waits 1
}

@test "SIGTERM lets a request in flight be answered, and ends with 0" {
	slow_start
	begin_slow_hello
	kill -TERM "$(server_pid slow)"
	run server_wait slow 1
	[ "$status" -eq 124 ]
	slow_go_on
	server_wait slow 10
	within 5 has_ended "${HELD[0]}"
	grep -q '^200' "$STACK/request.out"
	grep -q 'Hello at last' "$STACK/request.out"
}

@test "SIGINT does the same" {
	slow_start
	begin_slow_hello
	kill -INT "$(server_pid slow)"
	slow_go_on
	server_wait slow 10
	within 5 has_ended "${HELD[0]}"
	grep -q '^200' "$STACK/request.out"
}

@test "the drain takes no longer than drain_timeout" {
	local start=$SECONDS status=0
	slow_start -o server.drain_timeout=500ms
	begin_slow_hello
	kill -TERM "$(server_pid slow)"
	server_wait slow 5 || status=$?
	[ "$status" -ne 124 ]
	((SECONDS - start <= 5))
}

@test "a handler that is stuck holds up nobody else" {
	slow_start -o server.workers=2
	# So that one worker is left, as there is little to do.
	"$KR_BUILD/tests/fcgi_client" -q -k -r 1000 "$STACK/slow.sock" \
		/nowhere >"$STACK/answers"
	slow_begin '' '/slow/unmarked?'
	for _ in {1..20}; do
		ask_at "$STACK/slow.sock" -t 5000 /nowhere
		[ "$code" = 404 ]
		((ms < 1000))
	done
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
}

@test "a handler that may block holds up nobody" {
	slow_start -o server.workers=1
	slow_begin '' '/slow/hello?'
	"$KR_BUILD/tests/fcgi_client" -q -k -n 4 -r 50 "$STACK/slow.sock" \
		/nowhere >"$STACK/answers"
	[ "$(grep -c '^404' "$STACK/answers")" -eq 200 ]
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
}

@test "a handler that holds its loop is named once a minute, if not marked" {
	slow_start -o server.workers=1
	for path in '/slow/unmarked?' '/slow/hello?' '/slow/unmarked?'; do
		rm -f "$STACK/gate"*
		slow_begin '' "$path" && sleep 0.1 # what is to be noticed
		slow_go_on
		slow_end
		[ "$SLOW_CODE" = 200 ]
	done
	[ "$(grep -c 'warning .*/slow/unmarked.*KR_BLOCKING' \
		"$STACK/slow.log")" -eq 1 ]
	run ! grep 'warning .*/slow/hello' "$STACK/slow.log"
}

# The scheduling policies of its threads, one a line; proc(5): 0 other, 3
# batch, 5 idle.
policies() {
	sed 's/.*) //' /proc/"$(server_pid krsessiond)"/task/*/stat |
		cut -d' ' -f39
}

@test "loops are of the batch class, unless the operator chose another" {
	local options
	kr_start -o server.workers=2
	[ "$(policies | grep -cx 3)" -eq 2 ]
	policies | grep -qx 0
	server_stop krsessiond
	rm "$KR_SOCKET"
	mapfile -t options < <(kr_options)
	server_start krsessiond chrt --idle 0 "$KR_DAEMON" \
		-l "unix:$KR_SOCKET" "${options[@]}"
	within 10 kr_answers "$KR_SOCKET" /hello
	[ "$(policies | sort -u)" = 5 ]
}

@test "idle connections do not hold up the end" {
	kr_start -o server.drain_timeout=10s
	hold idle -q --idle 16 "$KR_SOCKET" /hello
	within 10 is_ready idle
	kill -TERM "$(server_pid krsessiond)"
	server_wait krsessiond 3
}

@test "a hanging Redis does not hold up the end beyond its timeouts" {
	local status=0
	redis_start
	kr_start -o session.io_timeout=1s -o server.drain_timeout=2s
	ask /session/counter
	redis_pause
	hold request -q -c "Kr.Session=$(cookie_value)" "$KR_SOCKET" \
		/session/counter
	kill -TERM "$(server_pid krsessiond)"
	server_wait krsessiond 5 || status=$?
	[ "$status" -eq 0 ]
}

# ---- listeners ----------------------------------------------------------

@test "an own Unix socket has the mode that is asked for" {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET" \
		-o server.socket_mode=0600
	within 10 hello_works
	[ "$(stat -c %a "$KR_SOCKET")" = 600 ]
}

@test "an own Unix socket has mode 0660 unless told otherwise" {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
	[ "$(stat -c %a "$KR_SOCKET")" = 660 ]
}

@test "an own Unix socket has the group that is asked for" {
	local group
	group=$(id -Gn | tr ' ' '\n' | tail -n 1)
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET" \
		-o "server.socket_group=$group"
	within 10 hello_works
	[ "$(stat -c %G "$KR_SOCKET")" = "$group" ]
}

@test "the listener may come from the configuration" {
	server_start krsessiond "$KR_DAEMON" \
		-o "server.listen=unix:$KR_SOCKET"
	within 10 hello_works
}

@test "an own Unix socket is gone after an orderly end" {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
	server_stop krsessiond
	[ ! -e "$KR_SOCKET" ]
}

@test "systemd's descriptor 3 is a listener" {
	# shellcheck disable=SC2016 # expanded by the inner shell
	server_start krsessiond spawn-fcgi -n -s "$KR_SOCKET" -- /bin/sh -c \
		'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" 3<&0 </dev/null' \
		"$KR_DAEMON"
	within 10 hello_works
}

@test "a TCP listener is reached at its port" {
	local port
	for _ in {1..20}; do
		port=$((RANDOM % 10000 + 20000))
		kr_listen krsessiond krsessiond "tcp:127.0.0.1:$port"
		within 5 tcp_settled "$port"
		! server_running krsessiond || break
	done
	server_running krsessiond
	hello_works "127.0.0.1:$port"
}

tcp_settled() { # PORT
	server_gone krsessiond || hello_works "127.0.0.1:$1"
}

@test "the socket of a living server is not taken away" {
	local status=0
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
	kr_listen second krsessiond "unix:$KR_SOCKET"
	server_wait second 5 || status=$?
	[ "$status" -eq 1 ]
	grep -qF "$KR_SOCKET" "$STACK/second.log"
	hello_works
}

@test "the socket that a dead server left is replaced" {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
	server_kill krsessiond
	[ -S "$KR_SOCKET" ]
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
}

@test "a file that is no socket is not replaced" {
	local status=0
	echo precious >"$KR_SOCKET"
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	server_wait krsessiond 5 || status=$?
	[ "$status" -eq 2 ]
	[ "$(<"$KR_SOCKET")" = precious ]
}

@test "without a listener it says so and ends" {
	run timeout 5 "$KR_DAEMON" </dev/null
	[[ $status -eq 1 || $status -eq 2 ]]
	[[ $output == *-l* || $output == *listen* ]]
}

# ---- plain CGI ----------------------------------------------------------

cgi() { # NAME=VALUE...
	env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET \
		"KRSESSION_REDIS_ENDPOINT=unix://$STACK/redis.sock" \
		KRSESSION_COOKIE_NAME=Kr.Session "$@" "$KR_DAEMON"
}

@test "as a plain CGI program it answers one request" {
	run cgi PATH_INFO=/hello </dev/null
	[ "$status" -eq 0 ]
	[[ $output == *'Content-Type: text/plain; charset=utf-8'* ]]
	[[ $output == *$'\r\n\r\nHello, Session World!' ]]
}

@test "as a plain CGI program it keeps sessions" {
	local answer cookie
	redis_start
	answer=$(cgi PATH_INFO=/session/counter </dev/null)
	[[ $answer == *'"counter":1}' ]]
	cookie=$(sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/Ip' <<<"$answer")
	answer=$(cgi PATH_INFO=/session/counter "HTTP_COOKIE=$cookie" \
		</dev/null)
	[[ $answer == *'"counter":2}' ]]
}

@test "as a plain CGI program it reads a form" {
	redis_start
	run cgi PATH_INFO=/session/set REQUEST_METHOD=POST CONTENT_LENGTH=22 \
		CONTENT_TYPE=application/x-www-form-urlencoded \
		<<<'key=color&value=purple'
	[ "$status" -eq 0 ]
	[[ $output == *'"key":"color","value":"purple"}' ]]
}

# ---- parameters ---------------------------------------------------------

@test "the path is PATH_INFO, else DOCUMENT_URI, else SCRIPT_NAME" {
	run cgi DOCUMENT_URI=/hello SCRIPT_NAME=/nowhere </dev/null
	[[ $output == *'Hello, Session World!' ]]
	run cgi SCRIPT_NAME=/hello </dev/null
	[[ $output == *'Hello, Session World!' ]]
	run cgi PATH_INFO=/hello DOCUMENT_URI=/nowhere </dev/null
	[[ $output == *'Hello, Session World!' ]]
	run cgi PATH_INFO=/nowhere DOCUMENT_URI=/hello </dev/null
	[[ $output == *'{"error":"Not found"}' ]]
}

@test "several HTTP_COOKIE parameters are all read" {
	local value
	redis_start
	kr_start
	ask '/session/login?user=max'
	value=$(cookie_value)
	ask -c other=1 -c "Kr.Session=$FORGED" -c "Kr.Session=$value" \
		/session/whoami
	expect 200 '{"user":"max"}'
}

@test "of many cookies of our name only four are tried" {
	local value forged="Kr.Session=$FORGED"
	redis_start
	kr_start
	ask '/session/login?user=max'
	value=$(cookie_value)
	ask -c "$forged; $forged; $forged; Kr.Session=$value" /session/whoami
	expect 200 '{"user":"max"}'
	ask -c "$forged; $forged; $forged; $forged; Kr.Session=$value" \
		/session/whoami
	[ "$code" = 401 ]
}

@test "a cookie that is secure as the request trusts only HTTPS" {
	redis_start
	kr_start -o cookie.secure=same_as_request
	ask -p HTTPS=on /session/counter
	[[ $(header Set-Cookie) == *'; Secure'* ]]
	ask -p HTTP_X_FORWARDED_PROTO=https /session/counter
	[[ -n $(cookie_value) && $(header Set-Cookie) != *Secure* ]]
	ask -p HTTPS=off /session/counter
	[[ -n $(cookie_value) && $(header Set-Cookie) != *Secure* ]]
}

@test "the cookie's attributes follow the configuration" {
	redis_start
	kr_start -o cookie.domain=example.org -o cookie.path=/session \
		-o cookie.http_only=no -o cookie.same_site=strict \
		-o cookie.max_age=1h
	ask /session/counter
	[ "$(cookie_attributes)" = 'Domain=example.org Max-Age=3600 '\
'Path=/session SameSite=Strict Secure' ]
}
