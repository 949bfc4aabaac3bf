# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2154
#
# What conf/'s front servers owe a site beside the routes: TLS of today, HSTS,
# limits, the client's own address, and an answer when the daemon is away.
# Each test asks all six in turn; their routes are in routes_*.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"

setup_file() {
	local front
	stack_open
	start_both
	for front in "${fronts[@]}"; do
		front_start "$front" "$front"
		echo "$URL" >"$STACK/$front.url"
	done
	server_stop krsessiond
}

teardown_file() {
	local front
	for front in "${fronts[@]}"; do
		! server_running "$front" || server_stop "$front" || true
	done
	stack_close
}

# Each test has its own krsessiond, or another program at the same socket.
teardown() {
	local name
	for name in slow krsessiond; do
		! server_running "$name" || server_stop "$name"
	done
	rm -f "$KR_SOCKET"
}

slow_start_there() {
	kr_listen slow tests/slow_app "unix:$KR_SOCKET" -o server.socket_mode=0666
	within 10 kr_answers "$KR_SOCKET" /nowhere 404 ||
		fail "slow_app does not start"
}

# Runs a test's body once for each front server and says which one failed.
through_each() { # FUNCTION [FRONT...]
	local check=$1 front
	shift
	(($#)) || set -- "${fronts[@]}"
	for front; do
		URL=$(<"$STACK/$front.url")
		"$check" || fail "that was $front" || return
	done
}

# A header of so many bytes. Over HTTP/2 a server may refuse it by closing
# the connection, which is no answer to look at.
fetch_with_header() { # BYTES
	fetch --http1.1 --header "X-Long: $(printf "%0$1d" 0)" /hello
}

# ---- every answer -------------------------------------------------------

has_hsts() {
	fetch /hello &&
		expect_header Strict-Transport-Security max-age=63072000 &&
		fetch /nowhere && [[ $code == 404 ]] &&
		expect_header Strict-Transport-Security max-age=63072000
}

@test "every answer tells browsers to come by HTTPS alone" {
	kr_start
	through_each has_hsts
}

# What curl says when it offers one version of TLS and is not given it.
speaks_tls() { # VERSION
	curl --silent --noproxy '*' --cacert "$STACK/tls.crt" \
		--tlsv"$1" --tls-max "$1" --ciphers DEFAULT@SECLEVEL=0 \
		--output /dev/null "$URL/hello"
}

has_tls_of_today() {
	speaks_tls 1.2 && speaks_tls 1.3 && ! speaks_tls 1.1 && ! speaks_tls 1.0
}

@test "TLS is 1.2 or 1.3" {
	kr_start
	through_each has_tls_of_today
}

hides_versions() {
	fetch /hello && [[ $(header Server) != *[0-9].[0-9]* ]]
}

@test "no front server tells its version" {
	kr_start
	through_each hides_versions
}

# ---- what is passed on --------------------------------------------------

limits_headers() {
	fetch_with_header 6000 && expect 200 'Hello, Session World!' || return
	fetch_with_header 24000
	[[ $code =~ ^4(00|13|31)$ ]] || fail "a long header got $code"
}

@test "headers beyond the limit do not reach the daemon" {
	kr_start
	through_each limits_headers
}

tells_address() {
	fetch --header 'X-Forwarded-For: 192.0.2.1' \
		--header 'Forwarded: for=192.0.2.1' --header 'Client-IP: 192.0.2.1' \
		--header 'Remote-Addr: 192.0.2.1' --header 'Remote_Addr: 192.0.2.1' \
		'/param?name=REMOTE_ADDR'
	expect 200 127.0.0.1
}

tells_https() {
	fetch --header 'Https: off' '/param?name=HTTPS'
	expect 200 on
}

# httpoxy: what a client calls Proxy must not look like http_proxy.
tells_no_fiction() {
	tells_address && tells_https || return
	fetch --header 'Path-Info: /hello' --header 'Request-Method: POST' \
		'/param?name=REQUEST_METHOD'
	expect 200 GET
}

@test "a client's headers change neither its address nor HTTPS nor the path" {
	slow_start_there
	through_each tells_no_fiction
}

# One request, one name in the log. lighttpd and h2o have none to give.
names_requests() {
	local first
	fetch --header 'Request-Id: mine' --header 'Unique_Id: mine' \
		'/param?name=REQUEST_ID'
	first=$body
	fetch '/param?name=REQUEST_ID'
	[[ $code == 200 && $body =~ ^[A-Za-z0-9@_.:-]{3,64}$ &&
		$body != "$first" ]] || fail "REQUEST_ID is $body after $first"
}

@test "each request has an id of its own where the front server has one" {
	slow_start_there
	through_each names_requests nginx apache haproxy caddy
}

# ---- the daemon is away -------------------------------------------------

# krsessiond has ended, or its socket has gone as well.
is_told_503() {
	fetch /session/counter
	[[ $code == 503 ]] || fail "expected 503" "got $code $body" || return
	expect_header Strict-Transport-Security max-age=63072000 || return
	[[ $front == h2o ]] || expect_header Retry-After 1 || return
	[[ $front == @(h2o|lighttpd) ]] ||
		expect_json 503 '{"error":"Service unavailable"}'
}

serves() {
	fetch /hello && [[ $code == 200 ]]
}

is_back() {
	within 10 serves
}

@test "without the daemon the answer is 503 with Retry-After, until it is back" {
	kr_start
	through_each serves
	server_kill krsessiond
	through_each is_told_503
	rm -f "$KR_SOCKET"
	through_each is_told_503
	kr_start
	through_each is_back
}

# Kills slow_app with a request of this front server in its hands.
is_told_503_for_killed() {
	local expected=503
	[[ $front != lighttpd ]] || expected=500
	slow_start_there
	within 10 param_answers || fail "no way to slow_app" || return
	GATE=$STACK/gate-$front
	fetch "/slow/hello?gate=$GATE" 3>&- 4>&- &
	within 10 slow_waits 1 || fail "slow_app's handler did not run" || return
	server_kill slow
	wait $! || return
	[[ $(head -n 1 "$BATS_TEST_TMPDIR/answer.headers") == *" $expected"* ]] ||
		fail "expected $expected, got" \
			"$(cat "$BATS_TEST_TMPDIR/answer.headers")"
}

param_answers() {
	fetch '/param?name=HTTPS' && [[ $code == 200 ]]
}

@test "a daemon that dies before its answer is 503 too, in lighttpd 500" {
	through_each is_told_503_for_killed
}

# When Redis is away, krsessiond says so; no front server puts its own words
# in the place of that.
passes_503_on() {
	fetch /session/counter
	expect_unavailable
}

@test "krsessiond's own 503 comes as it is" {
	kr_start -o "redis.endpoint=unix://$STACK/nobody.sock"
	through_each passes_503_on
}
