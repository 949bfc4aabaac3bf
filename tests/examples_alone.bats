# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# The programs of examples/ that use the session layer alone, built with
# pkg-config against the installed library as their heads say, and driven.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/install.bash
source "$BATS_TEST_DIRNAME/lib/install.bash"

setup() {
	builder_open
	redis_start
	options=("REDIS_URL=unix://$STACK/redis.sock"
		KRSESSION_COOKIE_NAME=Kr.Session KRSESSION_LOG_LEVEL=debug
		KRSESSION_REDIS_INSTANCE_NAME=KestrunSession_)
}

teardown() {
	builder_close
}

# ---- cgi.c --------------------------------------------------------------

# One process, as a web server runs it; $code, $headers and $body as elsewhere.
cgi() { # [COOKIE VALUE]
	local answer
	answer=$(env -i "${options[@]}" LD_LIBRARY_PATH="$LD_LIBRARY_PATH" \
		GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET HTTPS=on \
		${1:+"HTTP_COOKIE=a=b; Kr.Session=$1"} ./cgi \
		2>>"$STACK/cgi.log" && printf x)
	headers=${answer%%$'\r\n\r\n'*}
	headers=${headers//$'\r'/}
	code=$(sed -n 's/^Status: \([0-9]*\) .*/\1/p' <<<"$headers")
	body=${answer#*$'\r\n\r\n'}
	body=${body%x}
	remember_secret
}

@test "cgi.c counts the visits of each visitor" {
	local session
	build_example cgi
	cgi
	expect 200 $'Visit 1\n'
	[[ $headers == *'; Secure'* ]]
	session=$(cookie_value)
	cgi "$session"
	expect 200 $'Visit 2\n'
	[ ! "$(cookie_value)" ]
	cgi
	expect 200 $'Visit 1\n'
	cgi "$FORGED"
	expect 200 $'Visit 1\n'
	[ "$(cookie_value)" ]
}

@test "cgi.c says 503 without Redis, and why in the log" {
	build_example cgi
	redis_stop_hard
	cgi
	expect 503 $'Please try again.\n'
	grep -q '^store unavailable' "$STACK/cgi.log"
}

# ---- plain_loop.c -------------------------------------------------------

plain_loop_start() {
	build_example plain_loop -pthread -lfcgi
	server_start plain env "${options[@]}" spawn-fcgi -n -s "$KR_SOCKET" \
		-M 0666 -- ./plain_loop
	within 10 kr_answers "$KR_SOCKET" /
}

# By the signal itself, or by libfcgi, which may have taken it over.
plain_loop_stop() {
	server_stop plain || [ $? -eq 143 ]
}

@test "plain_loop.c counts the visits of each visitor" {
	local session
	plain_loop_start
	ask /
	expect 200 $'Visit 1\n'
	session=$(cookie_value)
	ask_as "$session" /
	expect 200 $'Visit 2\n'
	plain_loop_stop
}

@test "plain_loop.c: visits at the same time are all counted" {
	local session pids=() i
	plain_loop_start
	ask /
	session=$(cookie_value)
	for i in {1..4}; do
		visits "$session" 25 &
		pids+=($!)
	done
	wait "${pids[@]}"
	ask_as "$session" /
	expect 200 $'Visit 102\n'
	plain_loop_stop
}

visits() { # COOKIE VALUE, NUMBER
	local i
	for ((i = 0; i < $2; i++)); do
		"$KR_BUILD/tests/fcgi_client" -q -c "Kr.Session=$1" \
			"$KR_SOCKET" / >/dev/null 3>&- 4>&- || return
	done
}

# ---- microhttpd.c -------------------------------------------------------

microhttpd_start() {
	# shellcheck disable=SC2046 # flags, to be split
	build_example microhttpd $(pkg-config --cflags --libs libmicrohttpd)
	free_port port
	server_start microhttpd env "${options[@]}" \
		KRSESSION_COOKIE_SECURE=never ./microhttpd "$port"
	within 10 port_answers "$port"
	export URL=http://127.0.0.1:$port
}

@test "microhttpd.c knows who is logged in" {
	microhttpd_start
	visit /
	expect 200 $'Hello, whoever you are\n'
	visit '/login?user=max'
	expect 200 $'Welcome\n'
	visit /
	expect 200 $'Hello, max\n'
	[ "$(header Vary)" = Cookie ]
	visit --header 'Sec-Fetch-Site: cross-site' /logout
	[ "$code" = 403 ]
	visit /logout
	expect 200 $'Good-bye\n'
	visit /
	expect 200 $'Hello, whoever you are\n'
	visit /login
	[ "$code" = 400 ]
	visit /nowhere
	[ "$code" = 404 ]
	redis_stop_hard
	visit '/login?user=max'
	[ "$code" = 503 ]
	server_stop microhttpd
}
