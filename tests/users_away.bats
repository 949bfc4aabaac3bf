# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# Handlers that ask Redis about a user's sessions when it is away, hangs, says
# what it must not, or has something else in the index' place; and what
# connections they take. The program is tests/users_app.c.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
	redis_start
}

teardown() {
	stack_close
}

serve() { # [OPTION...]
	kr_listen krsessiond tests/users_app "unix:$KR_SOCKET" \
		-o server.socket_mode=0666 "$@"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "users_app does not start"
}

# Logs in; the cookie is left in $cookie.
log_in() { # USER
	ask "/login?user=$1"
	expect 200 in
	cookie=$(cookie_value)
}

# What a user asks for, each in a way of its own.
CALLS=('/sessions?of=max' '/end?of=max&id=AAAAAAAAAAAAAAAAAAAAAA'
	'/end/others?of=max' '/end/all?of=max' '/count?name=a&add=1&seconds=9')

connections() {
	rcli info stats |
		sed -n 's/^total_connections_received:\([0-9]*\).*/\1/p'
}

clients() {
	rcli client list | grep -vc 'cmd=client'
}

@test "Redis is away: 503 at once, and all is well when it is back" {
	local call
	serve
	log_in max
	ask '/sessions?of=max'
	[ "$code" = 200 ]
	redis_stop_hard
	for call in "${CALLS[@]}" "${CALLS[@]}"; do
		ask "$call"
		expect_unavailable || fail "$call"
		((ms < 2000)) || fail "$call took $ms ms"
	done
	ask /hello
	[ "$code" = 200 ]
	redis_start
	within 10 answers '/sessions?of=max' || fail "$code $body"
	expect 200 '[]'
	log_in max
	ask '/end/all?of=max'
	expect 200 '{"ended":1}'
}

answers() { # PATH
	ask "$1"
	[ "$code" = 200 ]
}

@test "Redis hangs: 503 after session.io_timeout" {
	local call
	serve -o session.io_timeout=500ms
	log_in max
	ask '/sessions?of=max'
	redis_pause
	for call in "${CALLS[@]}"; do
		ask "$call"
		expect_unavailable || fail "$call"
		((ms < 8000)) || fail "$call took $ms ms"
	done
	redis_continue
	within 10 answers '/sessions?of=max' || fail "$code $body"
	[ "$(jq length <<<"$body")" = 1 ]
}

# One call has been begun, and is not answered before the timeout.
call_that_hangs() {
	redis_pause
	"$KR_BUILD/tests/fcgi_client" -q "$KR_SOCKET" '/end/all?of=max' \
		>"$STACK/load" 3>&- 4>&- &
	HANGING=$!
}

@test "while a call hangs others are served" {
	serve -o session.io_timeout=5s -o server.workers=1
	log_in max
	call_that_hangs
	ask /hello
	[ "$code" = 200 ]
	[ ! -s "$STACK/load" ] || fail "the call did not hang"
	redis_continue
	wait "$HANGING"
	grep -q '^200 ' "$STACK/load"
	ask_as "$cookie" /whoami
	expect 200 nobody
}

# The listener, and a client's connection, taken or not.
is_connected() {
	(($(grep -c " $KR_SOCKET\$" /proc/net/unix) >= 2))
}

@test "a program that is told to end while a call hangs answers it first" {
	serve -o session.io_timeout=3s -o server.drain_timeout=12s
	log_in max
	ask '/count?name=a&add=1&seconds=9'
	call_that_hangs
	within 5 is_connected
	server_stop krsessiond
	wait "$HANGING"
	grep -q '^503 ' "$STACK/load"
	redis_continue
}

@test "what stands in the index' place is an error, and what is in it no harm" {
	local call
	serve
	log_in max
	# Entries that name nothing, nobody, or somebody else's.
	rcli zadd 'KestrunSession_@user:max' 9e15 x 9e15 '' \
		9e15 AAAAAAAAAAAAAAAAAAAAAA 9e15 "$(printf '\377%.0s' {1..22})" \
		9e15 "$(printf 'y%.0s' {1..5000})" >/dev/null
	ask /login?user=moritz
	rcli zadd 'KestrunSession_@user:max' 9e15 \
		"$(cookie_value | cut -c1-22)" >/dev/null
	ask '/sessions?of=max'
	expect 200 "$body"
	[ "$(jq -r '.[].id' <<<"$body")" = "${cookie:0:22}" ]
	ask '/end/all?of=max'
	expect 200 '{"ended":1}'
	ask_as "$cookie" /whoami
	expect 200 nobody
	ask '/sessions?of=moritz'
	[ "$(jq length <<<"$body")" = 1 ]
	rcli set 'KestrunSession_@user:eve' text ex 1000
	for call in sessions end/all end/others; do
		ask "/$call?of=eve"
		expect_unavailable || fail "$call"
	done
	ask '/login?user=eve'
	expect_unavailable
	expect_no_header Set-Cookie
	ask '/sessions?of=moritz'
	[ "$code" = 200 ]
}

@test "calls at once take no more connections than threads, and keep them" {
	local before after
	serve -o server.threads=4 -o server.workers=1
	log_in max
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -r 4 "$KR_SOCKET" \
		'/sessions?of=max' >"$STACK/load"
	[ "$(grep -c '^200 ' "$STACK/load")" = 128 ]
	(($(clients) <= 1 + 4)) || fail "$(rcli client list)"
	before=$(connections)
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -r 4 "$KR_SOCKET" \
		'/sessions?of=max' >"$STACK/load"
	[ "$(grep -c '^200 ' "$STACK/load")" = 128 ]
	after=$(connections)
	# These looks of ours are connections, too.
	((after - before <= 4)) || fail "$before $after"
}

@test "a connection that broke while nobody used it is made anew" {
	serve
	log_in max
	ask '/sessions?of=max'
	[ "$code" = 200 ]
	rcli client kill type normal >/dev/null
	ask '/sessions?of=max'
	[[ $code == 200 && $(jq length <<<"$body") == 1 ]] || fail "$code $body"
	rcli client kill type normal >/dev/null
	ask '/end/all?of=max'
	expect 200 '{"ended":1}'
}

# Names are not looked up by the threads that wait for the connection.
@test "calls on all threads of the pool at once reach a Redis by its name" {
	server_stop redis
	redis_start_tcp
	serve -o server.threads=1 -o "redis.endpoint=redis://localhost:$PORT"
	log_in max
	ask '/sessions?of=max'
	[ "$code" = 200 ] || fail "$code $body"
	"$KR_BUILD/tests/fcgi_client" -q -n 8 "$KR_SOCKET" \
		'/sessions?of=max' >"$STACK/load"
	[ "$(grep -c '^200 ' "$STACK/load")" = 8 ]
}
