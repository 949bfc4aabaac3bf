# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Ended means ended: two processes, and the very next request with the old
# cookie at the other one (tests/users_race.c), on every store that they share.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/sqlite.bash
source "$BATS_TEST_DIRNAME/lib/sqlite.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"

setup_file() {
	export BATS_TEST_TIMEOUT=600
}

setup() {
	stack_open
}

teardown() {
	[[ ! ${LOSER-} ]] || kill "$LOSER" 2>/dev/null || :
	postgresql_end
	stack_close
}

redis_options() {
	printf '%s\n' -o "redis.endpoint=unix://$STACK/redis.sock"
}

# What is late is wrong, however slow the machine is; a store that took its time
# is not.
race_on() { # STORE TRIALS [OPTION...]
	local options out trials=$2
	mapfile -t options < <("$1_options" | grep -vx -e -o)
	shift 2
	out=$("$KR_BUILD/tests/users_race" "$trials" "${options[@]}" \
		redis.instance_name=KestrunSession_ session.io_timeout=60s \
		"$@" 2>"$STACK/race.log") ||
		fail "$out" "$(tail "$STACK/race.log")"
	[ "$out" = "trials=$trials late=0 lost=0 failed=0" ]
}

@test "what one process ends the other does not open: Redis" {
	redis_start
	race_on redis 200
}

@test "what one process ends the other does not open: a limit of sessions" {
	redis_start
	race_on redis 200 session.max_per_user=2
}

@test "what one process ends the other does not open: Redis Cluster" {
	cluster_start
	race_on cluster 200
}

@test "what one process ends the other does not open: SQLite" {
	sqlite_start
	race_on sqlite 200 store.durable=no
}

# Each turns the new file to a write-ahead log, for which SQLite has neither wait.
@test "two processes may begin at once on a file that is not there yet" {
	local i
	sqlite_start
	for i in {1..20}; do
		race_on sqlite 1 "store.path=$SQLITE.$i"
	done
}

@test "what one process ends the other does not open: PostgreSQL" {
	postgresql_start
	race_on postgresql 200
}

# Then nothing is ended at its own key: the stream of ends alone has to hold.
@test "what one process ends the other does not open: an index that is lost" {
	redis_start
	(
		exec >/dev/null 3>&- 4>&-
		while rcli del KestrunSession_@user:max; do :; done
	) &
	LOSER=$!
	race_on redis 1000
}

# bats test_tags=slow
@test "what one process ends the other does not open: Redis, 10,000 times" {
	redis_start
	race_on redis 10000
}

# bats test_tags=slow
@test "what one process ends the other does not open: Sentinel, 1,000 times" {
	sentinel_start
	race_on sentinel 1000
}

# bats test_tags=slow
@test "what one process ends the other does not open: Cluster, 10,000 times" {
	cluster_start
	race_on cluster 10000
}

# bats test_tags=slow
@test "what one process ends the other does not open: SQLite, 10,000 times" {
	sqlite_start
	race_on sqlite 10000 store.durable=no
}

# bats test_tags=slow
@test "what one process ends the other does not open: PostgreSQL, 10,000 times" {
	postgresql_start
	race_on postgresql 10000
}
