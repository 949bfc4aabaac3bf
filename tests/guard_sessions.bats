# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# The guard's list of a user's sessions and their ends, the logout, and the
# password that is wanted again.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/hostile.bash
source "$BATS_TEST_DIRNAME/lib/hostile.bash"
# shellcheck source=lib/guard.bash
source "$BATS_TEST_DIRNAME/lib/guard.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

FIREFOX='HTTP_USER_AGENT=Mozilla/5.0 (X11; Linux x86_64) Gecko Firefox/128.0'

# Two of max and one of eve.
three() { # [OPTION...]
	guard_start "$@"
	sign_in max secret -p "$FIREFOX"
	phone=$cookie
	sign_in max secret -p HTTP_USER_AGENT=curl/8
	here=$cookie
	sign_in eve other
	hers=$cookie
}

sessions_as() { # VALUE
	ask_as "$1" "${JSON[@]}" /auth/sessions
	[ "$code" = 200 ] || fail "$code $body"
}

# The password is old now, to the guard: fresh is 1 s, and ages are in whole
# seconds.
grow_stale() { # VALUE
	within 10 is_stale "$1"
}

is_stale() {
	check_as "$1" -p KR_REQUIRE=fresh:1
	[ "$code" = 401 ]
}

@test "the list has the user's sessions and no other's" {
	three
	sessions_as "$here"
	jq -e --arg here "${here:0:22}" --arg phone "${phone:0:22}" '
		(.sessions | length) == 2 and .more == 0 and
		(.sessions[0] | .id == $here and .current and .label == "curl")
		and (.sessions[1] | .id == $phone and (.current | not) and
			.label == "Firefox on Linux" and .ends > .seen)' \
		<<<"$body"
	ask_as "$here" /auth/sessions
	[[ $body == *'Firefox on Linux'* && $body == *'curl'* ]]
	[[ $body != *"${hers:0:22}"* && $body != *"${phone:22}"* ]]
}

@test "a visitor is sent to the login" {
	guard_start
	ask /auth/sessions
	[ "$code" = 303 ]
	expect_header Location '/auth/login?rd=/auth/sessions'
	ask "${JSON[@]}" /auth/sessions
	expect_json 401 '{"error":"Not signed in"}'
	post /auth/sessions action=others
	[ "$code" = 303 ]
}

@test "one is ended, and its next request opens nothing" {
	three
	post -c "Kr.Session=$here" /auth/sessions action=end id="${phone:0:22}"
	[ "$code" = 303 ]
	expect_header Location '/auth/sessions?ended=1'
	check_as "$phone"
	expect_nobody
	check_as "$here"
	expect_user max
	audited ended 'user="max"' "other=\"${phone:0:22}\""
}

@test "another user's session is not ended, and so not told from none" {
	three
	for id in "${hers:0:22}" AAAAAAAAAAAAAAAAAAAAAA x "../${hers:0:22}"; do
		post -c "Kr.Session=$here" "${JSON[@]}" /auth/sessions \
			action=end id="$id"
		expect_json 200 '{"ended":0}'
	done
	check_as "$hers"
	expect_user eve
}

@test "all others are ended" {
	three
	post -c "Kr.Session=$here" "${JSON[@]}" /auth/sessions action=others
	expect_json 200 '{"ended":1}'
	check_as "$phone"
	expect_nobody
	check_as "$here"
	expect_user max
	check_as "$hers"
	expect_user eve
	audited ended 'user="max"' others=1
}

@test "a form that says nothing of use is refused" {
	three
	for fields in action= action=all action=end 'id=x'; do
		post -c "Kr.Session=$here" /auth/sessions "$fields"
		[ "$code" = 400 ]
	done
}

@test "another site's form ends nothing" {
	three
	for from in HTTP_SEC_FETCH_SITE=cross-site \
		HTTP_SEC_FETCH_SITE=same-site HTTP_ORIGIN=https://evil.example; do
		for path in /auth/sessions /auth/logout /auth/step-up; do
			post -c "Kr.Session=$here" -p "$from" "$path" \
				action=others password=secret
			[ "$code" = 403 ]
		done
	done
	check_as "$phone"
	expect_user max
}

