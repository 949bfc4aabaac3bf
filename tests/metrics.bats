# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031,SC2154
#
# Metrics and health: what is counted is what was sent, and whoever asks on the
# socket of their own (server.metrics_listen) harms nobody.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/reload.bash
source "$BATS_TEST_DIRNAME/lib/reload.bash"
# shellcheck source=lib/metrics.bash
source "$BATS_TEST_DIRNAME/lib/metrics.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	METRICS=$STACK/metrics.sock
}

teardown() {
	stack_close
}

metrics_start() { # [OPTION...]
	start_both -o "server.metrics_listen=unix:$METRICS" "$@"
}

# ---- what is counted ----------------------------------------------------

@test "requests are counted by route, method and status, and times with them" {
	local i
	metrics_start -o server.workers=2
	for i in {1..3}; do
		ask /hello
	done
	ask -m HEAD /hello
	ask -m DELETE /hello
	ask /session/whoami
	ask /nowhere
	ask '/nobody?user=zacharias'
	# kr_start has asked for /hello, once at least.
	metrics
	expect_labels 'route="/session/whoami",method="GET",code="401"' 1
	expect_labels 'route="/hello",method="HEAD",code="200"' 1
	expect_labels 'route="none",method="DELETE",code="405"' 1
	expect_labels 'route="none",method="GET",code="404"' 2
	[[ $(metric krsession_requests_total 'route="/hello",method="GET"') -ge 4 ]]
	expect_same_counts
	run ! grep -e nowhere -e nobody -e zacharias <<<"$METRICS_TEXT"
}

@test "sessions are counted as they begin, change and end" {
	local value
	metrics_start
	ask /session/counter
	value=$(cookie_value)
	ask_as "$value" /session/counter
	ask_as "$value" '/session/login?user=zacharias'
	value=$(cookie_value)
	ask_as "$FORGED" /session/whoami
	ask_as "$value" /session/logout
	ask_as "$value" /session/whoami
	ask '/session/login?user=zacharias'
	metrics
	expect_metric krsession_sessions_created_total 2
	expect_metric krsession_sessions_renewed_total 1
	expect_metric krsession_logins_total 2
	expect_metric krsession_sessions_ended_total 1
	expect_metric krsession_sessions_unknown_total 2
	expect_metric krsession_sessions_expired_total 0
	expect_metric krsession_store_loads_total 5
	expect_metric krsession_store_commits_total 5
	expect_metric krsession_store_connects_total 1
	expect_metric krsession_store_connection_failures_total 0
	expect_metric 'krsession_stage_duration_seconds_count{stage="load"}' 5
	expect_same_counts
	run ! grep -e zacharias -e "${value:0:22}" <<<"$METRICS_TEXT"
}

@test "what goes to Redis is counted as Redis counts it" {
	local before value
	metrics_start -o server.workers=1
	warm_session
	value=$cookie
	metrics
	before=$(metric krsession_store_commands_total)
	rcli config resetstat >"$STACK/reset"
	for _ in {1..20}; do
		ask_as "$value" /session/counter
	done
	metrics
	[ "$(rcli info commandstats | tr -d '\r' |
		sed -n 's/^cmdstat_\(hgetall\|evalsha\):calls=\([0-9]*\),.*/\2/p' |
		paste -sd+ | bc)" -eq 40 ]
	[ $(($(metric krsession_store_commands_total) - before)) -eq 40 ]
}

@test "a session past its absolute timeout is counted as expired" {
	local value
	metrics_start
	ask /session/counter
	value=$(cookie_value)
	rcli hset "$(redis_key "$value")" @born 1 # in 1970
	ask_as "$value" /session/whoami
	[ "$code" = 401 ]
	metrics
	expect_metric krsession_sessions_expired_total 1
	expect_metric krsession_sessions_ended_total 1
}

