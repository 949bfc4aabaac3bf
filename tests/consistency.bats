# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# What must stay true of a session when requests meet, and when time passes.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	redis_start
}

teardown() {
	stack_close
}

# Makes a session with color=purple; its cookie is left in $cookie, its key
# in $key.
new_session() {
	ask '/session/set?key=color&value=purple'
	expect 200 \
		'{"message":"Stored in session","key":"color","value":"purple"}'
	cookie=$(cookie_value)
	key=$(redis_key "$cookie")
}

session_opens() {
	ask_as "$cookie" '/session/get?key=color'
	[ "$code" = 200 ]
}

session_is_gone() {
	ask_as "$cookie" '/session/get?key=color'
	[ "$code" = 404 ]
}

key_is_gone() {
	[ "$(rcli exists "$key")" -eq 0 ]
}

ttl() {
	rcli pttl "$key"
}

# ---- requests that meet -------------------------------------------------

# 1,000 requests of one cookie, 32 at a time; each answer in a file.
count_in_parallel() { # FOLDER
	curl --silent --noproxy '*' --parallel --parallel-immediate \
		--parallel-max 32 \
		--cacert "$STACK/tls.crt" --header "Cookie: Kr.Session=$cookie" \
		--output "$1/#1" --write-out '%{http_code}\n' \
		"$URL/session/counter?n=[1-1000]"
}

@test "1,000 parallel requests of one session count exactly 1,000" {
	kr_start
	front_start nginx
	new_session
	mkdir "$STACK/counts"
	count_in_parallel "$STACK/counts" >"$STACK/codes"
	[ "$(sort "$STACK/codes" | uniq -c | xargs)" = '1000 200' ]
	diff <(cat "$STACK/counts/"* | jq .counter | sort -n) <(seq 1000)
	[ "$(rcli hget "$key" counter)" -eq 1000 ]
}

@test "32 clients at once get 32 sessions" {
	kr_start
	"$KR_BUILD/tests/fcgi_client" -n 32 "$KR_SOCKET" /session/counter \
		>"$STACK/answers"
	[ "$(grep -c '"counter":1}' "$STACK/answers")" -eq 32 ]
	[ "$(grep -o 'Kr.Session=.\{22\}' "$STACK/answers" | sort -u |
		wc -l)" -eq 32 ]
	[ "$(rcli dbsize)" -eq 32 ]
}

@test "a writer that began before a logout brings nothing back" {
	kr_start
	slow_start
	new_session
	slow_begin "$cookie" '/slow/set?key=ghost&value=boo'
	ask_as "$cookie" /session/logout
	expect 200 '{"message":"Session cleared"}'
	[ "$(rcli dbsize)" -eq 0 ]
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 503 ]
	[[ $SLOW_ANSWER != *Set-Cookie:* ]]
	[ "$(rcli dbsize)" -eq 0 ]
	ask_as "$cookie" '/session/get?key=ghost'
	[ "$code" = 404 ]
}

@test "a counter that began before a logout brings nothing back" {
	kr_start
	slow_start
	new_session
	slow_begin "$cookie" '/slow/count?'
	ask_as "$cookie" /session/logout
	slow_go_on
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 503 ] || [[ $SLOW_ANSWER == *Set-Cookie:* ]]
	[ "$(rcli exists "$key")" -eq 0 ]
}

@test "a session that ends while a request writes is answered 503" {
	slow_start
	kr_start
	new_session
	slow_begin "$cookie" '/slow/set?key=ghost&value=boo'
	rcli del "$key"
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 503 ]
	[ "$(rcli dbsize)" -eq 0 ]
}

@test "two writers of different keys both keep their change" {
	kr_start
	slow_start
	new_session
	slow_begin "$cookie" '/slow/set?key=shape&value=round'
	ask_as "$cookie" '/session/set?key=size&value=big'
	[ "$code" = 200 ]
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	[ "$(rcli hmget "$key" color shape size | xargs)" = 'purple round big' ]
}

@test "an atomic handler runs again when another request wrote first" {
	kr_start
	slow_start
	new_session
	slow_begin "$cookie" '/slow/count?'
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	slow_go_on
	within 10 slow_waits 2
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	[[ $SLOW_ANSWER == *'{"counter":2}' ]]
	[ "$(rcli hget "$key" counter)" -eq 2 ]
	[ "$(stat -c %s "$GATE.waiting")" -eq 2 ]
}

slow_client_ended_or_waits() { # N
	! kill -0 "$SLOW_CLIENT" 2>/dev/null || slow_waits "$1"
}

