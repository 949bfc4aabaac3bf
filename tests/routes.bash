# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# Every route, status, header and refusal, through a front server. The files
# routes_*.bats are links to this one, and the name says what is different:
# the front server (nginx, lighttpd, apache, haproxy, caddy, h2o), or the store
# behind nginx (tls with a user of the smallest ACL, sentinel, cluster; sqlite,
# postgresql), or that all of it is in containers (docker, docker-nginx and so
# on: the files of docker/ that are put together).

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

VARIANT=${BATS_TEST_FILENAME##*_}
VARIANT=${VARIANT%.bats}
FRONT=nginx
[[ ! -e $KR_ROOT/conf/$VARIANT.conf ]] || FRONT=$VARIANT
if [[ $VARIANT == sqlite ]]; then
	# shellcheck source=lib/sqlite.bash
	source "$BATS_TEST_DIRNAME/lib/sqlite.bash"
fi
if [[ $VARIANT == postgresql ]]; then
	# shellcheck source=lib/postgresql.bash
	source "$BATS_TEST_DIRNAME/lib/postgresql.bash"
fi
if [[ $VARIANT == docker* ]]; then
	# shellcheck source=lib/docker.bash
	source "$BATS_TEST_DIRNAME/lib/docker.bash"
fi

NO_USER='{"error":"No active session or user not set"}'
MISSING_USER="{\"error\":\"Missing 'user' query parameter\",\
\"example\":\"/session/login?user=max\"}"
MISSING_KEY="{\"error\":\"Missing 'key' query parameter\",\
\"example\":\"/session/get?key=color\"}"
MISSING_PAIR="{\"error\":\"Missing 'key' and/or 'value' query parameter(s)\",\
\"example\":\"/session/set?key=color&value=purple\"}"
RESERVED="{\"error\":\"Keys cannot be empty or begin with '@'\"}"
CROSS_SITE='{"error":"Cross-site requests cannot change state"}'
NOT_ALLOWED='{"error":"Method not allowed"}'
WRONG_LENGTH='{"error":"Content-Length is not that of the body"}'
CLEARED='{"message":"Session cleared"}'

setup_file() {
	stack_open
	world_start "$VARIANT"
	front_start "$FRONT"
}

teardown_file() {
	[[ $VARIANT != postgresql ]] || postgresql_end
	stack_close
}

counted() { # N
	echo "{\"message\":\"Counter incremented\",\"counter\":$1}"
}

stored() { # KEY VALUE
	echo "{\"message\":\"Stored in session\",\"key\":\"$1\",\"value\":\"$2\"}"
}

# ---- what the routes say ------------------------------------------------

@test "hello answers plain text" {
	visit /hello
	expect 200 'Hello, Session World!'
	expect_header Content-Type 'text/plain; charset=utf-8'
}

@test "hello makes no session" {
	visit /hello
	expect 200 'Hello, Session World!'
	expect_no_header Set-Cookie
}

@test "the counter begins at 1 and goes up by one" {
	for n in 1 2 3; do
		visit /session/counter
		expect_json 200 "$(counted "$n")"
	done
}

@test "another client has a counter of its own" {
	visit /session/counter
	visit /session/counter
	fetch /session/counter
	expect_json 200 "$(counted 1)"
}

@test "login names the user and whoami tells it" {
	visit '/session/login?user=max'
	expect_json 200 '{"message":"Logged in","user":"max"}'
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "login without a user, or a blank one, is 400 and logs nobody in" {
	for query in '' '?user=' '?user' '?user=%20%09+' '?other=max'; do
		visit "/session/login$query"
		expect_json 400 "$MISSING_USER"
		expect_no_header Set-Cookie
	done
	visit /session/whoami
	expect_json 401 "$NO_USER"
}

@test "whoami without a session is 401 and makes none" {
	visit /session/whoami
	expect_json 401 "$NO_USER"
	expect_no_header Set-Cookie
}

@test "whoami in a session without a user is 401" {
	visit /session/counter
	visit /session/whoami
	expect_json 401 "$NO_USER"
}

@test "what set stores, get finds" {
	visit '/session/set?key=color&value=purple'
	expect_json 200 "$(stored color purple)"
	visit '/session/get?key=color'
	expect_json 200 '{"key":"color","value":"purple"}'
}

@test "set replaces a value" {
	visit '/session/set?key=color&value=purple'
	visit '/session/set?key=color&value=green'
	visit '/session/get?key=color'
	expect_json 200 '{"key":"color","value":"green"}'
}

@test "set without key or value, or with blank ones, is 400" {
	for query in '' '?key=color' '?value=purple' '?key=&value=purple' \
		'?key=color&value=' '?key=%20&value=purple' '?key=color&value=+'; do
		visit "/session/set$query"
		expect_json 400 "$MISSING_PAIR"
		expect_no_header Set-Cookie
	done
}

@test "get without a key, or with a blank one, is 400" {
	for query in '' '?key=' '?key=%09' '?value=purple'; do
		visit "/session/get$query"
		expect_json 400 "$MISSING_KEY"
	done
}

@test "get of an absent key is 404, with and without a session" {
	visit '/session/get?key=color'
	expect_json 404 "{\"error\":\"Key 'color' not found in session\"}"
	visit /session/counter
	visit '/session/get?key=color'
	expect_json 404 "{\"error\":\"Key 'color' not found in session\"}"
}

@test "logout says so, with a session and without" {
	visit /session/counter
	visit /session/logout
	expect_json 200 "$CLEARED"
	visit /session/logout
	expect_json 200 "$CLEARED"
}

@test "an unknown path is 404" {
	for path in /nowhere /session /session/ /session/counter/ /HELLO; do
		visit "$path"
		expect_json 404 '{"error":"Not found"}'
	done
}

# ---- the start page -----------------------------------------------------

@test "the start page comes with a policy that lets nothing else in" {
	visit /
	[ "$code" = 200 ]
	[[ $body == '<!DOCTYPE html>'*action=\"/session/counter\"*'</html>'* ]]
	expect_header Content-Type 'text/html; charset=utf-8'
	expect_header Content-Security-Policy "default-src 'none';\
 base-uri 'none'; frame-ancestors 'none'; style-src 'self'; script-src 'self';\
 img-src 'self'; connect-src 'self'; form-action 'self'"
	expect_header X-Content-Type-Options nosniff
	expect_header Referrer-Policy same-origin
	expect_no_header Set-Cookie
}

@test "what belongs to the page comes from the program itself" {
	visit /start.css
	expect_header Content-Type 'text/css; charset=utf-8'
	[ "$code:$body" = "200:$(cat "$KR_ROOT"/www/{base,start}.css)"$'\n' ]
	visit /start.js
	expect_header Content-Type 'text/javascript; charset=utf-8'
	[ "$code:$body" = "200:$(<"$KR_ROOT/www/start.js")"$'\n' ]
	visit /icon.svg
	expect_header Content-Type image/svg+xml
	[ "$code:$body" = "200:$(<"$KR_ROOT/www/icon.svg")"$'\n' ]
}

@test "what the browser has of the page is not sent again" {
	local tag
	for path in / /start.css /start.js /icon.svg; do
		visit "$path"
		tag=$(header ETag)
		[[ $tag =~ ^\"[0-9a-f]{32}\"$ ]]
		expect_header Cache-Control no-cache
		visit --header "If-None-Match: \"other\", W/$tag" "$path"
		expect 304 ''
		expect_header ETag "$tag"
		visit --header 'If-None-Match: "other"' "$path"
		[ "$code" = 200 ]
	done
}

# ---- headers ------------------------------------------------------------

@test "answers of session routes, good and bad, are not to be cached" {
	for path in /session/counter /session/whoami /session/login \
		'/session/login?user=max' /session/set '/session/set?key=k&value=v' \
		'/session/get?key=k' '/session/get?key=absent' /session/logout; do
		visit "$path"
		expect_header Cache-Control no-store
		expect_header Vary Cookie
	done
}

@test "the cookie of a new session has the attributes of the configuration" {
	visit /session/counter
	[[ $(cookie_value) =~ ^[A-Za-z0-9_-]{65}$ ]]
	[ "$(cookie_attributes)" = 'HttpOnly Path=/ SameSite=Lax Secure' ]
}

@test "a request that changes no cookie sends none" {
	visit /session/counter
	visit /session/counter
	expect_json 200 "$(counted 2)"
	expect_no_header Set-Cookie
	visit /session/whoami
	expect_no_header Set-Cookie
}

@test "HEAD gives the headers of GET and no body" {
	visit --head /hello
	expect 200 ''
	expect_header Content-Type 'text/plain; charset=utf-8'
	visit --head /session/counter
	expect_json 200 ''
	visit --head /session/whoami
	expect_json 401 ''
	visit --head /nowhere
	expect_json 404 ''
}

@test "HEAD does what GET does" {
	visit --head /session/counter
	visit /session/counter
	expect_json 200 "$(counted 2)"
}

# ---- methods ------------------------------------------------------------

@test "POST works on every route that changes state" {
	visit --data '' /session/counter
	expect_json 200 "$(counted 1)"
	visit --data user=max /session/login
	expect_json 200 '{"message":"Logged in","user":"max"}'
	visit --data 'key=color&value=purple' /session/set
	expect_json 200 "$(stored color purple)"
	visit '/session/get?key=color'
	expect_json 200 '{"key":"color","value":"purple"}'
	visit --data '' /session/logout
	expect_json 200 "$CLEARED"
}

@test "a form may name its charset and come in chunks" {
	visit --data 'key=color&value=purple' --header "Content-Type: \
application/x-www-form-urlencoded; charset=UTF-8" /session/set
	expect_json 200 "$(stored color purple)"
	visit --http1.1 --data 'key=color&value=green' \
		--header 'Transfer-Encoding: chunked' /session/set
	# Caddy says CONTENT_LENGTH -1 then, which nobody may (RFC 3875).
	if [[ $VARIANT == caddy ]]; then
		expect_json 400 "$WRONG_LENGTH"
	else
		expect_json 200 "$(stored color green)"
	fi
}

@test "the query comes before the form" {
	visit --data 'key=color&value=green' '/session/set?value=purple'
	expect_json 200 "$(stored color purple)"
}

@test "POST on a route that only reads is 405 and says what is allowed" {
	for path in /hello /session/whoami '/session/get?key=k'; do
		visit --data '' "$path"
		expect_json 405 "$NOT_ALLOWED"
		expect_header Allow 'GET, HEAD'
	done
}

@test "any other method is 405 and says what is allowed" {
	for method in PUT DELETE PATCH OPTIONS; do
		visit --request "$method" /session/counter
		expect_json 405 "$NOT_ALLOWED"
		expect_header Allow 'GET, HEAD, POST'
	done
	visit /session/counter
	expect_json 200 "$(counted 1)"
}

@test "a form of 8192 bytes is taken, one more is 413" {
	local form
	form=key=k\&value=$(printf '%08180d' 0)
	visit --data "$form" /session/set
	expect_json 200 "$(stored k "${form#*value=}")"
	visit --data "${form}0" /session/set
	expect_json 413 '{"error":"Request body larger than 8192 bytes"}'
	visit '/session/get?key=k'
	expect_json 200 "{\"key\":\"k\",\"value\":\"${form#*value=}\"}"
}

@test "a form far beyond that is 413 as well, in one piece or in chunks" {
	local form
	form=key=k\&value=$(printf '%060000d' 0)
	visit --data "$form" /session/set
	expect_json 413 '{"error":"Request body larger than 8192 bytes"}'
	visit --http1.1 --data "${form:0:20000}" --header 'Transfer-Encoding: chunked' \
		/session/set
	expect_json 413 '{"error":"Request body larger than 8192 bytes"}'
}

@test "a body that is no form is 415" {
	for type in application/json text/plain multipart/form-data \
		application/x-www-form-urlencodedish; do
		visit --data 'key=color&value=purple' \
			--header "Content-Type: $type" /session/set
		expect_json 415 '{"error":"Request body must be'\
' application/x-www-form-urlencoded"}'
		expect_no_header Set-Cookie
	done
}

# ---- parameters ---------------------------------------------------------

@test "parameters are percent-decoded and plus is a space" {
	visit '/session/set?key=a%20b&value=1%2B1+%3d%26%3f'
	expect_json 200 "$(stored 'a b' '1+1 =&?')"
	visit '/session/get?key=a+b'
	expect_json 200 '{"key":"a b","value":"1+1 =&?"}'
}

@test "a form is decoded as the query is" {
	visit --data 'key=a+b&value=%C3%A9t%c3%a9' /session/set
	expect_json 200 "$(stored 'a b' 'été')"
}

@test "UTF-8 goes in and out unchanged" {
	visit '/session/set?key=%E6%97%A5&value=%F0%9F%8D%92%20%C3%A9'
	expect_json 200 "$(stored 日 '🍒 é')"
	visit '/session/get?key=%E6%97%A5'
	expect_json 200 '{"key":"日","value":"🍒 é"}'
	visit '/session/get?key=%C3%BC'
	expect_json 404 "{\"error\":\"Key 'ü' not found in session\"}"
}

@test "JSON escapes what it must and nothing else" {
	visit '/session/set?key=k&value=%22%5C%0A%01/%27%3C'
	expect_json 200 "$(stored k '\"\\\n\u0001/'\''<')"
}

@test "a bad escape is 400" {
	for text in '%' '%4' '%zz' 'a%2' '%%41'; do
		visit "/session/login?user=$text"
		expect_bad_request
		visit --data "user=$text" /session/login
		expect_bad_request
	done
}

@test "a NUL is 400" {
	visit '/session/login?user=max%00'
	expect_bad_request
	visit --data 'user=max%00' /session/login
	expect_bad_request
}

@test "what is not UTF-8 is 400" {
	for text in %FF %C3 %C0%AF %ED%A0%80 %F4%90%80%80; do
		visit "/session/login?user=$text"
		expect_bad_request
		visit --data "user=$text" /session/login
		expect_bad_request
	done
}

@test "too many parameters are 400" {
	visit "/session/login?user=max$(printf '&a%d=1' {1..64})"
	expect_bad_request
}

@test "of several parameters of one name the first counts" {
	visit '/session/login?user=max&user=eve'
	expect_json 200 '{"message":"Logged in","user":"max"}'
}

# ---- what is refused ----------------------------------------------------

@test "set does not write the user, only login does" {
	visit '/session/login?user=max'
	visit '/session/set?key=user&value=admin'
	expect_json 403 "{\"error\":\"Key 'user' is reserved for login\"}"
	visit '/session/set?key=%75ser&value=admin'
	expect_json 403 "{\"error\":\"Key 'user' is reserved for login\"}"
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "keys that begin with @ are neither written nor read" {
	visit /session/counter
	for key in @auth @born @seen @ver @was %40auth @; do
		visit "/session/set?key=$key&value=x"
		expect_json 400 "$RESERVED"
		visit "/session/get?key=$key"
		expect_json 400 "$RESERVED"
	done
}

@test "a key beyond 128 bytes is 413 and stores nothing" {
	local key
	key=$(printf 'k%.0s' {1..128})
	visit "/session/set?key=$key&value=v"
	expect_json 200 "$(stored "$key" v)"
	visit "/session/set?key=${key}k&value=v"
	expect_json 413 '{"error":"Session limit exceeded"}'
	visit "/session/get?key=$key"
	expect_json 200 "{\"key\":\"$key\",\"value\":\"v\"}"
}

@test "a cross-site request changes nothing" {
	visit '/session/login?user=max'
	for path in /session/counter '/session/login?user=eve' /session/logout \
		'/session/set?key=k&value=v'; do
		visit --header 'Sec-Fetch-Site: cross-site' "$path"
		expect_json 403 "$CROSS_SITE"
		expect_no_header Set-Cookie
		visit --header 'Sec-Fetch-Site: cross-site' --data '' "$path"
		expect_json 403 "$CROSS_SITE"
	done
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
	visit /session/counter
	expect_json 200 "$(counted 1)"
}

@test "a cross-site request may read" {
	visit '/session/login?user=max'
	visit --header 'Sec-Fetch-Site: cross-site' /session/whoami
	expect_json 200 '{"user":"max"}'
	visit --header 'Sec-Fetch-Site: cross-site' /hello
	expect 200 'Hello, Session World!'
}

@test "a request from the same site, or typed by hand, may change state" {
	for site in same-origin same-site none; do
		fetch --header "Sec-Fetch-Site: $site" /session/counter
		expect_json 200 "$(counted 1)"
	done
}

# ---- the cookie as a key ------------------------------------------------

@test "login renews the secret and keeps the session" {
	local before after
	visit '/session/set?key=color&value=purple'
	before=$(cookie_value)
	visit '/session/login?user=max'
	after=$(cookie_value)
	[ "${#after}" -eq 65 ]
	[ "${before:0:22}" = "${after:0:22}" ]
	[ "${before:22}" != "${after:22}" ]
	visit '/session/get?key=color'
	expect_json 200 '{"key":"color","value":"purple"}'
	visit_as "$before" /session/whoami
	expect_json 401 "$NO_USER"
	visit_as "$after" /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "logout expires the cookie and deletes the session" {
	local value
	visit '/session/login?user=max'
	value=$(cookie_value)
	store_has "$value"
	visit /session/logout
	expect_json 200 "$CLEARED"
	[[ $(header Set-Cookie) == 'Kr.Session=;'* ]]
	[ "$(cookie_attributes)" = \
		'Expires HttpOnly Max-Age=0 Path=/ SameSite=Lax Secure' ]
	! store_has "$value" || fail "it is still there"
	visit_as "$value" /session/whoami
	expect_json 401 "$NO_USER"
}

@test "a session that the client made up is never made under that name" {
	visit_as "$FORGED" /session/counter
	expect_json 200 "$(counted 1)"
	[[ $(cookie_value) =~ ^[A-Za-z0-9_-]{65}$ ]]
	[[ $(cookie_value) != "${FORGED:0:22}"* ]]
	! store_has "$FORGED" || fail "it was made"
}

@test "the right name with the wrong secret opens nothing" {
	local value wrong
	visit '/session/login?user=max'
	value=$(cookie_value)
	wrong=${value:0:22}${FORGED:22}
	visit_as "$wrong" /session/whoami
	expect_json 401 "$NO_USER"
	visit_as "$wrong" '/session/set?key=color&value=purple'
	expect_json 200 "$(stored color purple)"
	[[ $(cookie_value) != "${value:0:22}"* ]]
	visit_as "$value" '/session/get?key=color'
	expect_json 404 "{\"error\":\"Key 'color' not found in session\"}"
	visit_as "$wrong" /session/logout
	visit_as "$value" /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "a malformed cookie is as none" {
	for value in '' short "${FORGED}A" "${FORGED:0:64}" "${FORGED:0:64}!" \
		"${FORGED:0:64}B"; do
		visit_as "$value" /session/whoami
		expect_json 401 "$NO_USER"
		visit_as "$value" /session/counter
		expect_json 200 "$(counted 1)"
	done
}

@test "the right one of several cookies of our name is found" {
	local value
	visit '/session/login?user=max'
	value=$(cookie_value)
	visit_as "$FORGED; other=1; Kr.Session=$value" /session/whoami
	expect_json 200 '{"user":"max"}'
	visit_as "short; Kr.Session=$FORGED; Kr.Session=\"$value\"" \
		/session/whoami
	expect_json 200 '{"user":"max"}'
	fetch --header "Cookie: kr.session=$value; XKr.Session=$value" \
		/session/whoami
	expect_json 401 "$NO_USER"
}

@test "the session lies in the store under its name, its values as they are" {
	local value
	visit '/session/login?user=max'
	value=$(cookie_value)
	visit /session/counter
	visit '/session/set?key=color&value=purple'
	[ "$(store_value "$value" @user)" = max ]
	[ "$(store_value "$value" counter)" = 1 ]
	[ "$(store_value "$value" color)" = purple ]
	[ "$(store_keys "$value")" = 'color counter' ]
	# In Redis there is a mark beside, which tells what ended before it.
	[[ $(store_own "$value") =~ ^@auth\ @born\ @login(\ @mark)?\ @seen\ @user\ @ver$ ]]
}

# ---- what is not for the outside ----------------------------------------

@test "what krsessiond tells of itself is not told to the outside" {
	for path in /metrics /healthz /readyz '/metrics?x' /%6detrics \
		/%2fmetrics //metrics /./metrics /x/../metrics /metrics/ \
		/metrics%00 /metrics%00x '/metrics%0a' '/metrics;x' \
		/METRICS /healthz%00 '/readyz?'; do
		fetch --path-as-is "$path"
		[[ $code == [45]* ]] || fail "$path: $code ${body:0:200}"
		[[ $body != *krsession_* && $body != *'"status"'* ]] ||
			fail "$path: ${body:0:200}"
		fetch --path-as-is --request POST --data '' "$path"
		[[ $code == [45]* ]] || fail "POST $path: $code"
	done
	fetch /metrics
	[[ $code == 40[34] ]]
	fetch /hello
	expect 200 'Hello, Session World!'
}