@test "errors are counted by kind, and the store is known to be away" {
	metrics_start
	warm_session
	redis_stop_hard
	ask_as "$cookie" /session/counter
	expect_unavailable
	ask_as "$cookie" -p HTTP_SEC_FETCH_SITE=cross-site /session/counter
	[ "$code" = 403 ]
	metrics
	expect_metric 'krsession_request_errors_total{kind="unavailable"}' 1
	expect_metric 'krsession_request_errors_total{kind="cross_site"}' 1
	expect_metric 'krsession_request_errors_total{kind="conflict"}' 0
	expect_metric krsession_store_up 0
	[[ $(metric krsession_store_connection_failures_total) -ge 1 ]]
	expect_labels 'route="/session/counter",method="GET",code="503"' 1
	redis_start
	within 10 counts_again
	metrics
	expect_metric krsession_store_up 1
	[[ $(metric krsession_store_connects_total) -ge 2 ]]
	expect_same_counts
}

counts_again() {
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
}

@test "whoever races for a session is counted until all have won" {
	local i
	metrics_start -o server.workers=2
	warm_session
	"$KR_BUILD/tests/fcgi_client" -q -n 16 -r 25 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" /session/counter >"$STACK/answers"
	[ "$(grep -c ^200 "$STACK/answers")" -eq 400 ]
	metrics
	# Two from warm_session, and each of 400 once, however often it ran.
	expect_labels 'route="/session/counter",method="GET",code="200"' 402
	[ "$(metric krsession_conflicts_total)" = \
		"$(metric krsession_reruns_total)" ]
	expect_same_counts
}

@test "blocking handlers are seen on their way through the pool" {
	redis_start
	METRICS=$STACK/slow-metrics.sock
	slow_start -o "server.metrics_listen=unix:$METRICS" -o server.threads=1
	slow_begin x /slow/hello?x=
	"$KR_BUILD/tests/fcgi_client" "$STACK/slow.sock" /hello-not \
		>"$STACK/second" 3>&- 4>&-
	metrics
	expect_metric krsession_pool_threads 1
	expect_metric krsession_pool_threads_busy 1
	expect_metric krsession_pool_queued 0
	"$KR_BUILD/tests/fcgi_client" "$STACK/slow.sock" \
		"/slow/hello?gate=$GATE" >"$STACK/third" 3>&- 4>&- &
	within 10 has_metric krsession_pool_queued 1
	slow_go_on
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	wait $!
	metrics
	expect_metric krsession_pool_handlers_total 2
	expect_metric krsession_pool_threads_busy 0
	expect_metric krsession_pool_queued 0
}

@test "connections are counted, and those that bring no FastCGI" {
	metrics_start
	metrics
	local before rejected
	before=$(metric krsession_connections_accepted_total)
	rejected=$(metric krsession_connections_rejected_total)
	"$KR_BUILD/tests/fcgi_client" -q -n 5 -k -r 3 "$KR_SOCKET" /hello \
		>"$STACK/answers"
	printf 'GET / HTTP/1.0\r\n\r\n' |
		curl --silent --max-time 5 --unix-socket "$KR_SOCKET" \
			"telnet://x" >"$STACK/telnet" || true
	metrics
	[ $(($(metric krsession_connections_accepted_total) - before)) -eq 6 ]
	[ $(($(metric krsession_connections_rejected_total) - rejected)) -eq 1 ]
	within 5 has_metric krsession_connections 0
}

@test "a reload begins anew, and so says the start time" {
	local start
	redis_start
	conf_start "server.metrics_listen=unix:$METRICS"
	ask /session/counter
	metrics
	start=$(metric process_start_time_seconds)
	[[ $(metric krsession_sessions_created_total) == 1 ]]
	reload
	within 10 metrics
	[[ $(metric process_start_time_seconds) != "$start" ]]
	expect_metric krsession_sessions_created_total 0
	ask /session/counter
	metrics
	expect_metric krsession_sessions_created_total 1
}

@test "a reload may take the socket away, or bring another" {
	redis_start
	conf_start "server.metrics_listen=unix:$METRICS"
	metrics
	conf_write
	reload
	run ! curl --silent --unix-socket "$METRICS" http://x/metrics
	[ ! -e "$METRICS" ]
	METRICS=$STACK/other.sock
	conf_write "server.metrics_listen=unix:$METRICS"
	reload
	within 10 metrics
	expect_metric krsession_store_up 1
}