@test "a while after the login the password is wanted again" {
	three -o guard.fresh=1s
	grow_stale "$here"
	post -c "Kr.Session=$here" /auth/sessions action=others
	[ "$code" = 401 ] && [[ $body == *'name="password"'* ]]
	post -c "Kr.Session=$here" /auth/sessions action=others password=wrong
	[ "$code" = 401 ]
	check_as "$phone"
	expect_user max
	post -c "Kr.Session=$here" "${JSON[@]}" /auth/sessions action=others \
		password=secret
	expect_json 200 '{"ended":1}'
	check_as "$phone"
	expect_nobody
}

@test "step-up proves it anew, and gives the session a new secret" {
	guard_start
	sign_in max secret
	grow_stale "$cookie"
	ask_as "$cookie" '/auth/step-up?rd=/x'
	[ "$code" = 200 ] && [[ $body == *'name="password"'* ]]
	post -c "Kr.Session=$cookie" /auth/step-up password=wrong
	[ "$code" = 401 ]
	post -c "Kr.Session=$cookie" /auth/step-up password=secret rd=/x
	[ "$code" = 303 ]
	expect_header Location /x
	renewed=$(cookie_value)
	[ "${renewed:0:22}" = "${cookie:0:22}" ]
	check_as "$cookie"
	[ "$code" = 401 ]
	check_as "$renewed" -p KR_REQUIRE=fresh:5
	expect_user max
	audited step-up 'user="max"'
}

@test "step-up of a visitor is the login" {
	guard_start
	ask '/auth/step-up?rd=/x'
	[ "$code" = 303 ]
	expect_header Location '/auth/login?rd=/x'
	post "${JSON[@]}" /auth/step-up password=secret
	expect_json 401 '{"error":"Not signed in"}'
}

@test "a link does not sign out, its page asks" {
	guard_start
	sign_in max secret
	ask_as "$cookie" /auth/logout
	[ "$code" = 200 ] && [[ $body == *'method="post"'* ]]
	expect_no_header Set-Cookie
	check_as "$cookie"
	expect_user max
}

@test "a logout ends the session and its cookie" {
	guard_start
	sign_in max secret
	post -c "Kr.Session=$cookie" /auth/logout
	[ "$code" = 303 ]
	expect_header Location '/auth/login?out=1'
	[[ $(header Set-Cookie) == 'Kr.Session=;'*'Max-Age=0'* ]]
	check_as "$cookie"
	expect_nobody
	audited logout 'user="max"' "session=${cookie:0:22}"
	post "${JSON[@]}" /auth/logout
	expect_json 200 '{"message":"Signed out"}'
	ask '/auth/login?out=1'
	[[ $body == *'You have signed out.'* ]]
}

@test "a logout leads where it may" {
	guard_start
	sign_in max secret
	post -c "Kr.Session=$cookie" /auth/logout rd=/bye
	expect_header Location /bye
	post /auth/logout rd=//evil.example
	expect_header Location '/auth/login?out=1'
}

@test "an end is seen by another process at once" {
	redis_start
	three -o store.kind=redis
	kr_listen other "$KR_GUARD" "unix:$STACK/other.sock" \
		-o session.idle_timeout=20m \
		-o "guard.password_file=$STACK/passwords"
	within 10 kr_answers "$STACK/other.sock" /auth/login
	ask_at "$STACK/other.sock" -c "Kr.Session=$phone" /auth/check
	expect_user max
	post -c "Kr.Session=$here" /auth/sessions action=others
	[ "$code" = 303 ]
	ask_at "$STACK/other.sock" -c "Kr.Session=$phone" /auth/check
	expect_nobody
	server_stop other
}

@test "a user with more sessions than are allowed is told so" {
	guard_start -o session.max_per_user=1 \
		-o session.max_per_user_rule=refuse
	sign_in max secret
	post "${NAVIGATION[@]}" /auth/login user=max password=secret
	[ "$code" = 403 ]
	[[ $body == *'too many devices'* ]]
	check_as "$cookie"
	expect_user max
}

@test "a page shows so many sessions, and the one that asks is among them" {
	guard_start
	sign_in max secret
	here=$cookie
	for _ in {1..55}; do
		sign_in max secret
	done
	sessions_as "$here"
	[ "$(jq '.sessions | length' <<<"$body")" = 50 ]
	[ "$(jq .more <<<"$body")" = 6 ]
	[ "$(jq -r '.sessions[0].id' <<<"$body")" = "${here:0:22}" ]
}
