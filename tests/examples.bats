# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# The programs of examples/, built with pkg-config against the installed
# library as their heads say, and driven.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/install.bash
source "$BATS_TEST_DIRNAME/lib/install.bash"

setup() {
	builder_open
}

teardown() {
	builder_close
}

# Built and answering, with sessions in Redis.
start_example() { # NAME [LIBRARY...]
	build_example "$@"
	redis_start
	serve "./$1"
}

# ---- hello.c ------------------------------------------------------------

@test "hello.c greets, in 20 lines at most" {
	start_example hello
	ask /hello
	expect 200 'Hello, Session World!'
	(($(wc -l <"$KR_ROOT/examples/hello.c") <= 20))
}

# ---- tutorial.c ---------------------------------------------------------

@test "tutorial.c answers as krsessiond does, under its own settings" {
	local session
	build_example tutorial
	redis_start
	server_start krsessiond env "REDIS_URL=unix://$STACK/redis.sock" \
		./tutorial -l "unix:$KR_SOCKET"
	within 10 kr_answers "$KR_SOCKET" /hello
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	session=$(cookie_value)
	ask_as "$session" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
	(($(rcli pttl "$(redis_key "$session")") < 60000))
	ask '/session/set?key=color&value=purple'
	session=$(cookie_value)
	ask_as "$session" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	ask_as "$session" '/session/get?key=size'
	expect 404 "{\"error\":\"Key 'size' not found in session\"}"
}

@test "tutorial.c: who logs in is somebody until the logout" {
	local session
	start_example tutorial
	ask /session/whoami
	expect 401 '{"error":"No active session or user not set"}'
	ask '/session/login?user=%20'
	[ "$code" = 400 ]
	ask '/session/login?user=max'
	expect 200 '{"message":"Logged in","user":"max"}'
	session=$(cookie_value)
	ask_as "$session" /session/whoami
	expect 200 '{"user":"max"}'
	ask_as "$session" /session/logout
	expect 200 '{"message":"Session cleared"}'
	ask_as "$session" /session/whoami
	[ "$code" = 401 ]
}

# ---- login.c ------------------------------------------------------------

# A visit to a page by a browser with the cookie in $session, if there is one;
# the cookie of the answer, if there is one, is the next.
surf() { # [FCGI_CLIENT OPTION...] PATH
	local next
	ask ${session:+-c "Kr.Session=$session"} "$@"
	next=$(cookie_value)
	[[ ! $next ]] || session=$next
}

send_form() { # FORM PATH
	surf -m POST -p CONTENT_TYPE=application/x-www-form-urlencoded \
		-b "$1" "$2"
}

expect_redirect() { # LOCATION
	[ "$code" = 303 ] && expect_header Location "$1"
}

@test "login.c: form, login, message shown once, logout" {
	local session=''
	start_example login -lcrypt
	surf /account
	expect_redirect '/login?next=/account'
	surf '/login?next=/account'
	[[ $body == *'name=next value="/account"'* ]]
	send_form 'user=max&password=wrong&next=/account' /login
	expect_redirect /login
	surf /login
	[[ $body == *'That was not right.'* ]]
	surf /login
	[[ $body != *'That was not right.'* ]]
	send_form 'user=max&password=open+sesame&next=/account' /login
	expect_redirect /account
	surf /account
	[[ $code == 200 && $body == *'Welcome!'*'You are max.'* ]]
	surf /account
	[[ $code == 200 && $body != *'Welcome!'* ]]
	send_form '' /logout
	expect_redirect /
	surf /
	[[ $body == *'Good-bye!'*'Your account'* ]]
	surf /account
	expect_redirect '/login?next=/account'
}

@test "login.c: nothing of the client gets into the page as HTML" {
	local session=''
	start_example login -lcrypt
	surf '/login?next=%22%3E%3Cscript%3Ea%26%27'
	[[ $body == *'value="&quot;&gt;&lt;script&gt;a&amp;&#39;"'* ]]
}

@test "login.c: a login leads to no other site" {
	local session=''
	start_example login -lcrypt
	send_form 'user=max&password=open+sesame&next=//evil.example/' /login
	expect_redirect /
}

@test "login.c: another site can link to a page and can change nothing" {
	local session='' from='HTTP_SEC_FETCH_SITE=cross-site'
	start_example login -lcrypt
	send_form 'user=max&password=open+sesame' /login
	surf -p "$from" -m POST /logout
	[ "$code" = 403 ]
	surf -p "$from" /
	[[ $code == 200 && $body == *'You are max.'* && $body != *Welcome* ]]
	surf /
	[[ $body == *'Welcome!'* ]]
}

# ---- devices.c ----------------------------------------------------------

# A browser of a device: its cookie is in $session meanwhile.
on() { # DEVICE COMMAND...
	local session=${DEVICES[$1]-} status=0
	"${@:2}" || status=$?
	DEVICES[$1]=$session
	return "$status"
}

devices_login() { # USER USER_AGENT
	surf -m POST -p CONTENT_TYPE=application/x-www-form-urlencoded \
		-p "HTTP_USER_AGENT=$2" \
		-b "user=$1&password=open+sesame" /login
	expect_redirect /devices
}

