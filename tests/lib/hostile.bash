# shellcheck shell=bash disable=SC2154 # $code, $body and $ms are of client.bash
#
# Peers that no front server is: tests/fcgi_raw.c says what it is told. Comes
# after lib/client.bash.

# With a socket of its own, which spawn-fcgi would not close.
own_start() { # [OPTION...]
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET" "$@"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "krsessiond does not start"
}

# What came back is left in $said.
raw() { # FCGI_RAW WORD...
	# shellcheck disable=SC2034 # for the tests
	said=$("$KR_BUILD/tests/fcgi_raw" "${RAW_OPTIONS[@]}" "$KR_SOCKET" "$@")
}

RAW_OPTIONS=(-t 10000)

hello_works() {
	ask -t 5000 /hello
	[[ $code == 200 && $body == 'Hello, Session World!' ]]
}

hello_at_once() {
	hello_works && ((ms < 1000))
}

log_has() { # PATTERN
	grep -aqE "$1" "$STACK/krsessiond.log"
}

log_count() { # PATTERN
	grep -acE "$1" "$STACK/krsessiond.log" || true # none is no failure
}

# Clock ticks that the daemon has used, of 100 a second.
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$(server_pid krsessiond)/stat"
}

# KiB that the daemon has in memory.
resident() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(server_pid krsessiond)/status"
}

thread_count() {
	find "/proc/$(server_pid krsessiond)/task" -mindepth 1 -maxdepth 1 |
		wc -l
}

# ---- in the background --------------------------------------------------

# What comes back goes to $STACK/NAME.out.
peers_start() { # NAME FCGI_RAW ARGUMENT...
	local name=$1
	shift
	"$KR_BUILD/tests/fcgi_raw" "$@" >"$STACK/$name.out" 3>&- 4>&- &
	PEERS+=($!)
}

peers_ready() { # NAME
	grep -q '^ready' "$STACK/$1.out"
}

peers_end() {
	local pid
	for pid in "${PEERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	PEERS=()
}
