# shellcheck shell=bash disable=SC2154 # $code is of client.bash
#
# The checker: sessions that count without pause, what each was answered, and
# what the servers of lib/topologies.bash have really done. It proves that
#
#   - what was acknowledged was carried out by a Redis,
#   - of that, what Redis kept is there at the end,
#   - nothing acknowledged was counted twice: between two acknowledged values
#     of a session lie no more steps than requests without an answer of 200.
#
# What a primary had carried out and its replica, promoted, never got is lost
# by Redis' asynchronous replication: it is what the dead one's AOF has beyond
# what the replica held when it had lost its primary. It is told apart, and
# counted.
#
# Each session has one client, which has one request at a time. Its answers
# are in $STACK/acks/ID, lines of fcgi_client --trace.

counting_start() { # SESSIONS
	local i cookie
	mkdir -p "$STACK/acks"
	COUNTERS=()
	for ((i = 0; i < $1; i++)); do
		ask '/session/counter'
		[ "$code" = 200 ]
		cookie=$(cookie_value)
		"$KR_BUILD/tests/fcgi_client" --trace -k -r 1000000 -s 2 \
			-c "Kr.Session=$cookie" "$KR_SOCKET" /session/counter \
			>"$STACK/acks/${cookie:0:22}" 3>&- 4>&- &
		COUNTERS+=($!)
	done
	within 10 all_began 20 || fail "the counters do not count"
}

counting_stop() {
	local pid name
	kill "${COUNTERS[@]}"
	for pid in "${COUNTERS[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	for name in $(counting); do # a line cut short has not arrived
		sed -n '/}$\|-$/p' "$STACK/acks/$name" >"$STACK/acks/whole"
		mv "$STACK/acks/whole" "$STACK/acks/$name"
	done
}

# The sessions.
counting() {
	ls "$STACK/acks"
}

# Waits until every session has been acknowledged so often from now on.
counting_goes_on() { # N
	local name before=()
	for name in $(counting); do
		before+=("$(acks_of "$name")")
	done
	within 20 all_have "$1" "${before[@]}" || fail "the counters stand still"
}

all_began() { # N
	local name
	for name in $(counting); do
		(($(acks_of "$name") >= $1)) || return
	done
}

all_have() { # N BEFORE...
	local name n=$1
	for name in $(counting); do
		shift
		(($(acks_of "$name") >= $1 + n)) || return
	done
}

acks_of() { # SESSION
	grep -c ' 200 ' "$STACK/acks/$1"
}

# Every answer is 200 without a new session, or 503.
counting_was_correct() {
	! cat "$STACK"/acks/* | grep -v '^[0-9]* [0-9]* \(200\|503\) - {.*}$' |
		head -n 5 | grep . || fail "these are no answers"
}

failures_of_all() {
	cat "$STACK"/acks/* | grep -vc ' 200 '
}

# ---- what the servers did -----------------------------------------------

# "ID VALUE" for each write of a counter that a server has carried out, in
# order, from its AOF: arguments are lines there, and the count is the second
# line behind its name.
history() { # SERVER
	find "$STACK/$1/appendonlydir" -name '*.incr.aof' | sort -V | xargs cat |
		tr -d '\000\r' | LC_ALL=C awk -v prefix="$(redis_key '')" '
		index($0, prefix) == 1 && length($0) == length(prefix) + 22 {
			key = substr($0, length(prefix) + 1)
		}
		$0 == "counter" && getline && getline { print key, $0 }'
}

# The last value of each session.
last_values() {
	awk '{ last[$1] = $2 } END { for (id in last) print id, last[id] }'
}

# What a server holds now of every session: "ID VALUE".
held_by() { # SERVER
	local name value
	for name in $(counting); do
		value=$(printf 'readonly\nhget %s counter\n' \
			"$(redis_key "$name")" | ncli "$1" 2>&1 | tail -n 1)
		[[ ! $value =~ ^[0-9]+$ ]] || echo "$name $value"
	done
}

# What Redis answers for every session now: "ID VALUE".
held_now() {
	local name
	for name in $(counting); do
		echo "$name $(rcli hget "$(redis_key "$name")" counter)"
	done
}

# Whether each server counted every session up one by one.
history_is_even() { # SERVER...
	local name
	for name; do
		history "$name" | awk -v server="$name" '
			$1 in last && $2 != last[$1] + 1 {
				print server ": " $1 " from " last[$1] " to " $2
				bad = 1
			}
			{ last[$1] = $2 }
			END { exit bad || !NR }' || return
	done
}

# ---- the verdict --------------------------------------------------------

# The files DONE (what the dead primary did), KEPT (what its replica held when
# it had lost it) and NOW (what Redis holds) have lines "ID VALUE"; sessions of
# other primaries are in NOW only. KILLED is when, in epoch milliseconds.
# Prints the figures, and every contradiction; fails if there is one.
verdict() { # DONE KEPT NOW KILLED
	local name status=0
	: >"$STACK/figures"
	for name in $(counting); do
		awk -v id="$name" -v done="$(value_of "$name" "$1")" \
			-v kept="$(value_of "$name" "$2")" \
			-v now="$(value_of "$name" "$3")" -v killed="$4" \
			-f "$KR_ROOT/tests/lib/verdict.awk" "$STACK/acks/$name" \
			>>"$STACK/figures" || status=1
	done
	! grep -v '^figures' "$STACK/figures"
	awk '$1 == "figures" {
		acks += $2; lost += $3; acked += $4
		if ($5 > away) away = $5
	}
	END {
		printf "%d acknowledged; replication lost %d writes, ", acks, lost
		printf "%d of them acknowledged; away %.2f s\n", acked, away / 1000
	}' "$STACK/figures" | tee "$STACK/sum"
	return "$status"
}

# A figure of the sum.
figure() { # SED EXPRESSION WITH ONE GROUP
	sed -n "s/.*$1.*/\1/p" "$STACK/sum"
}

# For whoever reads the results; bats shows it as a comment.
say_figures() {
	sed "s/^/# $BATS_TEST_DESCRIPTION: /" "$STACK/sum" >&3
}

now_ms() {
	echo $(($(now_us) / 1000))
}

value_of() { # SESSION FILE
	sed -n "s/^$1 //p" "$2"
}
