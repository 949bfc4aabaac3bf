# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2154
#
# A login in front of files, of an application over HTTP and of one over
# FastCGI, and what an attacker tries. The files guard_nginx.bats and so on are
# links to this one; the name says which front server is before the guard.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/doors.bash
source "$BATS_TEST_DIRNAME/lib/doors.bash"
# shellcheck source=lib/visitors.bash
source "$BATS_TEST_DIRNAME/lib/visitors.bash"

FRONT=${BATS_TEST_FILENAME##*_}
FRONT=${FRONT%.bats}

setup_file() {
	local user
	stack_open
	redis_start
	guard_start
	echo_start
	site_start "$FRONT"
	for user in ada max; do
		log_in "$user"
		echo "$guard_cookie" >"$STACK/$user.cookie"
	done
}

teardown_file() {
	doors_close
}

# ---- who is let in ------------------------------------------------------

@test "a page sends nobody to the login, and the login back to the page" {
	browse '/sub/index.html?a=1&b=%2F'
	expect_login
	# Followed as a browser does, with what the page's form has.
	visit "$(aim_of_login)"
	[ "$code" = 200 ]
	log_in max "$(rd_of_page)"
	[ "$(header Location)" = '/sub/index.html?a=1&b=%2F' ]
	as max '/sub/index.html?a=1&b=%2F'
	expect_inside
}

@test "a script gets 401 in JSON, and no page" {
	fetch --header 'Accept: application/json' \
		--header 'Sec-Fetch-Mode: cors' /app/data
	expect 401 "$body"
	[[ $body == '{"error":'* ]]
	expect_header Content-Type 'application/json; charset=utf-8'
	not_asked
}

@test "who is logged in gets files as without a guard" {
	as max /
	expect_inside
	as max /nowhere
	[ "$code" = 404 ]
	as max --head /large.bin
	[ "$code" = 200 ] && expect_header Content-Length 100000
	as max --range 50000-50099 /large.bin
	[ "$code" = 206 ]
	cmp "$BATS_TEST_TMPDIR/answer.body" \
		<(tail -c +50001 "$STACK/site/large.bin" | head -c 100)
}

@test "applications learn who it is" {
	local app born
	born=$(date +%s)
	for app in app fcgi; do
		as ada "/$app/page?q=1"
		[ "$code" = 200 ]
		[ "$(learnt User)" = ada ]
		[ "$(learnt Groups)" = admin,staff ]
		[ "$(learnt Id)" = "$(head -c 22 "$STACK/ada.cookie")" ]
		(($(learnt Login) <= born && $(learnt Login) > born - 600))
	done
}

@test "a place for a group is closed to others and open to its members" {
	as max /admin/
	expect_denied
	as ada /admin/
	[ "$code" = 200 ]
	[[ $body == *"$ADMINS"* ]]
	browse /admin/
	expect_login
}

@test "a place for a fresh login asks for the password again" {
	log_in max
	echo "$guard_cookie" >"$STACK/stale.cookie"
	as stale /fresh/
	expect_inside
	rcli hset "krguard_${guard_cookie:0:22}" @login \
		$(($(date +%s) - 301)) >/dev/null
	browse_as stale /fresh/
	[[ $code == 30[23] && $(header Location) == /auth/step-up* ]]
	as stale /
	expect_inside
}

@test "no answer of a guarded place sets a cookie" {
	local path
	for path in / /nowhere /admin/ /app/ /fcgi/; do
		as max "$path"
		expect_no_header Set-Cookie
		browse "$path"
		expect_no_header Set-Cookie
	done
}

@test "who logs out is out with the next request, on the same connection too" {
	log_in max
	echo "$guard_cookie" >"$STACK/gone.cookie"
	as gone /app/
	[ "$code" = 200 ]
	on_one_connection gone GET:/app/ POST:/auth/logout GET:/app/
	[[ $codes == '200 '[23]0?' '40[1]* || $codes == '200 '[23]0?' '30[23]* ]] ||
		fail "got $codes"
	browse_as gone /app/
	expect_login
}

# ---- headers that lie ---------------------------------------------------

@test "CVE-2025-64484: X_Session_User in no spelling reaches an application" {
	local app
	for app in app fcgi; do
		as max "${spoofs[@]}" "/$app/"
		[ "$code" = 200 ]
		[[ ${body,,} != *evil* ]] || fail "$body"
		[ "$(learnt User)" = max ]
	done
}

@test "CVE-2026-30851: what the guard does not know, the client cannot say" {
	local app
	for app in app fcgi; do
		as max --header 'X-Session-Groups: evil' \
			--header 'X-SESSION-GROUPS: evil' "/$app/"
		[ "$code" = 200 ]
		[[ ${body,,} != *evil* ]] || fail "$body"
		[ -z "$(learnt Groups)" ]
	done
}

@test "CVE-2026-40575: no header tells the guard another path" {
	local header
	for header in X-Forwarded-Uri X-Original-URI X-Original-URL X-Rewrite-URL \
		X-Forwarded-Path X-Forwarded-Prefix KR-URI KR_URI Request-Uri \
		Document-Uri Path-Info Script-Name X-HTTP-Method-Override; do
		browse --header "$header: /auth/login" /admin/
		expect_login
		[[ $(aim_of_login) == *admin* ]]
		as max --header "$header: /auth/style.css" /admin/
		expect_denied
	done
}

@test "no header tells the guard what a place requires, or its role" {
	local header
	for header in 'KR-Require: user:max' 'KR_REQUIRE: user:max' \
		'Kr-Require:' 'FCGI-Role: RESPONDER' 'FCGI_ROLE: RESPONDER' \
		'Variable-X_SESSION_USER: ada' 'Remote-User: ada'; do
		as max --header "$header" /admin/
		expect_denied
		browse --header "$header" /
		expect_login
	done
}

@test "a health checker's User-Agent, or the guard's own answers, open nothing" {
	browse --user-agent GoogleHC/1.0 --header 'X-Session-User: ada' \
		--header 'X-Session-Id: x' --header 'Status: 204' \
		--header 'Authorization: Basic YWRhOmFkYS13b3Jk' \
		--header 'X-Forwarded-For: 127.0.0.1' --header 'Upgrade: h2c' /
	expect_login
}

# ---- paths, methods, cookies --------------------------------------------

@test "no way to write a path goes round the guard" {
	local path
	while read -r path; do
		raw "GET $path HTTP/1.1"
		expect_outside "$path"
	done < <(crooked_paths)
}

@test "no way to write a path goes round the group" {
	local path
	while read -r path; do
		raw "GET $path HTTP/1.1" \
			"Cookie: __Host-krguard=$(<"$STACK/max.cookie")"
		[[ $answer != *"$ADMINS"* ]] || fail "$path: $answer"
	done < <(crooked_paths)
}

@test "a whole URL as the target, or another Host, goes through the guard" {
	local host
	for host in localhost localhost:1 evil.example /auth/ 'x/auth/login'; do
		raw "GET https://$host/ HTTP/1.1" "Host: $host"
		expect_outside "$host"
		raw "GET /app/ HTTP/1.1" "Host: $host"
		expect_outside "$host"
	done
}

@test "no method goes round the guard" {
	local method
	rm -f "$STACK/got"
	for method in GET HEAD POST PUT DELETE PATCH OPTIONS PROPFIND TRACE \
		CONNECT GUARD get; do
		raw "$method /app/ HTTP/1.1"
		expect_outside "$method"
	done
	not_asked
}

@test "every method of an application comes through the guard" {
	local method body_of=()
	for method in GET POST PUT DELETE PATCH PROPFIND; do
		body_of=()
		[[ $method != P[OUA]* ]] || body_of=(--data x=)
		as max --request "$method" "${body_of[@]}" /app/x
		[[ $code == 200 && $body == "$method /app/x "* ]] ||
			fail "$method: $code $body"
	done
}

@test "cookies that are many, long or not ours open nothing and break nothing" {
	local long
	long=$(printf '%06000d' 0)
	fetch --http1.1 --header "Cookie: a=$long; __Host-krguard=$(
		<"$STACK/max.cookie")" /
	expect_inside
	browse --header "Cookie: __Host-krguard=$long" /
	expect_login
	browse --header "Cookie: __Host-krguard=$FORGED" /
	expect_login
	browse --header "Cookie: __Host-krguard=$(head -c 22 \
		"$STACK/max.cookie")$(tail -c 44 "$STACK/ada.cookie")" /
	expect_login
	raw "GET / HTTP/1.1" "Cookie: a=$long$long$long$long"
	expect_outside "24 KB"
}

