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

# What was started last.
end_last() {
	kill "${pids[0]}"
	wait "${pids[0]}"
	pids=("${pids[@]:1}")
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

# In a database named operator, on a socket in pg/. It refuses root.
start_postgresql() {
	local bin as=()

	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	((EUID != 0)) || as=(setpriv --reuid=postgres --regid=postgres
		--clear-groups)
	mkdir pg
	((EUID != 0)) || chown postgres pg
	"${as[@]}" "$bin/initdb" -D "$run/pg/data" -U operator -A trust \
		--locale=C -E UTF8 --no-sync >initdb.log
	start postgres "${as[@]}" "$bin/postgres" -D "$run/pg/data" -k "$run/pg" \
		-c listen_addresses= -c dynamic_shared_memory_type=mmap
	wait_for psql -h "$run/pg" -U operator -c 'CREATE DATABASE operator' \
		postgres
}