@test "an atomic handler that never wins is 503 after io_timeout" {
	local run=0
	kr_start
	slow_start -o session.io_timeout=1s
	new_session
	slow_begin "$cookie" '/slow/count?'
	while kill -0 "$SLOW_CLIENT" 2>/dev/null; do
		run=$((run + 1))
		ask_as "$cookie" /session/counter
		slow_go_on
		within 10 slow_client_ended_or_waits $((run + 1))
		((run < 1000))
	done
	slow_end
	[ "$SLOW_CODE" = 503 ]
	[[ $SLOW_ANSWER == *Retry-After:* ]]
	((run > 9)) # as many as went into the time, not a fixed number
	[ "$(rcli hget "$key" counter)" -eq "$run" ]
}

# ---- two at the door ----------------------------------------------------

# What the counter of the session says whom that cookie opens, or nothing.
opens() { # COOKIE VALUE
	ask_as "$1" /session/whoami
	[ "$code" = 200 ]
}

@test "of two logins at once with one cookie each gets one that opens" {
	local first second
	kr_start
	slow_start
	new_session
	slow_begin "$cookie" '/slow/login?user=slow'
	ask_as "$cookie" '/session/login?user=fast'
	[ "$code" = 200 ]
	first=$(cookie_value)
	slow_go_on
	within 10 slow_client_ended_or_waits 2
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	headers=$SLOW_ANSWER
	second=$(cookie_value | tr -d '\r')
	[ "${first:0:22}" != "${second:0:22}" ]
	opens "$first"
	[ "$body" = '{"user":"fast"}' ]
	opens "$second"
	[ "$body" = '{"user":"slow"}' ]
	run ! opens "$cookie"
}

@test "many logins at once with one cookie: every cookie that is given opens" {
	local value n=0
	kr_start -o server.workers=2
	kr_listen slow krsessiond "unix:$STACK/slow.sock"
	within 10 kr_answers "$STACK/slow.sock" /hello
	for _ in {1..20}; do
		new_session
		"$KR_BUILD/tests/fcgi_client" -n 4 -c "Kr.Session=$cookie" \
			"$STACK/slow.sock" '/session/login?user=eve' \
			>"$STACK/others" 3>&- 4>&- &
		"$KR_BUILD/tests/fcgi_client" -n 4 -c "Kr.Session=$cookie" \
			"$KR_SOCKET" '/session/login?user=max' >"$STACK/answers"
		wait $!
		cat "$STACK/others" >>"$STACK/answers"
		run ! grep '^[1-9]' <(grep -v '^\(200\|409\) ' "$STACK/answers")
		while read -r value; do
			opens "$value" || fail "$value opens nothing"
			n=$((n + 1))
		done < <(sed -n 's/.*Kr\.Session=\([^;]*\).*/\1/p' \
			"$STACK/answers")
	done
	((n >= 20))
}

@test "a request that comes after a login with the old cookie is nobody" {
	kr_start
	new_session
	ask_as "$cookie" '/session/login?user=max'
	[ "$code" = 200 ]
	ask_as "$cookie" /session/whoami
	expect 401 '{"error":"No active session or user not set"}'
	expect_no_header Set-Cookie
	for path in /session/counter '/session/set?key=k&value=v' \
		'/session/login?user=eve' /session/logout; do
		ask_as "$cookie" "$path"
		expect_json 409 \
			'{"error":"Session was renewed meanwhile, send it again"}'
		expect_no_header Set-Cookie
	done
	[ "$(rcli --scan | grep -vc @)" -eq 1 ]
}

