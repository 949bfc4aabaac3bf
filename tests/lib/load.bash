# shellcheck shell=bash disable=SC2154 # $code is of client.bash
#
# Load through a front server: clients that count in a session each, at a
# steady rate, and what every answer was. Comes after lib/client.bash.
#
# $STACK/load.N has a line an answer: body, tab, curl's exit status, HTTP
# status, Retry-After.

LOAD_RATE=100 # requests a second of one client

load_start() { # CLIENTS [CURL OPTION...]
	LOAD=()
	load_add "$@"
	load_goes_on 20
}

# More of them.
load_add() { # CLIENTS [CURL OPTION...]
	local i to=$((${#LOAD[@]} + $1))
	shift
	for ((i = ${#LOAD[@]}; i < to; i++)); do
		fetch /session/counter
		[ "$code" = 200 ]
		curl --silent --no-buffer --noproxy '*' --max-time 20 \
			--rate "$LOAD_RATE/s" --cacert "$STACK/tls.crt" \
			--cookie "Kr.Session=$(cookie_value)" --write-out \
			'\t%{exitcode} %{http_code} %header{retry-after}\n' \
			"$@" "$URL/session/counter?n=[1-1000000]" \
			>"$STACK/load.$i" 2>/dev/null 3>&- 4>&- &
		LOAD+=($!)
	done
}

# Until every client has been answered well so often from now on.
load_goes_on() { # N
	local i before=()
	for i in "${!LOAD[@]}"; do
		before+=("$(load_good "$i")")
	done
	within 30 load_all "$1" "${before[@]}" || fail "the load stands still" \
		"$(tail -qn 2 "$STACK"/load.*)"
}

load_all() { # N BEFORE...
	local i n=$1
	for i in "${!LOAD[@]}"; do
		shift
		(($(load_good "$i") >= $1 + n)) || return
	done
}

load_good() { # CLIENT
	grep -c $'\t0 200 ' "$STACK/load.$1" || true # none is no failure
}

load_stop() {
	local pid
	kill "${LOAD[@]}"
	for pid in "${LOAD[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	LOADED=${#LOAD[@]} LOAD=()
}

# For teardown, as a test may have failed under load.
load_end() {
	[[ ! ${LOAD-} ]] || kill "${LOAD[@]}" 2>/dev/null || true
}

# Ends the load. Each answer was a count, or 503 with Retry-After; where the
# front server itself was away, or none at all ("refused"). Counts go up, and
# between two lie no more steps than requests that were answered otherwise.
expect_load() { # [refused]
	local i
	load_stop
	for ((i = 0; i < LOADED; i++)); do
		awk -F'\t' -v refused="${1:+1}" '
		BEGIN { last = 1 }
		NF < 2 { next } # cut short as the client was ended
		$2 == "0 200 " && $1 ~ /"counter":[0-9]+}$/ {
			sub(/.*:/, "", $1)
			value = $1 + 0
			if (value <= last || value > last + 1 + unknown)
				print "from " last " to " value ", unknown " unknown
			last = value
			unknown = 0
			next
		}
		$2 ~ /^0 503 [0-9]+$/ { unknown++; next }
		refused && $2 !~ /^0 / { unknown++; next }
		{ print }' "$STACK/load.$i" >"$STACK/load.bad"
		[[ ! -s $STACK/load.bad ]] ||
			fail "client $i got" "$(head -n 5 "$STACK/load.bad")" || return
	done
}

# The counts alone would let a 503 pass.
expect_load_without_503() {
	expect_load '' || return
	! grep -h $'\t0 503 ' "$STACK"/load.* || fail "answered 503"
}
