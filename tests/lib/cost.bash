# shellcheck shell=bash disable=SC2154 # $code is of client.bash
#
# What requests cost in Redis: commands, and round trips, over all primaries
# of lib/topologies.bash.

servers() {
	echo "${SERVERS:-$(primaries)}"
}

# Commands since the last CONFIG RESETSTAT, without those that only open a
# connection, our own, and what servers say to each other:
# "evalsha=1 hget=1 hset=1".
commands() {
	local name
	for name in $(servers); do
		ncli "$name" info commandstats
	done | tr -d '\r' |
		sed -n 's/^cmdstat_\([^:]*\):calls=\([0-9]*\),.*/\1 \2/p' |
		grep -Ev '^(info|config|client|hello|auth|select|ping|command)' |
		grep -Ev '^(replconf|publish|subscribe|role|cluster\|(info|nodes))' |
		awk '{ n[$1] += $2 } END { for (i in n) print i "=" n[i] }' |
		sort | paste -sd' '
}

reads() {
	local name
	for name in $(servers); do
		node_info "$name" stats total_reads_processed
	done | awk '{ n += $1 } END { print n + 0 }'
}

cost_of() { # ASK ARGUMENT...
	local name
	for name in $(servers); do
		ncli "$name" config resetstat >"$STACK/reset"
	done
	ask "$@"
	[ "$code" != 000 ] && commands || echo 'no answer'
}

# How often Redis found something to read for that request: a pipeline sent in
# one write is one round trip. What else comes only adds: servers that speak to
# each other, or a worker that had no connection yet. So it is the least of
# several tries.
least_round_trips() { # FCGI_CLIENT ARGUMENT...
	local own
	own=$(least_reads true)
	echo $(($(least_reads "$KR_BUILD/tests/fcgi_client" -q "$@") - own))
	! grep -v '^200' "$STACK/answers"
}

least_reads() { # COMMAND...
	local before
	for _ in {1..6}; do
		before=$(reads)
		"$@" >"$STACK/answers"
		echo $(($(reads) - before))
	done | sort -n | head -n 1
}

# What the README says of every topology, for sessions on each primary.
expect_usual_cost() {
	local cookie session SERVERS
	SERVERS=$(primaries)
	for _ in {1..6}; do
		ask /session/counter
		cookie=Kr.Session=$(cookie_value)
		ask -c "$cookie" /session/counter
		[ "$code" = 200 ]
	done
	session=("$KR_SOCKET" '/session/get?key=counter')
	expect_same '' cost_of -c "$cookie" /hello
	expect_same '' cost_of /session/whoami
	expect_same 0 least_round_trips "$KR_SOCKET" /hello
	expect_same 'hgetall=1' cost_of -c "$cookie" /session/whoami
	expect_same 1 least_round_trips -c "$cookie" "${session[@]}"
	expect_same 'evalsha=1 hget=1 hset=1 pexpire=1' cost_of /session/counter
	expect_same 1 least_round_trips "$KR_SOCKET" /session/counter
	[[ " $(cost_of -c "$cookie" /session/counter) " == *' evalsha=1 '* ]]
	[[ " $(cost_of -c "$cookie" /session/counter) " == *' hgetall=1 '* ]]
	expect_same 2 least_round_trips -c "$cookie" "$KR_SOCKET" \
		/session/counter
}

expect_same() { # TEXT COMMAND...
	local text=$1 got
	shift
	got=$("$@")
	[[ $got == "$text" ]] || fail "expected '$text', got '$got': $*"
}
