# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Each allocation of a program's life, of the session layer's alone, of a user's
# sessions and of a handler's test fails in turn, alone and with all after it, on each store:
# tests/allocation. In an ordinary run it is one in so many, and each day begins
# with another; those tagged slow try every one.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"

setup_file() {
	export BATS_TEST_TIMEOUT=1800 # every one takes minutes
}

setup() {
	stack_open
}

teardown() {
	postgresql_end
	stack_close
}

# The number of a fault is the same in each run with the same start, but where a
# thread that keeps copies good allocates beside.
survives() { # EVERY OPTION...
	local from=$((1 + 10#$(date +%j) % $1))
	"$KR_BUILD/tests/allocation/allocation" -f "$from" -e "$1" \
		cookie.name=sid session.io_timeout=500ms "${@:2}" >"$STACK/allocation.log" 2>&1 3>&- ||
		fail "does not survive" "$(head -n 60 "$STACK/allocation.log")"
	[ "$(grep -c ', 0 faults$' "$STACK/allocation.log")" -eq 8 ]
}

survives_on_sqlite() { # EVERY
	mkdir "$STACK/store"
	survives "$1" store.kind=sqlite store.durable=no \
		"store.path=$STACK/store/sessions.sqlite"
}

survives_on_redis() { # EVERY [OPTION...]
	redis_start
	survives "$1" "redis.endpoint=unix://$STACK/redis.sock" "${@:2}"
}

survives_on_postgresql() { # EVERY
	local options
	postgresql_make
	mapfile -t options < <(postgresql_options | grep -vx -e -o)
	survives "$1" "${options[@]}"
}

@test "the store in memory survives each allocation that fails" {
	survives 1 store.kind=memory
}

@test "SQLite survives allocations that fail" {
	survives_on_sqlite 61
}

@test "Redis survives allocations that fail" {
	survives_on_redis 19
}

@test "Redis with copies in memory survives allocations that fail" {
	survives_on_redis 47 session.cache=10ms
}

@test "PostgreSQL survives allocations that fail" {
	survives_on_postgresql 61
}

# bats test_tags=slow
@test "SQLite survives each allocation that fails" {
	survives_on_sqlite 1
}

# bats test_tags=slow
@test "Redis survives each allocation that fails" {
	survives_on_redis 1
}

# bats test_tags=slow
@test "Redis with copies in memory survives each allocation that fails" {
	survives_on_redis 1 session.cache=10ms
}

# bats test_tags=slow
@test "PostgreSQL survives each allocation that fails" {
	survives_on_postgresql 1
}
