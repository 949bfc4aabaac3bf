# shellcheck shell=bash disable=SC2154,SC2034
#
# The pages of the socket $METRICS, and what they say. Comes after
# lib/client.bash.

# Redis and krsessiond with that socket.
metrics_start() { # [OPTION...]
	start_both -o "server.metrics_listen=unix:$METRICS" "$@"
}

# A page of the socket: $code and $body.
page() { # PATH
	body=$(curl --silent --show-error --max-time 20 --unix-socket \
		"$METRICS" --write-out '\n%{http_code}' "http://localhost$1") ||
		return
	code=${body##*$'\n'}
	body=${body%$'\n'*}
	body=${body%$'\n'}
}

# Takes them, for those below.
metrics() {
	page /metrics && [ "$code" = 200 ] && METRICS_TEXT=$body
}

# The value of a sample, or the sum of those whose labels hold a part.
metric() { # NAME [PART]
	awk -v name="$1" -v part="${2-}" '
		substr($0, 1, 1) != "#" {
			whole = $0
			sub(/ [^ ]*$/, "", whole)
			bare = whole
			sub(/\{.*/, "", bare)
			if (whole == name || (part != "" && bare == name &&
				index(whole, part))) {
				n += $NF
				found = 1
			}
		}
		END {
			if (!found) exit 1
			printf(n == int(n) ? "%d\n" : "%.6f\n", n)
		}' <<<"$METRICS_TEXT"
}

expect_metric() { # NAME VALUE
	[[ $(metric "$1") == "$2" ]] ||
		fail "expected $1 $2" "got $(metric "$1")"
}

expect_labels() { # LABELS OF krsession_requests_total, VALUE
	expect_metric "krsession_requests_total{$1}" "$2"
}

has_metric() { # NAME VALUE
	metrics && [[ $(metric "$1") == "$2" ]]
}

# Each request is in each histogram that counts requests, once; the last
# bucket has all of a histogram, and no bucket less than the one before.
expect_same_counts() {
	local requests
	requests=$(metric krsession_requests_total 'route=')
	expect_metric krsession_request_duration_seconds_count "$requests"
	expect_metric \
		'krsession_stage_duration_seconds_count{stage="respond"}' \
		"$requests"
	expect_metric 'krsession_request_duration_seconds_bucket{le="+Inf"}' \
		"$requests"
	awk '/_bucket\{/ {
			whole = $1
			sub(/le="[^"]*"/, "", whole)
			if (whole == last && $2 < before) exit 1
			last = whole
			before = $2
		}' <<<"$METRICS_TEXT" || fail "a bucket shrank"
	awk '/^krsession_stage_duration_seconds_sum/ { parts += $2 }
		/^krsession_request_duration_seconds_sum/ { whole = $2 }
		END { exit whole - parts > 1e-4 || parts - whole > 1e-4 }' \
		<<<"$METRICS_TEXT" || fail "the stages do not add up"
}

# What is answered to bytes, as printf(1) has them.
raw() { # FORMAT
	answer=$("$KR_BUILD/tests/wire_hold" --read "$METRICS" "$1" | tr -d '\r\0')
}

top() { # ARGUMENT...
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" top --from \
		"unix:$METRICS" "$@"
}