# The id that the button of a device's row sends.
button_of() { # LABEL
	grep -F "<td>$1</td>" <<<"$body" |
		sed -n 's/.*name=id value="\([^"]*\)".*/\1/p'
}

@test "devices.c: a user sees where, and ends one session or all others" {
	local id
	declare -A DEVICES=()
	start_example devices
	on phone devices_login max 'Mozilla/5.0 (Android 14; Mobile) Firefox/120'
	on laptop devices_login max 'Mozilla/5.0 (X11; Linux x86_64) Chrome/99'
	on script devices_login max 'curl/8'
	on other devices_login moritz 'curl/8'
	on laptop surf /devices
	[[ $code == 200 && $body == *'<p>3 in all</p>'* ]] || fail "$body"
	grep -F '<td>Chrome on Linux</td>' <<<"$body" | grep -qF 'this device'
	id=$(button_of 'Firefox on Android')
	[ "${#id}" = 22 ]
	[ ! "$(button_of 'Chrome on Linux')" ]
	on laptop send_form "id=$id" /devices/end
	expect_redirect /devices
	on phone surf /devices
	expect_redirect /login
	on laptop send_form "id=$id" /devices/end
	expect_redirect /devices
	on laptop send_form '' /devices/others
	expect_redirect /devices
	on script surf /devices
	expect_redirect /login
	on laptop surf /devices
	[[ $body == *'<p>1 in all</p>'* ]]
	on other surf /devices
	[[ $body == *'Where moritz is'*'<p>1 in all</p>'* ]]
}

@test "devices.c: ending wants a recent login, and another's is not ended" {
	local session='' victim
	start_example devices
	devices_login moritz curl/8
	victim=$session
	session=
	devices_login max curl/8
	send_form "id=${victim:0:22}" /devices/end
	expect_redirect /devices
	rcli hset "$(redis_key "$session")" @login "$(($(date +%s) - 301))"
	send_form '' /devices/others
	expect_redirect /login
	surf -p HTTP_SEC_FETCH_SITE=cross-site -m POST /devices/others
	[ "$code" = 403 ]
	session=$victim
	surf /devices
	[[ $code == 200 && $body == *'Where moritz is'* ]]
}

@test "devices.c: with a limit, a login too many is refused" {
	local session=''
	build_example devices
	redis_start
	kr_listen krsessiond "$STACK/devices" "unix:$KR_SOCKET" \
		-o session.max_per_user=1 -o session.max_per_user_rule=refuse
	within 10 kr_answers "$KR_SOCKET" /login ||
		fail "devices does not start"
	devices_login max curl/8
	session=
	send_form 'user=max&password=open+sesame' /login
	expect_json 403 '{"error":"User has too many sessions"}'
	[ ! "$session" ]
}

# ---- json_api.c ---------------------------------------------------------

send_json() { # METHOD JSON PATH
	surf -m "$1" -p CONTENT_TYPE=application/json -b "$2" "$3"
}

@test "json_api.c: a place is made, shown, changed and taken away" {
	local session=''
	start_example json_api
	surf /places
	expect_json 200 '{"places":[],"count":0}'
	send_json POST '{"name":"home","at":{"lat":48.2,"lon":16.37}}' /places
	expect_json 201 \
		'{"name":"home","visits":0,"at":{"lat":48.2,"lon":16.37}}'
	expect_header Location /places/home
	send_json POST '{"name":"home"}' /places
	[ "$code" = 409 ]
	send_json PATCH '{"visits":3}' /places/home
	expect_json 200 \
		'{"name":"home","visits":3,"at":{"lat":48.2,"lon":16.37}}'
	surf /places/home
	expect_json 200 \
		'{"name":"home","visits":3,"at":{"lat":48.2,"lon":16.37}}'
	send_json PUT '{"visits":1}' /places/home
	[ "$(jq -c '[.visits, .at.lat]' <<<"$body")" = '[1,0]' ]
	send_json PUT '{"at":{"lat":-1}}' /places/work
	surf /places
	[ "$(jq -c '[.count, (.places | map(.name) | sort)]' <<<"$body")" = \
		'[2,["home","work"]]' ]
	surf -m DELETE /places/home
	expect 204 ''
	surf -m DELETE /places/home
	[ "$code" = 404 ]
	surf /places/home
	expect_json 404 '{"error":"There is no such place"}'
}

@test "json_api.c: what is no place is refused, and how" {
	local session='' text
	start_example json_api
	for text in '[]' '"home"' '{}' '{"name":"A/b"}' \
		'{"name":"a","visits":"three"}' '{"name":"a","at":{"lat":true}}'; do
		send_json POST "$text" /places
		expect_json 422 '{"error":"That is no place"}'
	done
	send_json PUT '{' /places/home
	[ "$code" = 400 ]
	surf -m PUT -p CONTENT_TYPE=text/plain -b '{}' /places/home
	[ "$code" = 415 ]
	send_json PATCH '{}' /places/home
	[ "$code" = 404 ]
	surf -m PATCH /places
	expect_header Allow 'GET, HEAD, POST'
	surf /places
	expect 200 '{"places":[],"count":0}'
}
