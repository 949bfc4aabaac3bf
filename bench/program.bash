# shellcheck shell=bash disable=SC2154 # tools/bench.sh sets quick, run...
# krsessiond without a front server: bench/fcgi_load speaks FastCGI to it.
# Every measurement is a line of JSON in $run/program; what it belongs to is
# its "part".

# Microseconds to Redis, each way.
readonly distances=(0 500 5000)

bench_program() {
	program_plan
	start_redis
	: >"$run/program"
	start_relays
	measure_distances
	measure_unkept
	measure_idle
	measure_values
	measure_memory
	measure_live_sessions
	keep_program_results
}

program_plan() {
	connections=(1 8 32 128 512) live=(100 10000 1000000)
	seconds=2 rounds=5 growth_requests=1000000
	! $quick || {
		connections=(1 32 128) live=(100 10000)
		seconds=1 rounds=2 growth_requests=100000
	}
	rounds=${given_rounds:-$rounds}
}

start_relays() {
	local distance

	for distance in "${distances[@]:1}"; do
		start_relay "$distance"
	done
}

redis_socket() { # MICROSECONDS
	(($1 == 0)) && printf redis.sock || printf 'redis-%s.sock' "$1"
}

# measure FIELDS FCGI_LOAD-OPTION... PATH: FIELDS is an object that says
# what is measured.
measure() {
	local fields=$1 before after line groups

	shift
	groups=("program=${pids[krsessiond]}" "redis=${pids[redis-server]}")
	before=$(snapshot "${groups[@]}")
	line=$(load "$@") || true
	after=$(snapshot "${groups[@]}")
	line=$(jq -c --argjson fields "$fields" --arg path "${*: -1}" \
		--argjson costs "$(between "$before" "$after" \
			"$(jq .answers <<<"$line")")" \
		'$fields + {path: $path} + . + $costs' <<<"$line")
	printf '%s\n' "$line" >>"$run/program"
	show_line "$line"
}

