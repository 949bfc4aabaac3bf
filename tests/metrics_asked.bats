# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031,SC2154
#
# Who asks for metrics and health, well or badly: front servers, whoever connects
# to server.metrics_listen, and krsessionctl top. And the traces of log lines.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/reload.bash
source "$BATS_TEST_DIRNAME/lib/reload.bash"
# shellcheck source=lib/guard.bash
source "$BATS_TEST_DIRNAME/lib/guard.bash"
# shellcheck source=lib/metrics.bash
source "$BATS_TEST_DIRNAME/lib/metrics.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	METRICS=$STACK/metrics.sock
	HOLDERS=()
}

teardown() {
	kill "${HOLDERS[@]}" 2>/dev/null || true
	stack_close
}

# ---- where it is asked --------------------------------------------------

@test "on a connection from a front server the pages come before the routes" {
	start_both
	ask /metrics
	[ "$code" = 200 ]
	expect_header Content-Type 'text/plain; version=0.0.4; charset=utf-8'
	[[ $body == '# HELP '* ]]
	ask -m HEAD /metrics
	expect 200 ''
	ask -m POST -b '' /metrics
	expect_json 405 '{"error":"Method not allowed"}'
	expect_header Allow 'GET, HEAD'
	ask /metrics/
	[ "$code" = 404 ]
	ask_as "$FORGED" /readyz
	expect 200 '{"status":"ok"}'
	expect_no_header Set-Cookie
}

@test "a path that the program has mapped is the program's" {
	metrics_start -o server.health_path=/hello
	ask /hello
	expect 200 'Hello, Session World!'
	page /healthz
	[ "$code" = 200 ]
	[ "$body" = '{"status":"ok"}' ]
}

@test "an authorizer's word on these paths is its own, and no page is a yes" {
	guard_start -o "server.metrics_listen=unix:$METRICS"
	for path in /metrics /healthz /readyz; do
		ask --authorizer "$path"
		[ "$code" = 401 ] || fail "$path: $code"
		ask --authorizer -p "PATH_INFO=$path" -p "DOCUMENT_URI=$path" \
			"$path"
		[ "$code" = 401 ] || fail "$path: $code"
		[[ $body != *krsession_* && $body != *'"status"'* ]]
	done
	metrics
	expect_labels 'route="(authorizer)",method="GET",code="401"' 6
}

@test "their paths can be others, or none" {
	start_both -o server.metrics_path=/inside/numbers -o server.ready_path= \
		-o "server.metrics_listen=unix:$METRICS"
	ask /inside/numbers
	[ "$code" = 200 ]
	for path in /metrics /readyz; do
		ask "$path"
		expect_json 404 '{"error":"Not found"}'
	done
	page /inside/numbers
	[ "$code" = 200 ]
	page /metrics
	[ "$code" = 404 ]
	page /readyz # off for front servers only
	[ "$code" = 200 ]
}

@test "what cannot be meant is refused at the start" {
	local option
	for option in server.metrics_path=metrics server.ready_path=/metrics \
		server.metrics_listen=here server.metrics_listen=tcp:x \
		"server.metrics_listen=unix:$STACK/no/folder" \
		"server.metrics_listen=unix:$KR_SOCKET"; do
		run -2 "$KR_DAEMON" -t -l "unix:$KR_SOCKET" \
			-o store.kind=memory -o "$option"
		[[ $output == *"${option#*=}"* || $output == *metrics_listen* ]]
	done
	: >"$METRICS"
	run -2 "$KR_DAEMON" -l "unix:$KR_SOCKET" -o store.kind=memory \
		-o "server.metrics_listen=unix:$METRICS"
	[[ $output == *'no socket'* ]]
}

@test "over TCP it answers too, and a taken port is an error" {
	local port
	redis_start
	for _ in {1..10}; do
		port=$((RANDOM % 10000 + 20000))
		kr_start -o "server.metrics_listen=tcp:127.0.0.1:$port" && break
	done
	curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/metrics" \
		>"$STACK/page"
	grep -q '^krsession_store_up 1$' "$STACK/page"
	run -1 "$KR_DAEMON" -l "unix:$STACK/second.sock" -o store.kind=memory \
		-o "server.metrics_listen=tcp:127.0.0.1:$port"
	[[ $output == *"tcp:127.0.0.1:$port"* ]]
	[ ! -e "$STACK/second.sock" ]
}

