# shellcheck shell=bash disable=SC2154 # tools/up.sh sets run, parts and pids
# Starting and ending what is measured. tools/up.sh has most of it: start,
# stop, wait_for, start_redis, clean_up.

# end_part NAME: ends it before the others.
end_part() {
	local name kept=()

	[[ -n ${pids[$1]:-} ]] || return 0
	stop "${pids[$1]}"
	for name in "${parts[@]}"; do
		[[ $name == "$1" ]] || kept+=("$name")
	done
	parts=("${kept[@]}")
	unset "pids[$1]"
}

# A Redis that is so many microseconds away, each way: $run/redis-N.sock.
start_relay() { # MICROSECONDS
	start "relay-$1" "$programs/relay" "$1" \
		"$run/redis-$1.sock" "$run/redis.sock"
	wait_for "the relay does not answer" \
		redis-cli -s "$run/redis-$1.sock" ping
}

# start_daemon REDIS-SOCKET OPTION...: krsessiond at $run/krsession.sock, in
# place of an earlier one. Options as krsessiond's -o takes them.
start_daemon() {
	local socket=$1 option given=()

	shift
	end_part krsessiond
	rm -f "$run/krsession.sock"
	for option in "$@"; do
		given+=(-o "$option")
	done
	start krsessiond "$root/build/installed/bin/krsessiond" \
		-l "unix:$run/krsession.sock" \
		-o "redis.endpoint=unix://$run/$socket" "${given[@]}"
	wait_for "krsessiond does not answer" load -n 1 /hello
}

# load FCGI_LOAD-OPTION... PATH: prints its line, also when it ends badly.
load() {
	"$programs/fcgi_load" "${@:1:$#-1}" "$run/krsession.sock" "${*: -1}"
}

# make_sessions COUNT FILE: by logging in; their cookies go to FILE.
make_sessions() {
	load -k -c 32 -n "$1" -o "$2" '/session/login?user=max' >/dev/null ||
		die "the sessions could not be made"
	sed -i "$1q" "$2"
}
