# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2154
#
# What krsession.h offers a program, seen through nginx: tests/api_app.c has a
# route for each. Each error of each function is in tests/unit/test_api_*.c.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"

setup_file() {
	stack_open
	redis_start
	kr_listen krsessiond tests/api_app "unix:$KR_SOCKET" \
		-o server.socket_mode=0666
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "api_app does not start"
	front_start nginx
}

teardown_file() {
	stack_close
}

json() { # PATH OF JQ
	jq -r "$1" <<<"$body"
}

# The cookie that the browser has.
jar_value() {
	awk '$6 == "Kr.Session" { print $7 }' "$BATS_TEST_TMPDIR/jar"
}

# ---- the header and its tests -------------------------------------------

@test "every function of the header is called by a test" {
	local name missing=()
	# shellcheck source=tools/exports.sh
	source "$KR_ROOT/tools/exports.sh"
	for name in $(declared_functions "$KR_ROOT/src/krsession.h"); do
		grep -rqE "\b$name\(" "$KR_ROOT/tests" --include='*.[ch]' ||
			missing+=("$name")
	done
	((${#missing[@]} == 0)) || fail "${missing[@]}"
}

# ---- the request --------------------------------------------------------

@test "a route has the methods that it was mapped with, and HEAD with GET" {
	local method
	for method in GET PUT PATCH DELETE; do
		visit --request "$method" /method
		expect 200 "$method"
	done
	visit --head /method
	expect 200 ''
	for method in POST OPTIONS BREW; do
		visit --request "$method" /method
		expect 405 '{"error":"Method not allowed"}'
		[ "$(header Allow)" = 'GET, HEAD, PUT, PATCH, DELETE' ]
	done
}

@test "a star stands for the rest of the path, and the longest path wins" {
	visit /files/2024/a.txt
	expect 200 '{"path":"/files/2024/a.txt","rest":"2024/a.txt","route":"all"}'
	visit /files/
	expect 200 '{"path":"/files/","rest":"","route":"all"}'
	visit /files/deep/x
	expect 200 '{"path":"/files/deep/x","rest":"x","route":"deep"}'
	visit /files/one
	expect 200 '{"path":"/files/one","rest":"","route":"one"}'
	visit /files/m%C3%A4x%20y
	expect 200 '{"path":"/files/mäx y","rest":"mäx y","route":"all"}'
	visit /files
	[ "$code" = 404 ]
	visit /filesystem
	[ "$code" = 404 ]
}

@test "a rest of the path does not climb" {
	local path
	for path in /files/../etc /files/a/.. /files/. /files/a/./b; do
		ask "$path"
		[ "$code" = 400 ] || fail "$path: $code"
	done
	ask /files/..a/b..
	[ "$code" = 200 ]
}

@test "headers, parameters, cookies and the address of the client" {
	visit --header 'X-Some-Thing: yes' '/asked?name=x-some-THING'
	[ "$(json .header)" = yes ]
	[ "$(json .address)" = 127.0.0.1 ]
	visit '/asked?name=REQUEST_METHOD'
	[ "$(json .param)" = GET ]
	fetch --header 'Cookie: a=1; b=2; a=3' '/asked?name=b'
	[ "$(json .cookie)" = 2 ]
	fetch --header 'Cookie: a=1; b=2; a=3' '/asked?name=a'
	[ "$(json .cookie)" = 1 ]
}

@test "the session's own cookie is not shown as a cookie" {
	visit '/set?key=a&value=1'
	visit '/asked?name=Kr.Session'
	[ "$(json .cookie)" = - ]
}

@test "every value of a parameter: the query's, then the form's" {
	visit --data 'a=3&b=x&a=4' '/values?a=1&a=2'
	expect 200 '["1","2","3","4"]'
	visit '/values'
	expect 200 '[]'
}

# ---- bodies -------------------------------------------------------------

@test "a body of any type comes as it is, up to the limit" {
	head -c 60000 /dev/urandom >"$STACK/body"
	visit --header 'Content-Type: application/x-any' \
		--data-binary "@$STACK/body" /echo
	[ "$code" = 200 ]
	cmp "$STACK/body" "$BATS_TEST_TMPDIR/answer.body"
	visit --request PUT --upload-file "$STACK/body" /echo
	cmp "$STACK/body" "$BATS_TEST_TMPDIR/answer.body"
	visit --request POST --data '' /echo
	expect 200 ''
	[ "$(header Content-Type)" = application/octet-stream ]
}

@test "routes that do not ask for bodies take forms alone" {
	visit --header 'Content-Type: application/json' --data '{}' /form
	[ "$code" = 415 ]
	visit --data "a=$(printf '%08191d' 0)" /form
	expect 413 '{"error":"Request body larger than 8192 bytes"}'
	visit --data "a=$(printf '%08190d' 0)" /form
	[ "$code" = 200 ]
}

@test "a JSON body is read" {
	local type
	for type in application/json 'application/json; charset=utf-8' \
		application/vnd.api+json; do
		visit --header "Content-Type: $type" \
			--data '{"name":"m\u00e4x","numbers":[1,2.5,-1e1]}' /sum
		expect 200 '{"name":"mäx","sum":-6.5}'
	done
	visit --header 'Content-Type: application/json' --data '{}' /sum
	expect 200 '{"name":"nobody","sum":0}'
}

@test "what is no JSON is 400, another type 415" {
	local text
	for text in '' '{' '[1,]' '{"a":1,"a":2}' '"\ud800"' nan '{} {}' \
		"$(printf '[%.0s' {1..33})$(printf ']%.0s' {1..33})" \
		$'"\xff"' '01' '"a' "{'a':1}"; do
		visit --header 'Content-Type: application/json' \
			--data-binary "$text" /sum
		[ "$code" = 400 ] || fail "$text: $code"
	done
	visit --header 'Content-Type: text/plain' --data '{}' /sum
	expect 415 '{"error":"Body is of another type"}'
	visit --header 'Content-Type: application/json' \
		--data '{"numbers":[true]}' /sum
	[ "$code" = 422 ]
}

# ---- the response -------------------------------------------------------

@test "pages, statuses without content, and a tree of JSON" {
	visit /page
	expect 200 '<!DOCTYPE html><title>A page</title>'
	[ "$(header Content-Type)" = 'text/html; charset=utf-8' ]
	visit '/status?status=204'
	expect 204 ''
	visit '/status?status=404'
	expect 404 ''
	visit '/status?status=99'
	[ "$code" = 500 ]
	visit /tree
	expect 201 '{"nothing":null,"yes":true,"list":[1,0.5,{"raw":[]}],"inner":{"text":"a/b"}}'
}

@test "a redirect goes to the own site or to an origin that is allowed" {
	local to
	for to in /page '/page?a=b%26c' https://login.example.com \
		https://login.example.com/a?b HTTPS://LOGIN.example.com/; do
		visit --get --data-urlencode "to=$to" /go
		[ "$code" = 303 ]
		[ "$(header Location)" = "$to" ] || fail "$to: $headers"
	done
	for to in //evil.example '/\evil.example' https://evil.example \
		https://login.example.com.evil.example page '' \
		https://login.example.com@evil.example $'/\t/evil.example' \
		javascript:alert\(1\) https://login.example.com:444 \
		$'/\r\nSet-Cookie: a=b' '/a b' http://login.example.com; do
		visit --get --data-urlencode "to=$to" /go
		[ "$(header Location)" = /hello ] || fail "$to: $headers"
		[ -z "$(header Set-Cookie)" ]
	done
}

@test "a cookie has the attributes of the configuration" {
	visit '/cookie?name=theme&value=dark'
	[ "$(header Set-Cookie)" = \
		'theme=dark; Path=/; Secure; HttpOnly; SameSite=Lax' ]
	visit '/cookie?name=theme&value=dark&age=60'
	[[ $(header Set-Cookie) == *'; Max-Age=60;'* ]]
	visit '/cookie?name=theme&value=dark&age=-1'
	[[ $(header Set-Cookie) == 'theme=;'*'Max-Age=0'* ]]
	visit '/cookie?name=__Host-a&value=b'
	[ "$code" = 200 ]
}

@test "what is no cookie is refused, and so is the session's own name" {
	local query
	for query in 'name=a&value=b%3Bc' 'name=&value=b' 'name=a%20b&value=c' \
		'name=a&value=%0D%0A' 'name=a&value=%C3%A4'; do
		visit "/cookie?$query"
		[ "$code" = 500 ] || fail "$query: $code"
		[ -z "$(header Set-Cookie)" ]
	done
	visit '/cookie?name=Kr.Session&value=x'
	[ "$code" = 400 ]
}

@test "a program's lines in the log carry the request's names" {
	local id
	visit '/set?key=a&value=1'
	visit /me
	id=$(json .id)
	visit '/note?what=this'
	expect 200 noted
	within 5 grep -q "warning request=.* session=$id a note about this" \
		"$STACK/krsessiond.log"
	grep -q ' info a note about nobody' "$STACK/krsessiond.log"
}

# ---- the session --------------------------------------------------------

@test "a value that is taken is there once" {
	visit '/set?key=flash&value=Saved'
	visit '/take?key=flash'
	expect 200 Saved
	visit '/take?key=flash'
	expect 200 -
}

@test "all values can be gone through, and none of ours is among them" {
	visit '/login?user=max&remember=60'
	visit '/set?key=a&value=1'
	visit '/set?key=b&value=2'
	visit /each
	[ "$(json 'to_entries | map(.key + .value) | sort | join(" ")')" = \
		'a1 b2' ]
	visit /clear
	visit /each
	expect 200 '{}'
	visit /me
	[ "$(json .user)" = max ]
}

@test "a session is new until the next request" {
	visit /me
	[ "$(json '[.new, .id] | join(" ")')" = 'true -' ]
	visit '/set?key=a&value=1'
	visit /me
	[ "$(json .new)" = false ]
	rcli hset "$(redis_key "$(jar_value)")" @born $(($(date +%s) - 200))
	visit /me
	[ "$(json .old)" = true ]
}

@test "a login names the user, renews the secret and knows its time" {
	local before after
	visit '/set?key=a&value=1'
	before=$(jar_value)
	visit /login?user=max
	after=$(jar_value)
	[ "$before" != "$after" ] && [ "${before:0:22}" = "${after:0:22}" ]
	visit '/me?within=60'
	[ "$(json '[.user, .login, .fresh] | join(" ")')" = 'max true true' ]
	rcli hset "$(redis_key "$after")" @login $(($(date +%s) - 61))
	visit '/me?within=60'
	[ "$(json '[.user, .login, .fresh] | join(" ")')" = 'max true false' ]
	visit '/me?within=0'
	[ "$(json .fresh)" = true ]
	visit_as "$before" /me
	[ "$(json .user)" = - ]
	visit /logout
	[[ $(header Set-Cookie) == *Max-Age=0* ]]
	visit /me
	[ "$(json '[.user, .login, .fresh] | join(" ")')" = '- false false' ]
}

@test "what another has put under our names crashes nobody" {
	local key
	visit '/login?user=max'
	key=$(redis_key "$(jar_value)")
	rcli hset "$key" @user $'\xff' @login never @idle -7 @new x
	visit /me
	[ "$(json '[.user, .login, .fresh] | join(" ")')" = '- false false' ]
	visit '/set?key=a&value=1'
	expect 200 set
	visit /each
	expect 200 '{"a":"1"}'
	[ "$(rcli hget "$key" @new)" = x ]
	[ "$(rcli pttl "$key")" -gt 0 ] && [ "$(rcli pttl "$key")" -le 21250 ]
}

@test "a name that is none logs nobody in" {
	local user
	for user in '' "$(printf '%0257d' 0)" a%0Ab; do
		visit "/login?user=$user"
		[ "$code" = 400 ] || fail "$user: $code"
	done
	visit "/login?user=$(printf '%0256d' 0)"
	expect 200 'logged in'
}

@test "who is to be remembered has a cookie and a time of its own" {
	local key left
	visit '/login?user=max&remember=3600'
	[[ $(header Set-Cookie) =~ Max-Age=([0-9]+)\; ]]
	# What session.absolute_timeout leaves.
	((BASH_REMATCH[1] > 3599990 && BASH_REMATCH[1] <= 3600000))
	key=$(redis_key "$(jar_value)")
	[ "$(rcli hget "$key" @idle)" = 3600 ]
	left=$(rcli pttl "$key")
	((left > 3820000 && left <= 3825000)) # 17 sixteenths
	rcli hset "$key" @seen $(($(date +%s%3N) - 226000))
	rcli pexpire "$key" 3500000
	visit /me
	within 5 prolonged "$key" 3820000
}

prolonged() { # KEY MS
	[[ $(rcli pttl "$1") -gt $2 ]]
}

@test "a session that is not touched for its own time ends" {
	local key
	visit '/login?user=max'
	key=$(redis_key "$(jar_value)")
	visit '/remember?seconds=1'
	visit /me
	[ "$(json .user)" = max ]
	within 10 gone "$key"
	visit /me
	[ "$(json .user)" = - ]
}

gone() { # KEY
	[[ $(rcli exists "$1") == 0 ]]
}

@test "the cookie is sent again when the time changes, with the same secret" {
	local value
	visit '/set?key=a&value=1'
	value=$(jar_value)
	[[ $(header Set-Cookie) != *Max-Age* ]]
	visit '/remember?seconds=600'
	[ "$(cookie_value)" = "$value" ]
	[[ $(header Set-Cookie) == *Max-Age=3[56]* ]]
	visit /me
	[ -z "$(header Set-Cookie)" ]
	visit '/remember?seconds=0'
	[ "$(cookie_value)" = "$value" ]
	[[ $(header Set-Cookie) != *Max-Age* ]]
	(($(rcli pttl "$(redis_key "$value")") <= 21250))
	visit '/remember?seconds=31536001'
	[ "$code" = 500 ]
}

@test "a session that begins after the end of another is another" {
	local path old
	for path in /restart /atomic/restart; do
		visit "/set?key=old&value=1"
		old=$(jar_value)
		visit "$path?key=new&value=2"
		expect 200 set
		[ "${old:0:22}" != "$(cookie_value | cut -c1-22)" ]
		visit /each
		expect 200 '{"new":"2"}'
		[ "$(rcli exists "$(redis_key "$old")")" = 0 ]
		visit_as "$old" /each
		expect 200 '{}'
	done
}

# ---- the cross-site rule ------------------------------------------------

@test "another site changes nothing, unless the route lets it" {
	local site='Sec-Fetch-Site: cross-site'
	visit '/set?key=a&value=1'
	visit --header "$site" --data 'key=a&value=2' /change
	expect 403 '{"error":"Cross-site requests cannot change state"}'
	visit --header "$site" '/set?key=a&value=2'
	expect 403 '{"error":"Cross-site requests cannot change state"}'
	visit --header "$site" /logout
	[ "$code" = 403 ]
	visit --header "$site" /each
	expect 200 '{"a":"1"}'
	visit --header "$site" --data 'key=a&value=3' /open/change
	expect 200 set
	visit /each
	expect 200 '{"a":"3"}'
}
