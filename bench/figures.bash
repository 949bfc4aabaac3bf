# shellcheck shell=bash disable=SC2154 # tools/up.sh sets run and pids
# What the bench reads off the machine, and how it reckons with it.

redis() {
	redis-cli -s "$run/redis.sock" --no-auth-warning "$@"
}

# How often Redis has run each command, as an object; those that a script
# runs are among them. Asking is not counted.
redis_calls() {
	redis info commandstats | tr -d '\r' | jq -cRn '
	[inputs | capture("^cmdstat_(?<key>[^:]+):calls=(?<value>[0-9]+)")
		| select(.key | IN("info", "keys") | not) | .value |= tonumber] | from_entries'
}

# How often Redis has read from a connection: once for a whole pipeline, so
# this is as near to round trips as Redis can tell.
redis_reads() {
	redis info stats | tr -d '\r' |
		sed -n 's/^total_reads_processed:/{"reads":/p' | sed 's/$/}/'
}

# How often a session.cache has asked Redis whether it is told of all changes;
# its keys are counted on at their end. Only where one runs, as all keys are
# walked: $lease_kept says so.
redis_beats() {
	# One that is held up, or has nothing to do, has let its key go.
	[[ -e $run/beats ]] || echo 0 >"$run/beats"
	redis keys '*@beat:*' | sed -n 's/.*@beat:.*\.//p' |
		sort -n - "$run/beats" | tail -n 1 >"$run/beats.new"
	mv "$run/beats.new" "$run/beats"
	jq -c '{beats: .}' "$run/beats"
}

# What has been used so far: snapshot NAME=GROUP...
snapshot() {
	local pair

	{
		for pair in "$@"; do
			printf '%s %s\n' "${pair%%=*}" "$("$programs/cpu_time" "${pair#*=}")"
		done | jq -cRn '[inputs | split(" ")
			| {key: .[0], value: .[1] | tonumber}]
			| {cpu: from_entries}'
		redis_calls | jq -c '{calls: .}'
		redis_reads
		! ${lease_kept:-false} || redis_beats
	} | jq -cs add
}

# between BEFORE AFTER REQUESTS: for each request, the microseconds of each
# group and the commands of Redis, without those of a cache's lease, which
# come by themselves.
between() {
	jq -cn --argjson a "$1" --argjson b "$2" --argjson n "$3" '
	def each($x; $y): [$y | to_entries[]
		| .value -= ($x[.key] // 0)
		| .value = (.value / ([$n, 1] | max) * 100 | round / 100)
		| select(.value != 0)]
		| from_entries;
	(($b.beats // 0) - ($a.beats // 0)) as $beats
	| {cpu_us: each($a.cpu; $b.cpu), commands: each($a.calls; $b.calls
			| if .set then .set -= $beats else . end)}
		+ each({reads_a_request: $a.reads};
			{reads_a_request: ($b.reads - $beats)})
	| .commands_a_request = ([.commands[]] | add // 0
		| . * 100 | round / 100)'
}

rss_kib() { # PROCESS
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# The machine, as an object.
machine() {
	local cpu system

	cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | sed -n 1p)
	# shellcheck disable=SC1091
	system=$(. /etc/os-release && printf '%s' "$PRETTY_NAME")
	jq -cn --arg cpu "$cpu" --arg cores "$(nproc)" \
		--arg kernel "$(uname -r)" --arg system "$system" \
		--arg redis "$(redis-server --version | grep -o 'v=[^ ]*')" \
		--arg nginx "$(nginx -v 2>&1 | grep -o '[0-9.]*$')" \
		--arg commit "$(git -C "$root" rev-parse --short HEAD \
			2>/dev/null || true)" '
	{$cpu, cores: $cores | tonumber, $kernel, $system,
		redis: $redis[2:], $nginx, $commit}'
}