# A login 61 seconds ago: the digest as it is, with a time that much older.
renewed_long_ago() {
	local was
	new_session
	ask_as "$cookie" '/session/login?user=max'
	renewed=$(cookie_value)
	was=$(rcli --no-raw hget "$key" @was)
	[[ $was =~ [0-9]{13}\"$ ]]
	rcli eval "local was = redis.call('HGET', KEYS[1], '@was')
		return redis.call('HSET', KEYS[1], '@was', was:sub(1, 32) ..
			string.format('%d', was:sub(33) - 61000))" 1 "$key"
}

@test "a replaced cookie is known for a minute, then it is like any other" {
	kr_start
	renewed_long_ago
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	[[ $(cookie_value) != "${cookie:0:22}"* ]]
}

has_no_was() {
	[[ $(rcli hexists "$key" @was) == 0 ]]
}

@test "a read leaves the replaced digest, and the next write takes it away" {
	local before after
	kr_start
	renewed_long_ago
	before=$(rcli memory usage "$key")
	ask_as "$renewed" /session/whoami
	expect 200 '{"user":"max"}'
	[ "$(rcli hexists "$key" @was)" -eq 1 ]
	ask_as "$renewed" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	has_no_was
	after=$(rcli memory usage "$key")
	((after < before && after <= 250)) ||
		fail "$before bytes before, $after after"
}

@test "a touch takes the replaced digest away too" {
	kr_start
	renewed_long_ago
	pass_time 5000
	ask_as "$renewed" /session/whoami
	expect 200 '{"user":"max"}'
	within 5 has_no_was
	ask_as "$renewed" /session/whoami
	expect 200 '{"user":"max"}'
}

# ---- time ---------------------------------------------------------------

# A session ends a sixteenth late at most, so that reads need not write.
@test "a new session has the idle timeout and a sixteenth to live" {
	kr_start
	new_session
	(($(ttl) > 18000 && $(ttl) <= 21250))
}

@test "an idle session expires" {
	kr_start -o session.idle_timeout=1s
	new_session
	session_opens
	within 5 key_is_gone
	session_is_gone
}

# As after so many ms without a request.
pass_time() { # MS
	rcli pexpire "$key" $((21250 - $1))
	rcli hincrby "$key" @seen -"$1"
}

was_touched() {
	(($(ttl) > 18000 && $(ttl) <= 21250))
}

@test "reading keeps a session alive" {
	kr_start
	new_session
	pass_time 15000
	session_opens
	within 5 was_touched
}

@test "writing keeps a session alive" {
	kr_start
	new_session
	pass_time 15000
	ask_as "$cookie" /session/counter
	was_touched
}

@test "a request within a sixteenth of the idle timeout prolongs nothing" {
	kr_start -o session.idle_timeout=320s
	new_session
	rcli pexpire "$key" 300000
	session_opens
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
	(($(ttl) <= 300000))
}

@test "who knows only the name of a session does not prolong it" {
	kr_start
	new_session
	pass_time 15000
	ask_as "${cookie:0:22}${FORGED:22}" '/session/get?key=color'
	[ "$code" = 404 ]
	ask_as "${cookie:0:22}${FORGED:22}" /session/counter
	[ "$code" = 200 ]
	(($(ttl) <= 6250))
}

@test "clocks that disagree only make touches frequent" {
	kr_start
	new_session
	rcli pexpire "$key" 15000
	rcli hincrby "$key" @seen 3600000
	session_opens
	within 5 was_touched
}

@test "a session of an earlier version, without @seen, is prolonged" {
	kr_start
	new_session
	rcli hdel "$key" @seen
	rcli pexpire "$key" 5000
	session_opens
	within 5 was_touched
}

@test "reading does not carry a session past its absolute end" {
	kr_start -o session.idle_timeout=2s -o session.absolute_timeout=2s
	new_session
	session_opens
	within 5 session_is_gone
	[ "$(rcli exists "$key")" -eq 0 ]
}

@test "a write lets the session live no longer than its absolute end" {
	kr_start -o session.absolute_timeout=1h
	new_session
	rcli hset "$key" @born $(($(date +%s) - 3590)) @seen 1
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
	(($(ttl) > 0 && $(ttl) <= 10000))
}

@test "a session past its absolute end opens no more and takes no writes" {
	kr_start -o session.absolute_timeout=1h
	new_session
	rcli hset "$key" @born $(($(date +%s) - 3601))
	session_is_gone
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	[[ $(cookie_value) != "${cookie:0:22}"* ]]
}

# ---- limits -------------------------------------------------------------

@test "one value too many is 413 and the session stays as it was" {
	kr_start -o session.max_values=2
	new_session
	ask_as "$cookie" '/session/set?key=shape&value=round'
	[ "$code" = 200 ]
	ask_as "$cookie" '/session/set?key=size&value=big'
	expect_json 413 '{"error":"Session limit exceeded"}'
	[ "$(rcli hexists "$key" size)" -eq 0 ]
	ask_as "$cookie" '/session/set?key=shape&value=square'
	[ "$code" = 200 ]
	[ "$(rcli hmget "$key" color shape | xargs)" = 'purple square' ]
}

@test "a value too long is 413, and makes no session either" {
	kr_start -o session.max_value=6
	new_session
	ask_as "$cookie" '/session/set?key=color&value=magenta'
	expect_json 413 '{"error":"Session limit exceeded"}'
	[ "$(rcli hget "$key" color)" = purple ]
	ask '/session/set?key=color&value=magenta'
	expect_json 413 '{"error":"Session limit exceeded"}'
	expect_no_header Set-Cookie
	[ "$(rcli dbsize)" -eq 1 ]
}

@test "a session too large is 413" {
	local value
	value=$(printf '%0600d' 0)
	kr_start -o session.max_value=1000 -o session.max_size=1000
	new_session
	ask_as "$cookie" "/session/set?key=a&value=$value"
	[ "$code" = 200 ]
	ask_as "$cookie" "/session/set?key=b&value=$value"
	expect_json 413 '{"error":"Session limit exceeded"}'
	[ "$(rcli hexists "$key" b)" -eq 0 ]
}