# ---- who asks badly -----------------------------------------------------

@test "what is no request is refused, in HTTP" {
	metrics_start
	for request in 'GET\r\n\r\n' 'GET metrics HTTP/1.1\r\n\r\n' '\r\n\r\n' \
		' / HTTP/1.1\r\n\r\n' 'GET /\001 HTTP/1.1\r\n\r\n' \
		'GET http://x/metrics HTTP/1.1\r\n\r\n' '\n\n' \
		'GET /metrics\000 HTTP/1.1\r\n\r\n'; do
		raw "$request"
		[[ $answer == 'HTTP/1.1 400 '* ]] || fail "$request: $answer"
	done
	for request in 'GET /metrics\r\n\r\n' 'GET /metrics HTTP/2.0\r\n\r\n' \
		'GET /metrics HTTP/0.9\n\n' 'GET /metrics  HTTP/1.1\r\n\r\n'; do
		raw "$request"
		[[ $answer == 'HTTP/1.1 505 '* ]] || fail "$request: $answer"
	done
	for request in POST PUT DELETE OPTIONS TRACE CONNECT get; do
		raw "$request /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
		[[ $answer == 'HTTP/1.1 405 '*$'\n'Allow:\ GET,\ HEAD* ]] ||
			fail "$request: $answer"
	done
	raw "GET /$(printf 'x%.0s' {1..5000}) HTTP/1.1\r\n\r\n"
	[[ $answer == 'HTTP/1.1 431 '* ]]
	raw "GET /metrics HTTP/1.1\r\nX: $(printf 'x%.0s' {1..9000})\r\n\r\n"
	[[ $answer == 'HTTP/1.1 431 '* ]]
	raw 'HEAD /metrics HTTP/1.1\r\n\r\n'
	[[ $answer == 'HTTP/1.1 200 '* && $answer != *krsession_* ]]
	raw 'GET /healthz?x HTTP/1.0\n\n'
	[[ $answer == 'HTTP/1.1 200 '*'{"status":"ok"}'* ]]
	ask /hello
	expect 200 'Hello, Session World!'
}

@test "many who say nothing do not keep one out who asks" {
	local i
	metrics_start
	for i in {1..40}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" 'GET /metr' \
			>"$STACK/hold.$i" 3>&- 4>&- &
		HOLDERS+=($!)
	done
	within 10 all_hold 40
	for i in {1..20}; do
		metrics
		expect_metric krsession_store_up 1
	done
	ask /hello
	expect 200 'Hello, Session World!'
	(($(descriptor_count) < 100))
}

all_hold() { # N
	(($(cat "$STACK"/hold.* | grep -c held) == $1))
}

# bats test_tags=slow
@test "who asks for half, or does not read, is let go" {
	metrics_start
	local before
	before=$(descriptor_count)
	for i in {1..10}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" 'GET /metr' \
			>"$STACK/hold.$i" 3>&- 4>&- &
		HOLDERS+=($!)
	done
	for i in {11..15}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" \
			$'GET /metrics HTTP/1.1\r\n\r\n' \
			>"$STACK/hold.$i" 3>&- 4>&- &
		HOLDERS+=($!)
	done
	within 10 all_hold 15
	within 15 has_at_most "$before"
	metrics
	expect_metric krsession_store_up 1
}

has_at_most() {
	(($(descriptor_count) <= $1))
}

# ---- traces -------------------------------------------------------------

TRACE=0af7651916cd43dd8448eb211c80319c
SPAN=b7ad6b7169203331

@test "a request's trace is in its log lines, as text and as JSON" {
	redis_start
	kr_start
	ask -p "HTTP_TRACEPARENT=00-$TRACE-$SPAN-01" /session/counter
	within 5 grep -q "trace=$TRACE span=$SPAN GET /session/counter 200" \
		"$STACK/krsessiond.log"
	for bad in "00-$TRACE-$SPAN" "00-${TRACE^^}-$SPAN-01" \
		"00-$TRACE-$SPAN-01 forged=1" "ff-$TRACE-$SPAN-01"; do
		ask -p "HTTP_TRACEPARENT=$bad" '/session/get?key=x'
	done
	server_stop krsessiond
	run ! grep 'trace=.*/session/get' "$STACK/krsessiond.log"
	run ! grep forged "$STACK/krsessiond.log"
	kr_start -o log.format=json
	ask -p "HTTP_TRACEPARENT=00-$TRACE-$SPAN-01" /session/whoami
	within 5 grep -q whoami "$STACK/krsessiond.log"
	server_stop krsessiond
	grep '^{' "$STACK/krsessiond.log" | jq -es --arg trace "$TRACE" \
		--arg span "$SPAN" 'map(select(.trace)) | length == 1
			and .[0].trace == $trace and .[0].span == $span'
}

