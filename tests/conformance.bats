# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The store's contract on Redis as it is in the world, on a file of SQLite and on
# PostgreSQL: tests/conformance, which make check runs on the stores that need
# no server.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"

setup() {
	stack_open
}

teardown() {
	postgresql_end
	stack_close
}

# What the suite does to make a Redis full, and to give it room again.
write_fill() {
	cat >"$STACK/maxmemory" <<-'SH'
		#!/bin/bash
		for socket in "${BASH_SOURCE[0]%/*}"/redis*.sock; do
			redis-cli -s "$socket" config set maxmemory "$1" >/dev/null
		done
	SH
	chmod +x "$STACK/maxmemory"
	export CONFORMANCE_FILL="$STACK/maxmemory 1"
	export CONFORMANCE_EMPTY="$STACK/maxmemory 0"
}

# A walk and an operator's look need more than krsessiond does, and so does who
# follows.
allow_looks() {
	local rules socket
	read -ra rules < <(readme_cache_rules)
	for socket in "$STACK"/redis*.sock; do
		redis-cli -s "$socket" acl setuser "$LOGIN" +scan \
			"${rules[@]}" '+cluster|info'
	done
}

# So many groups, of which the store in Redis has one more.
GROUPS_ALL=12

conforms() { # [OPTION...]
	CMOCKA_MESSAGE_OUTPUT=STDOUT \
		"$KR_BUILD/tests/conformance/conformance" \
		redis.instance_name=KestrunSession_ "$@" \
		>"$STACK/conformance.log" 2>&1 3>&- ||
		fail "does not conform" \
			"$(grep -aE 'FAILED|ERROR|LINE|redis' "$STACK/conformance.log")"
	[ "$(grep -ac '^\[  PASSED' "$STACK/conformance.log")" -eq "$GROUPS_ALL" ]
}

conforms_on_redis() { # [OPTION...]
	write_fill
	GROUPS_ALL=13
	conforms "$@"
}

# As named, with the smallest rights.
conforms_on() { # tls|sentinel|cluster
	local options
	"$1_start"
	allow_looks
	mapfile -t options < <("$1_options" | grep -vx -e -o)
	conforms_on_redis "${options[@]}"
}

@test "one Redis at a Unix socket conforms" {
	redis_start
	conforms_on_redis "redis.endpoint=unix://$STACK/redis.sock"
}

# bats test_tags=slow
@test "Redis with copies in memory conforms" {
	redis_start
	conforms_on_redis "redis.endpoint=unix://$STACK/redis.sock" \
		session.cache=10ms
}

# bats test_tags=slow
@test "a cluster with copies in memory conforms" {
	local options
	cluster_start
	allow_looks
	mapfile -t options < <(cluster_options | grep -vx -e -o)
	conforms_on_redis "${options[@]}" session.cache=10ms
}

@test "Redis with TLS and users conforms" {
	conforms_on tls
}

@test "Redis behind Sentinels conforms" {
	conforms_on sentinel
}

@test "a Redis Cluster conforms" {
	conforms_on cluster
}

@test "a Redis that forgets its scripts all the while conforms" {
	redis_start
	(
		exec >/dev/null 3>&- 4>&-
		while rcli script flush; do :; done
	) &
	conforms_on_redis "redis.endpoint=unix://$STACK/redis.sock"
	kill $!
}

@test "a file of SQLite conforms" {
	mkdir "$STACK/store"
	conforms store.kind=sqlite "store.path=$STACK/store/sessions.sqlite"
}

@test "a file of SQLite that does not wait for the disk conforms" {
	mkdir "$STACK/store"
	conforms store.kind=sqlite store.durable=no \
		"store.path=$STACK/store/sessions.sqlite"
}

# PostgreSQL has no limit to set: it is full when it says so.
write_postgresql_fill() {
	cat >"$STACK/fill.sql" <<-'SQL'
		CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			RAISE 'No space left on device' USING ERRCODE = '53100';
		END $$;
		CREATE TRIGGER full_ BEFORE INSERT ON sessions
			FOR EACH ROW EXECUTE FUNCTION full_();
		CREATE TRIGGER full_ BEFORE INSERT ON session_values
			FOR EACH ROW EXECUTE FUNCTION full_();
	SQL
	export PGOPTIONS='-c search_path=krsession'
	local psql="psql -qX -h $PG -p $PORT -U operator krsession"
	export CONFORMANCE_FILL="$psql -f $STACK/fill.sql"
	export CONFORMANCE_EMPTY="$psql -c 'DROP FUNCTION full_ CASCADE'"
}

@test "PostgreSQL conforms" {
	local options
	postgresql_make
	write_postgresql_fill
	mapfile -t options < <(postgresql_options | grep -vx -e -o)
	conforms "${options[@]}"
}