@test "rd leads to no other site" {
	local rd
	while read -r rd; do
		log_in max "$rd"
		[[ $(header Location) == /[^/\\]* || $(header Location) == / ]] ||
			fail "rd=$rd led to $(header Location)"
		[[ $(header Location) != *evil* ||
			$(header Location) == /[a-z]* ]]
	done <<-'END'
		https://evil.example/
		//evil.example/
		///evil.example
		/\evil.example
		\\evil.example
		https:evil.example
		https:/evil.example
		http://127.0.0.1@evil.example/
		javascript:alert(1)
		data:text/html,evil
		/auth/logout
	END
	log_in max $'/\t/evil.example'
	[[ $(header Location) == / ]]
	log_in max $'/x\r\nX-Evil: 1'
	expect_no_header X-Evil
	[[ $(header Location) == / ]]
}

# ---- bodies, connections, sockets ---------------------------------------

@test "an upload of 10 MB goes to the application whole, and to no guard" {
	head -c 10000000 /dev/urandom >"$BATS_TEST_TMPDIR/upload"
	as max --data-binary "@$BATS_TEST_TMPDIR/upload" /app/upload
	[ "$code" = 200 ]
	[[ $body == *$'\nbody 10000000\n' ]]
	cmp "$STACK/got" "$BATS_TEST_TMPDIR/upload"
	as max --data-binary 'a=1&b=2' /fcgi/form
	[[ $body == *$'\nbody 7\n' ]]
	[ "$(<"$STACK/got")" = 'a=1&b=2' ]
}