show_line() {
	jq -r '
	def left($n): tostring | . + " " * ([$n - length, 0] | max);
	def right($n): tostring | " " * ([$n - length, 0] | max) + .;
	[(.part | left(9)),
	 ([(.workers // empty | "\(.) worker(s)"),
	   (.each_way_us // 0 | select(. > 0) | "\(. / 1000) ms each way"),
	   (.sessions // empty | "\(.) sessions"),
	   (.values // empty | "\(.) values"),
	   (if .kept then empty else "unkept" end)]
	  | join(", ") | left(32)),
	 (.path | sub("[?].*"; "") | left(16)),
	 (.connections | right(4)), (.per_second | right(8)), "/s  p50",
	 (.p50_us | round | right(6)), "us  p99",
	 (.p99_us | round | right(6)), "us  cpu",
	 (.cpu_us.program // 0 | right(6)), "+",
	 (.cpu_us.redis // 0 | right(6)), "us",
	 (if .errors > 0 then
	  "  INVALID: \(.errors) errors, status \(.first_bad_status)"
	  else "" end)] | join(" ")' <<<"$1"
}

# ---- distance, workers, connections --------------------------------------

measure_distances() {
	local distance workers

	start_daemon redis.sock
	make_sessions 10000 "$run/cookies"
	for distance in "${distances[@]}"; do
		for workers in 1 2; do
			start_daemon "$(redis_socket "$distance")" \
				"server.workers=$workers"
			measure_connections "$distance" "$workers"
		done
	done
}

measure_connections() { # DISTANCE WORKERS
	local n path paths=(/session/whoami /session/counter)

	(($1 > 0)) || paths=(/hello "${paths[@]}")
	for path in "${paths[@]}"; do
		for n in "${connections[@]}"; do
			measure "{\"part\":\"distance\",\"each_way_us\":$1,
				\"workers\":$2}" -k -c "$n" -w 0.3 \
				-d "$seconds" -r -C "$run/cookies" "$path"
		done
	done
}

# ---- a connection a request, and one request at a time --------------------

measure_unkept() {
	local round path keep

	start_daemon redis.sock server.workers=2
	for ((round = 1; round <= rounds; round++)); do
		for path in /hello /session/whoami /session/counter; do
			for keep in -k ''; do
				measure "{\"part\":\"unkept\",
					\"round\":$round,\"workers\":2}" \
					$keep -c 32 -w 0.2 -d "$seconds" -r \
					-C "$run/cookies" "$path"
			done
		done
	done
}

measure_idle() {
	local round path

	for ((round = 1; round <= rounds; round++)); do
		for path in /hello /session/whoami /session/counter; do
			measure "{\"part\":\"idle\",\"round\":$round,
				\"workers\":2}" -k -c 1 -w 0.2 \
				-d "$seconds" -r -C "$run/cookies" "$path"
		done
	done
}

# ---- growth --------------------------------------------------------------

measure_values() {
	local values=0 wanted

	make_sessions 64 "$run/wide"
	for wanted in 1 8 32 127; do
		while ((values < wanted)); do
			values=$((values + 1))
			load -k -c 8 -n 64 -r -C "$run/wide" \
				"/session/set?key=key$values&value=purple" \
				>/dev/null || die "values could not be set"
		done
		measure "{\"part\":\"values\",\"workers\":2,
			\"values\":$((values + 1))}" -k -c 32 -w 0.2 \
			-d "$seconds" -r -C "$run/wide" /session/whoami
	done
}

# Of the daemon, over many requests.
measure_memory() {
	local done=0 step=$((growth_requests / 4))

	start_daemon redis.sock server.workers=2
	load -k -c 128 -n 20000 -r -C "$run/cookies" /session/counter \
		>/dev/null || die "the warm-up failed"
	while note_rss "$done" && ((done < growth_requests)); do
		load -k -c 128 -n "$step" -r -C "$run/cookies" \
			/session/counter >/dev/null || die "requests failed"
		done=$((done + step))
	done
}

note_rss() { # REQUESTS
	printf '{"part":"rss","requests":%s,"rss_kib":%s}\n' "$1" \
		"$(rss_kib "${pids[krsessiond]}")" >>"$run/program"
	tail -n 1 "$run/program"
}

measure_live_sessions() {
	local n have=0

	redis flushall >/dev/null
	: >"$run/live"
	for n in "${live[@]}"; do
		make_sessions $((n - have)) "$run/more"
		cat "$run/more" >>"$run/live"
		have=$n
		# So that every session has a user and a counter.
		load -k -c 32 -n "$n" -r -C "$run/live" /session/counter \
			>/dev/null || die "requests failed"
		measure_live "$n" /session/whoami
		measure_live "$n" /session/counter
	done
	note_session_size
}

measure_live() { # SESSIONS PATH
	measure "{\"part\":\"live\",\"workers\":2,\"sessions\":$1}" -k -c 32 \
		-w 0.3 -d "$seconds" -r -C "$run/live" "$2"
}

note_session_size() {
	local key

	key=$(redis --scan | sed -n 1p)
	printf '{"part":"size","bytes":%s,"used_a_session":%s}\n' \
		"$(redis memory usage "$key" samples 0)" \
		"$(redis info memory | awk -F: -v n="$(redis dbsize)" \
			'/^used_memory_dataset:/ { printf "%.0f", $2 / n }')" \
		>>"$run/program"
	tail -n 1 "$run/program"
}

# ---- results -------------------------------------------------------------

keep_program_results() {
	local file=$results/$stamp-program.json

	jq -cs --argjson machine "$(machine)" --arg date "$stamp" '
		{$date, machine: $machine, measurements: .}' \
		"$run/program" >"$file"
	jq -r -f "$root/bench/program.jq" "$file"
	say "kept in ${file#"$root/"}"
}
