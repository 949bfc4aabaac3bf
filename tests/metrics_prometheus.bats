# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# What Prometheus' own promtool says of our metrics and alert rules, and that
# the dashboard asks for metrics that there are. Its package is large, so all
# of this is for ./dev test --all.
# bats file_tags=slow

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/metrics.bash
source "$BATS_TEST_DIRNAME/lib/metrics.bash"

setup() {
	stack_open
	METRICS=$STACK/metrics.sock
}

teardown() {
	stack_close
}

@test "promtool has nothing against the metrics" {
	start_both -o "server.metrics_listen=unix:$METRICS"
	ask /session/counter
	ask /nowhere
	metrics
	run promtool check metrics <<<"$METRICS_TEXT"
	[[ $status == 0 && ! $output ]] || fail "$output"
	# One without HELP is found out.
	run promtool check metrics < <(grep -v '^# HELP krsession_loops' \
		<<<"$METRICS_TEXT")
	[ "$status" -ne 0 ]
}

@test "promtool takes the rules, and each alert comes when it should" {
	cp "$KR_ROOT/conf/prometheus/krsession.rules.yml" \
		"$KR_ROOT/tests/metrics/rules.test.yml" "$STACK"
	run promtool check rules "$STACK/krsession.rules.yml"
	[ "$status" -eq 0 ]
	run promtool test rules "$STACK/rules.test.yml"
	[ "$status" -eq 0 ] || fail "$output"
	# Each alert is tested both ways.
	while IFS= read -r name; do
		[ "$(grep -c "alertname: $name}" "$STACK/rules.test.yml")" -ge 1 ]
		[ "$(grep -c "alertname: $name\$" "$STACK/rules.test.yml")" -ge 1 ]
	done < <(sed -n 's/^ *- alert: //p' "$STACK/krsession.rules.yml")
	# And another threshold would be found out.
	sed -i 's/> 0.02/> 0.2/' "$STACK/krsession.rules.yml"
	run promtool test rules "$STACK/rules.test.yml"
	[ "$status" -ne 0 ]
}

@test "rules and dashboard ask for metrics that there are" {
	local name
	start_both -o "server.metrics_listen=unix:$METRICS"
	ask /session/counter
	metrics
	jq -r '.. | .expr? // empty' "$KR_ROOT/conf/grafana/krsession.json" \
		>"$STACK/asked"
	[ "$(wc -l <"$STACK/asked")" -gt 20 ]
	cat "$KR_ROOT/conf/prometheus/krsession.rules.yml" >>"$STACK/asked"
	while IFS= read -r name; do
		grep -qE "^${name}(_bucket)?[ {]" <<<"$METRICS_TEXT" || fail "no $name"
	done < <(grep -oE '\b(krsession|process)_[a-z_0-9]+' "$STACK/asked" |
		sort -u)
}

@test "Prometheus scrapes it, and its graphs have something to show" {
	local port prometheus
	for _ in {1..10}; do
		port=$((RANDOM % 10000 + 20000))
		prometheus=$((port + 1))
		start_both -o "server.metrics_listen=tcp:127.0.0.1:$port" && break
	done
	cat >"$STACK/prometheus.yml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		scrape_configs:
		  - job_name: krsession
		    static_configs: [{targets: ["127.0.0.1:$port"]}]
		rule_files: [$KR_ROOT/conf/prometheus/krsession.rules.yml]
	END
	server_start prometheus prometheus --config.file prometheus.yml \
		--storage.tsdb.path "$STACK/tsdb" \
		--web.listen-address "127.0.0.1:$prometheus"
	within 20 asked_of_prometheus 'up{job="krsession"} == 1'
	"$KR_BUILD/tests/fcgi_client" -q -r 50 "$KR_SOCKET" /session/counter \
		>"$STACK/answers"
	within 20 asked_of_prometheus 'sum(krsession_requests_total{code="200",route="/session/counter"}) == 50'
	"$KR_BUILD/tests/fcgi_client" -q -r 50 "$KR_SOCKET" /session/counter \
		>"$STACK/answers"
	within 20 asked_of_prometheus 'krsession:requests:rate5m > 0'
	server_stop prometheus
}

asked_of_prometheus() { # EXPRESSION
	local answer
	answer=$(curl --silent --noproxy '*' --get --data-urlencode \
		"query=$1" "http://127.0.0.1:$prometheus/api/v1/query" |
		jq '.data.result | length') || return
	[ "$answer" = 1 ]
}