@test "an upload of nobody's reaches no application" {
	rm -f "$STACK/got"
	head -c 3000000 /dev/zero >"$BATS_TEST_TMPDIR/upload"
	fetch --data-binary "@$BATS_TEST_TMPDIR/upload" /app/upload || true
	[[ $code == 401 || $code == 30[23] || $code == 000 ]]
	not_asked
}

@test "requests on one connection are each judged by their own cookie" {
	echo none >"$STACK/nobody.cookie"
	on_one_connection max GET:/app/ nobody:GET:/app/ GET:/app/
	[[ $codes == '200 '40[1]' 200' || $codes == '200 '30[23]' 200' ]] ||
		fail "got $codes"
}

@test "over HTTP/2 as well" {
	speaks_http2 || [ "$FRONT" = apache ]
	fetch --http2 --header "Cookie: __Host-krguard=$(
		<"$STACK/max.cookie")" "${spoofs[@]}" /app/
	[ "$code" = 200 ]
	[[ ${body,,} != *evil* ]]
	browse --http2 /app/
	expect_login
}

@test "a WebSocket is let in where its upgrade is" {
	web_socket "Cookie: __Host-krguard=$(<"$STACK/max.cookie")"
	[[ $answer == 'HTTP/1.1 101 '* ]]
	[[ $answer == *hello-over-it* ]]
	web_socket 'X-Session-User: max'
	[[ $answer != *' 101 '* && $answer != *hello-over-it* ]]
}

# ---- the guard's own pages ----------------------------------------------

@test "what front servers ask the guard, clients cannot use" {
	browse /auth/check
	[[ $code != 200 ]]
	as max --max-redirs 5 --location /auth/challenge
	[[ $code != 000 ]]
	browse --max-redirs 5 --location /auth/challenge
	[[ $code == 200 || $code == 404 ]]
	[[ $body != *"$INSIDE"* ]]
}

# ---- when something is away ---------------------------------------------

@test "while the store is away nobody gets in, and then everybody again" {
	redis_pause
	as max /
	expect_closed
	browse /app/
	expect_closed_or_login
	redis_continue
	within 10 gets_in /
}

@test "while the guard is away nobody gets in, and then everybody again" {
	local path
	guard_stop
	for path in / /nowhere /admin/ /app/ /fcgi/; do
		as ada "$path"
		expect_closed
	done
	rm -f "$STACK/guard.sock"
	as max /
	expect_closed
	guard_start
	within 10 gets_in /
}

@test "a guard that takes a request and says nothing lets nobody in" {
	kill -STOP "$(server_pid guard)"
	as max --max-time 2 / || true
	kill -CONT "$(server_pid guard)"
	[[ $code != 200 ]]
	within 10 gets_in /
}
