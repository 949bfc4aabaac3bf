# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# What front servers ask krsession-guard about requests: check, challenge, and
# the role Authorizer.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/hostile.bash
source "$BATS_TEST_DIRNAME/lib/hostile.bash"
# shellcheck source=lib/guard.bash
source "$BATS_TEST_DIRNAME/lib/guard.bash"

setup_file() {
	stack_open
	guard_start -o 'guard.allow_hosts=app.example.com'
	sign_in max secret
	echo "$cookie" >"$STACK/max"
	sign_in eve other
	echo "$cookie" >"$STACK/eve"
}

teardown_file() {
	stack_close
}

setup() {
	max=$(<"$STACK/max")
	eve=$(<"$STACK/eve")
}

# ---- check --------------------------------------------------------------

@test "a visitor's check is 401" {
	ask /auth/check
	expect_json 401 '{"error":"Not signed in"}'
	expect_header X-Session-Why nobody
	expect_header WWW-Authenticate Session
	expect_nobody
}

@test "a check of who has signed in is 204 and says who it is" {
	check_as "$eve"
	expect 204 ''
	expect_header X-Session-User eve
	expect_header X-Session-Groups admin,staff
	expect_header X-Session-Id "${eve:0:22}"
	(($(header X-Session-Login) > $(date +%s) - 60))
	(($(header X-Session-Login) <= $(date +%s)))
	expect_header Cache-Control no-store
}

@test "each header is there also when it is empty" {
	check_as "$max"
	grep -qx 'X-Session-Groups: ' <<<"$headers"
	ask -p KR_REQUIRE=optional /auth/check
	[ "$code" = 204 ]
	[ "$(grep -cE '^X-Session-(User|Groups|Id|Login): $' <<<"$headers")" = 4 ]
}

@test "a check never sets a cookie" {
	for value in "$max" "$FORGED" "${max:0:64}x" ''; do
		check_as "$value"
		expect_no_header Set-Cookie
	done
}

@test "a forged and a foreign cookie are nobody's" {
	check_as "$FORGED"
	expect_nobody
	check_as "${max:0:22}${eve:22}"
	expect_nobody
}

@test "a check may have any method and come from any site" {
	for method in GET HEAD POST PUT PATCH DELETE; do
		check_as "$max" -m "$method" -p HTTP_SEC_FETCH_SITE=cross-site
		expect_user max
	done
}

@test "what a place requires decides" {
	check_as "$max" -p KR_REQUIRE=group:admin
	expect_json 403 '{"error":"Not allowed"}'
	expect_header X-Session-Why denied
	check_as "$eve" -p KR_REQUIRE=group:admin
	expect_user eve
	check_as "$max" -p 'KR_REQUIRE=group:admin user:max'
	expect_user max
	check_as "$max" -p KR_REQUIRE=fresh:3600
	expect_user max
}

@test "a requirement that is not understood lets nobody in, and says so" {
	check_as "$max" -p KR_REQUIRE=admin
	[ "$code" = 403 ]
	expect_header X-Session-Why unclear
	log_has 'KR_REQUIRE=admin is not understood'
}

@test "headers of the client are neither identity nor requirement nor path" {
	ask -p HTTP_X_SESSION_USER=eve -p HTTP_REMOTE_USER=eve \
		-p HTTP_KR_REQUIRE=optional -p HTTP_X_FORWARDED_USER=eve \
		-p HTTP_X_ORIGINAL_URI=/auth/style.css \
		-p HTTP_X_FORWARDED_URI=/auth/style.css \
		-p HTTP_X_AUTH_REQUEST_REDIRECT=/auth/style.css /auth/check
	expect_nobody
	check_as "$max" -p HTTP_X_SESSION_USER=eve -p HTTP_KR_REQUIRE=user:eve
	expect_user max
	expect_header X-Session-Groups ''
}

# ---- challenge ----------------------------------------------------------

@test "a page being loaded is sent to the login, to come back" {
	ask "${NAVIGATION[@]}" -p 'KR_URI=/a/b?c=d&e=f' /auth/challenge
	[ "$code" = 302 ]
	expect_header Location '/auth/login?rd=/a/b%3Fc%3Dd%26e%3Df'
	expect_header Cache-Control no-store
	expect_no_header Set-Cookie
}

