# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl on Redis: what it says of its servers, on every topology.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	stack_open
	OPTIONS=()
}

teardown() {
	stack_close
}

@test "check finds nothing to mend where there is nothing, and leaves nothing" {
	redis_start
	ctl check
	[ "$status" -eq 0 ]
	run -1 grep -v '^ok' <<<"$output"
	[ "$(rcli dbsize)" = 0 ]
}

@test "check names a policy that drops sessions" {
	redis_start
	rcli config set maxmemory 100mb maxmemory-policy allkeys-lru
	ctl check
	[ "$status" -eq 3 ]
	finding bad 'maxmemory-policy is allkeys-lru'
	[[ $output == *'mend: CONFIG SET maxmemory-policy noeviction'* ]]
}

@test "check names sessions without an end" {
	start_both
	log_in max
	rcli persist "KestrunSession_$id"
	ctl check
	[ "$status" -eq 3 ]
	finding warning "1 of 1 sessions have no time to live, such as $id"
	rcli del "KestrunSession_$id"
}

@test "check names a right that krsessiond lacks" {
	redis_start
	rcli acl setuser few on '>word' '~KestrunSession_*' -@all +hgetall +hset \
		+hget +pexpire +unlink +eval +evalsha '+client|setname' +scan +pttl
	ctl -o redis.user=few -o redis.password=word check
	finding unknown 'Redis does not let us ask: INFO'
	rcli acl setuser few -evalsha -eval
	ctl -o redis.user=few -o redis.password=word check
	[ "$status" -eq 3 ]
	finding bad 'a session cannot be made: store refused'
	[[ $stderr == *"'evalsha' command"* ]]
}

@test "check finds out whether session.cache can keep its promise" {
	redis_start
	ctl -o session.cache=50ms check
	[ "$status" -eq 0 ]
	[[ $output == *'session.cache can keep its promise'* ]]
	rcli acl setuser few on '>word' '~*' +@all '-client|tracking'
	ctl -o session.cache=50ms -o redis.user=few -o redis.password=word check
	[ "$status" -eq 3 ]
	finding bad 'session.cache does nothing: .*CLIENT TRACKING'
	[[ $output == *'+client|tracking'* ]]
}

@test "check of a Redis that is away is 1, and says where it looked" {
	ctl check
	[ "$status" -eq 1 ]
	[[ $stderr == *"redis $STACK/redis.sock: No such file or directory"* ]]
}

# ---- topologies -----------------------------------------------------------

# The operator's rights, on each server of the topology.
give_rights() {
	local socket
	for socket in "$STACK"/redis*.sock; do
		redis-cli -s "$socket" acl setuser "$LOGIN" +scan +info
	done
}

@test "it works on every node of a cluster" {
	local i
	cluster_start
	mapfile -t OPTIONS < <(cluster_options)
	kr_start "${OPTIONS[@]}"
	give_rights
	for i in {1..12}; do
		log_in "user$i"
	done
	ctl count
	expect_output 0 12
	ctl check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	[ "$(grep -c 'a primary' <<<"$output")" -eq 3 ]
	ctl end --all
	expect_output 0 "ended 12"
	ctl count
	expect_output 0 0
}

@test "it asks the Sentinels for the primary" {
	sentinel_start
	mapfile -t OPTIONS < <(sentinel_options)
	kr_start "${OPTIONS[@]}"
	give_rights
	log_in max
	ctl list
	[[ $output == *"$id"*max ]] || fail "$output" "$stderr"
	ctl check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	finding ok '(Redis|Valkey) [0-9.]+, a primary'
	ctl end "$id"
	expect_output 0 "ended 1"
	is_gone "$cookie"
}

# In one line, with its reason.
check_says() { # REGULAR EXPRESSION
	ctl check
	[ "$status" -eq 1 ]
	grep -qE "redis localhost:$PORT: .*$1" <<<"$stderr" ||
		fail "expected: $1" "$stderr"
}

@test "check names what is wrong with TLS" {
	tls_start
	mapfile -t OPTIONS < <(tls_options)
	give_rights
	ctl check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	OPTIONS+=(-o "redis.tls_ca_file=$STACK/tls/other-ca.crt")
	check_says 'certificate of localhost: self-signed certificate in'
	server_stop redis
	redis_start_tls wrong "${ACL[@]}"
	mapfile -t OPTIONS < <(tls_options)
	check_says '[Hh]ostname mismatch'
}