# ---- health -------------------------------------------------------------

@test "it is alive and ready, and ready no more when Redis is away" {
	metrics_start
	for path in /healthz /readyz; do
		ask "$path"
		expect_json 200 '{"status":"ok"}'
		expect_header Cache-Control no-store
		page "$path"
		[[ $code == 200 && $body == '{"status":"ok"}' ]]
	done
	redis_stop_hard
	ask /readyz
	[ "$code" = 503 ]
	[[ $body == '{"status":"failing","reasons":['*'store'* ]]
	jq -e '.reasons | length >= 1' <<<"$body"
	page /readyz
	[ "$code" = 503 ]
	jq -e '.status == "failing"' <<<"$body"
	ask /healthz
	expect_json 200 '{"status":"ok"}'
	redis_start
	within 10 is_ready
	page /readyz
	[ "$code" = 200 ]
}

is_ready() {
	ask /readyz
	[ "$code" = 200 ]
}

@test "Redis that hangs is found out within the time for the store" {
	metrics_start -o session.io_timeout=300ms
	warm_session
	redis_pause
	page /readyz
	[ "$code" = 503 ]
	jq -e '.reasons[0] | test("in time")' <<<"$body"
	ask /readyz
	[ "$code" = 503 ]
	ask /healthz
	[ "$code" = 200 ]
	redis_continue
	within 10 is_ready
}

@test "one that drains is not ready, and says so until it ends" {
	redis_start
	METRICS=$STACK/slow-metrics.sock
	slow_start -o "server.metrics_listen=unix:$METRICS"
	slow_begin x /slow/hello?x=
	page /readyz
	[ "$code" = 200 ]
	kill -TERM "$(server_pid slow)"
	within 5 drains
	[[ $body == *'the process drains'* ]]
	page /healthz
	[ "$code" = 200 ]
	metrics
	expect_metric krsession_draining 1
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ]
	server_wait slow 10
	[ ! -e "$METRICS" ]
}

drains() {
	page /readyz
	[ "$code" = 503 ]
}

# bats test_tags=slow
@test "a loop that a handler holds for long is not alive" {
	redis_start
	METRICS=$STACK/slow-metrics.sock
	slow_start -o "server.metrics_listen=unix:$METRICS" -o server.workers=1
	slow_begin x /slow/unmarked?x=
	page /healthz
	[ "$code" = 200 ]
	within 10 page_fails /healthz
	[[ $body == *'loop 0 has been in one turn for '* ]]
	page /readyz
	[ "$code" = 503 ]
	slow_go_on
	slow_end
	page /healthz
	[ "$code" = 200 ]
}

page_fails() { # PATH
	page "$1"
	[ "$code" = 503 ]
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
	local i pids=()
	metrics_start
	for i in {1..40}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" 'GET /metr' \
			>"$STACK/hold.$i" 3>&- 4>&- &
		pids+=($!)
	done
	within 10 all_hold 40
	for i in {1..20}; do
		metrics
		expect_metric krsession_store_up 1
	done
	kill "${pids[@]}" 2>/dev/null || true
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
	local then
	then=$(descriptor_count)
	for i in {1..10}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" 'GET /metr' \
			>"$STACK/hold.$i" 3>&- 4>&- &
	done
	for i in {11..15}; do
		"$KR_BUILD/tests/wire_hold" "$METRICS" \
			$'GET /metrics HTTP/1.1\r\n\r\n' \
			>"$STACK/hold.$i" 3>&- 4>&- &
	done
	within 10 all_hold 15
	within 15 has_at_most "$then"
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
	(
		within 5 grep -q 'krsession ' "$STACK/screen2"
		printf q
	) | script --quiet --return --command \
		"stty rows 5 cols 20; $KR_INSTALLED/bin/krsessionctl top --from unix:$METRICS -d 0.1" \
		"$STACK/typescript" >"$STACK/screen2"
	tail -c 20 "$STACK/screen2" | grep -q $'\033\[?1049l'
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