@test "without Sec-Fetch-Mode it is Accept that tells" {
	ask -p 'HTTP_ACCEPT=text/html,*/*' -p KR_URI=/x /auth/challenge
	[ "$code" = 302 ]
	ask -p 'HTTP_ACCEPT=*/*' -p KR_URI=/x /auth/challenge
	expect_json 401 '{"error":"Not signed in"}'
	ask -p KR_URI=/x /auth/challenge
	[ "$code" = 401 ]
}

@test "scripts, images and websockets get 401 and no page" {
	for mode in cors no-cors same-origin websocket; do
		ask -p HTTP_SEC_FETCH_MODE="$mode" -p HTTP_ACCEPT=text/html \
			-p KR_URI=/x /auth/challenge
		expect_json 401 '{"error":"Not signed in"}'
	done
}

@test "a form that was sent is not to be sent again after the login" {
	ask "${NAVIGATION[@]}" -p KR_METHOD=POST -p KR_URI=/x /auth/challenge
	expect_header Location /auth/login
	ask "${NAVIGATION[@]}" -m POST -p KR_URI=/x /auth/challenge
	expect_header Location /auth/login
}

@test "neither another site nor the guard's own pages are come back to" {
	for uri in //evil.example/ https://evil.example/ '/\evil.example' \
		/auth/login /auth/check /auth//login '/%61uth/login'; do
		ask "${NAVIGATION[@]}" -p "KR_URI=$uri" /auth/challenge
		[ "$code" = 302 ]
		expect_header Location /auth/login
	done
	ask "${NAVIGATION[@]}" -p KR_URI=/auth/sessions /auth/challenge
	expect_header Location '/auth/login?rd=/auth/sessions'
	ask "${NAVIGATION[@]}" -p KR_URI=https://app.example.com/x /auth/challenge
	expect_header Location \
		'/auth/login?rd=https%3A//app.example.com/x'
}

@test "REQUEST_URI, which is the challenge's own, is not taken for the page" {
	ask "${NAVIGATION[@]}" -p REQUEST_URI=/x /auth/challenge
	expect_header Location /auth/login
}

@test "who may not go there is told so, as a page or in JSON" {
	ask_as "$max" "${NAVIGATION[@]}" -p KR_REQUIRE=group:admin \
		-p KR_URI=/x /auth/challenge
	[ "$code" = 403 ] && [[ $body == *max* ]]
	ask_as "$max" "${SCRIPT[@]}" -p KR_REQUIRE=group:admin /auth/challenge
	expect_json 403 '{"error":"Not allowed"}'
	ask_as "$max" "${NAVIGATION[@]}" -p KR_URI=/x /auth/denied
	[ "$code" = 403 ]
}

@test "a challenge of who would pass ends at the login, which says who it is" {
	ask_as "$max" "${NAVIGATION[@]}" -p KR_URI=/x /auth/challenge
	expect_header Location '/auth/login?rd=/x'
	ask_as "$max" '/auth/login?rd=/x'
	[ "$code" = 200 ]
	[[ $body == *max* && $body == *'href="/x"'* ]]
}

@test "a proof that is too old is 401, and wants the password again" {
	sign_in max secret
	sleep 1.1 # its age is in whole seconds
	within 5 old_enough
	expect_json 401 '{"error":"Password wanted again"}'
	expect_header X-Session-Why stale
	ask_as "$cookie" "${NAVIGATION[@]}" -p KR_REQUIRE=fresh:1 \
		-p KR_URI=/x /auth/challenge
	[ "$code" = 302 ]
	expect_header Location '/auth/step-up?rd=/x'
	ask_as "$cookie" "${SCRIPT[@]}" -p KR_REQUIRE=fresh:1 /auth/challenge
	expect_json 401 '{"error":"Password wanted again"}'
}

old_enough() {
	check_as "$cookie" -p KR_REQUIRE=fresh:1
	[ "$code" = 401 ]
}

