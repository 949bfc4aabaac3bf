# shellcheck shell=bash
# What both tests share: a folder of their own, servers in it that end with
# the test, and README.md as it is printed. They need no service manager, so
# they run in a chroot as well.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
KR_ROOT=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/readme.bash
. "$KR_ROOT/tests/lib/readme.bash"

run=
pids=()

# Debian's redis-server may run too: ours listens on a socket alone.
begin() {
	run=$(mktemp -d)
	chmod 755 "$run" # lighttpd, started as root, goes on as www-data
	trap finish EXIT
	cd "$run" || exit
	export BATS_TEST_TMPDIR=$run
}

finish() {
	local status=$? pid

	for pid in "${pids[@]}"; do
		kill "$pid" || true
		wait "$pid" || true
	done
	((status == 0)) || tail -n 20 "$run"/*.log
	cd / && rm -rf "$run"
}

fail() { # TEXT...
	printf '%s\n' "$@"
	return 1
}

# start NAME COMMAND...: in the background; what it says is in NAME.log.
start() {
	local name=$1

	shift
	"$@" >"$name.log" 2>&1 </dev/null &
	pids=($! "${pids[@]}")
}

# wait_for COMMAND...: until it succeeds, 20 s at most.
wait_for() {
	local until=$((SECONDS + 20))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < until)) || fail "in vain: $*" || return
		sleep 0.05 # between two looks
	done
}

start_redis() {
	start redis redis-server --port 0 --save '' --appendonly no \
		--unixsocket "$run/redis.sock"
	wait_for redis-cli -s redis.sock ping
}
