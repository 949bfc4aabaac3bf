# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120,SC2030,SC2031,SC2154
#
# Metrics and health: what is counted is what was sent, and what is not well is
# said. Who asks for them is in metrics_asked.bats.

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

# ---- what is counted ----------------------------------------------------

@test "requests are counted by route, method and status, and times with them" {
	metrics_start -o server.workers=2
	for _ in {1..3}; do
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