# ---- the role Authorizer ------------------------------------------------

# In all ways that front servers have to ask.
authorize() { # COMMAND
	local way
	for way in '' -k --no-stdin '-k --no-stdin' --split \
		'--split --no-stdin'; do
		# shellcheck disable=SC2086 # several options
		ask --authorizer $way "${asked[@]}" /x/y || return
		"$@" || return
	done
}

@test "an authorizer lets through who has signed in, and names it" {
	asked=(-c "Kr.Session=$eve" -p KR_REQUIRE=group:admin)
	authorize expect_eve
}

expect_eve() {
	expect 200 '' &&
		expect_header Variable-X_SESSION_USER eve &&
		expect_header Variable-X_SESSION_GROUPS admin,staff &&
		expect_header Variable-X_SESSION_ID "${eve:0:22}" &&
		expect_header Variable-REMOTE_USER eve &&
		[[ $(header Variable-X_SESSION_LOGIN) =~ ^[0-9]+$ ]] &&
		expect_no_header Set-Cookie
}

@test "an authorizer is the challenge to who has not" {
	asked=("${NAVIGATION[@]}")
	authorize expect_login
	asked=("${SCRIPT[@]}")
	authorize expect_json 401 '{"error":"Not signed in"}'
}

expect_login() {
	[ "$code" = 302 ] && expect_header Location '/auth/login?rd=/x/y'
}

@test "an authorizer judges a request of any method, query and body" {
	for method in OPTIONS PROPFIND POST DELETE; do
		ask_as "$max" --authorizer -m "$method" \
			-p QUERY_STRING='a=%zz&%00' -p CONTENT_LENGTH=4096 \
			-p CONTENT_TYPE=image/png -p HTTP_SEC_FETCH_SITE=cross-site \
			'/x?a=%zz'
		[ "$code" = 200 ]
		expect_header Variable-X_SESSION_USER max
	done
}

@test "an authorizer's variables are all there for a visitor too" {
	ask --authorizer -p KR_REQUIRE=optional /x
	[ "$code" = 200 ]
	[ "$(grep -c '^Variable-[A-Z_]*: $' <<<"$headers")" = 5 ]
}

@test "KR_URI wins over REQUEST_URI in an authorizer" {
	ask --authorizer "${NAVIGATION[@]}" -p KR_URI=/z /x
	expect_header Location '/auth/login?rd=/z'
}

# bats test_tags=slow
@test "roles take turns on a connection" {
	raw begin:2:1 param:REQUEST_METHOD=GET params: answers:1 \
		begin:2:1 param:REQUEST_METHOD=GET params: stdin: answers:2 \
		begin:1:1 param:REQUEST_METHOD=GET \
		param:PATH_INFO=/auth/style.css params: stdin: answers:3 \
		begin:2:1 param:REQUEST_METHOD=GET params: answers:4 stdin: \
		begin:1:0 param:REQUEST_METHOD=GET \
		param:PATH_INFO=/auth/icon.svg params: stdin:
	[[ $said == *'answer 401 '*'answer 401 '*'answer 200 '*'answer 401 '*'answer 200 '* ]] ||
		fail "$said"
}

@test "a parameter does not make a responder an authorizer" {
	ask -p FCGI_ROLE=AUTHORIZER /auth/nowhere
	[ "$code" = 404 ]
}

# ---- errors -------------------------------------------------------------

@test "errors are pages to people and JSON to all others" {
	ask "${NAVIGATION[@]}" /auth/nowhere
	[ "$code" = 404 ]
	expect_header Content-Type 'text/html; charset=utf-8'
	[[ $body == *'There is no such page'* ]]
	ask /auth/nowhere
	expect_json 404 '{"error":"Not found"}'
	ask "${NAVIGATION[@]}" -m DELETE /auth/login
	[ "$code" = 405 ]
	expect_header Allow 'GET, HEAD, POST'
}

@test "nothing but the guard's pages is served" {
	for path in / /auth /auth/ /auth/login/ /authx/login /index.html; do
		ask "$path"
		[ "$code" = 404 ]
	done
}