# ---- krsessionctl top ---------------------------------------------------

@test "top shows rates, times and routes" {
	metrics_start
	"$KR_BUILD/tests/fcgi_client" -q -k -r 100000 "$KR_SOCKET" /hello \
		>"$STACK/answers" 3>&- 4>&- &
	top -n 2 -d 0.3
	kill $!
	wait $! 2>/dev/null || true
	[ "$status" -eq 0 ]
	[ "$(grep -c '^krsession .* on redis, up .*, store there$' \
		<<<"$output")" -eq 2 ]
	[[ $output =~ requests\ +[1-9][0-9.]+\ +[0-9.]+\ ms\ +[0-9.]+\ ms ]]
	[[ $output =~ /hello\ +GET\ +200\ +[1-9][0-9.]+ ]]
	[[ $output != *$'\033'* ]]
}

@test "top finds the socket in the configuration, and says what is wrong" {
	metrics_start
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" \
		-o "server.metrics_listen=unix:$METRICS" top -n 1 -d 0.1
	[ "$status" -eq 0 ]
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" \
		-o server.metrics_listen= top
	[[ $status == 2 && $stderr == *'server.metrics_listen is empty'* ]]
	for bad in '-n 0' '-n x' '-d 0' '-d nan' '-d 1x' '--from x' \
		'--from tcp:x' '--json' 'more'; do
		# shellcheck disable=SC2086 # words
		top $bad
		[[ $status == 2 && $stderr == krsessionctl:* ]] ||
			fail "$bad: $status $stderr"
	done
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" top \
		--from "unix:$STACK/nobody"
	[[ $status == 1 && $stderr == *"$STACK/nobody: No such file"* ]]
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" top \
		--from "unix:$STACK/redis.sock"
	[[ $status == 1 && $stderr == *'does not speak HTTP'* ]]
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" list -n 1
	[[ $status == 2 && $stderr == *"-n is not for 'list'"* ]]
}

@test "on a terminal top draws over itself, and leaves it as it was" {
	metrics_start
	script --quiet --return --command \
		"$KR_INSTALLED/bin/krsessionctl top --from unix:$METRICS -d 0.1 -n 2" \
		"$STACK/typescript" </dev/null >"$STACK/screen"
	grep -q $'\033\[?1049h' "$STACK/screen"
	[ "$(grep -c $'\033\[Hkrsession ' "$STACK/screen")" -eq 2 ]
	tail -c 20 "$STACK/screen" | grep -q $'\033\[?25h\033\[?1049l'
	# q ends it.
	mkfifo "$STACK/keys"
	script --quiet --return --command "stty rows 5 cols 20; \
$KR_INSTALLED/bin/krsessionctl top --from unix:$METRICS -d 0.1" \
		"$STACK/typescript" <"$STACK/keys" >"$STACK/small" 3>&- 4>&- &
	exec 7>"$STACK/keys"
	within 5 grep -q 'krsession ' "$STACK/small"
	# Five lines of twenty columns, and no more.
	[ "$(tr '\033' '\n' <"$STACK/small" | sed -n 's/^\[H//p' |
		head -n 1 | wc -c)" -le 22 ]
	printf q >&7
	wait $!
	exec 7>&-
	tail -c 20 "$STACK/small" | grep -q $'\033\[?1049l'
}

@test "top goes on when krsessiond ends, and says so" {
	metrics_start
	"$KR_INSTALLED/bin/krsessionctl" top --from "unix:$METRICS" -d 0.2 \
		-n 40 >"$STACK/top" 3>&- 4>&- &
	within 5 grep -q 'store there' "$STACK/top"
	server_stop krsessiond
	within 5 grep -q '^not renewed: ' "$STACK/top"
	kill $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 1 ]
}
