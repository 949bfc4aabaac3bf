# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Sentinel: one primary, two replicas, three Sentinels, each side with its own
# users. That every route works is seen in routes_sentinel.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/cost.bash
source "$BATS_TEST_DIRNAME/lib/cost.bash"
# shellcheck source=lib/checker.bash
source "$BATS_TEST_DIRNAME/lib/checker.bash"

setup() {
	stack_open
	sentinel_start
}

teardown() {
	stack_close
}

kr_start_sentinel() { # [OPTION...]
	local options
	mapfile -t options < <(sentinel_options)
	kr_start "${options[@]}" -o session.io_timeout=2s "$@"
}

expect_logged() { # REGULAR EXPRESSION
	grep -qaE -e "$1" "$STACK/krsessiond.log" ||
		fail "not logged: $1" "$(grep -a redis "$STACK/krsessiond.log")"
}

counter_works() {
	kr_answers "$KR_SOCKET" /session/counter
}

# ---- finding the primary ------------------------------------------------

# bats test_tags=slow
@test "the primary is found by its name" {
	kr_start_sentinel
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	[ "$(ncli redis dbsize)" -eq 1 ]
	[[ $(ncli redis client list) == *"user=$LOGIN "* ]]
}

@test "a StackExchange.Redis string names service and Sentinel user" {
	redis_cli_is_strict
	rcli acl setuser "$LOGIN" '>plain'
	kr_start -o "redis.endpoint=$SENTINELS,serviceName=mymaster,\
user=$LOGIN,password=plain,sentinelUser=watcher,\
sentinelPassword=$SENTINEL_SECRET"
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
}

# The tests' own redis-cli must not be what makes it work.
redis_cli_is_strict() {
	[[ $(REDISCLI_AUTH='' ncli redis dbsize 2>&1) == *NOAUTH* ]]
	[[ $(REDISCLI_AUTH='' ncli sentinel1 info 2>&1) == *NOAUTH* ]]
}

@test "Sentinels that are away, or hang, are passed over" {
	server_kill sentinel1
	kill -STOP "$(server_pid sentinel2)"
	kr_start_sentinel -o redis.connect_timeout=1s
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	kill -CONT "$(server_pid sentinel2)"
}

# bats test_tags=slow
@test "without any Sentinel sessions are 503, and back within 3 s" {
	local i
	for i in 1 2 3; do
		kill -STOP "$(server_pid "sentinel$i")"
	done
	kr_start_sentinel -o redis.connect_timeout=500ms
	ask /session/counter
	expect_unavailable
	((ms < 2000))
	ask /hello
	[ "$code" = 200 ]
	expect_logged 'error redis mymaster of .*: Sentinel: no answer in time'
	for i in 1 2 3; do
		kill -CONT "$(server_pid "sentinel$i")"
	done
	within 3 counter_works
}

# bats test_tags=slow
@test "a connection to the primary needs no Sentinel any more" {
	local i
	kr_start_sentinel -o server.workers=1
	ask /session/counter
	for i in 1 2 3; do
		server_kill "sentinel$i"
	done
	for i in 1 2 3; do
		ask /session/counter
		[ "$code" = 200 ]
	done
}

@test "a wrong password at the Sentinels is 503 and says where" {
	kr_start_sentinel -o redis.sentinel_password=swordfish
	ask /session/counter
	expect_unavailable
	expect_logged 'redis mymaster of .*: Sentinel: WRONGPASS'
	run grep -a swordfish "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# bats test_tags=slow
@test "a name that no Sentinel knows is 503 and is named" {
	kr_start_sentinel -o redis.service_name=nobody
	ask /session/counter
	expect_unavailable
	expect_logged "redis nobody of .*knows no primary called 'nobody'"
}

@test "a server that is no primary is not taken for one (ROLE)" {
	local port
	port=$(node_info redis2 server tcp_port)
	# This one Sentinel is told what is not so, as may be for a while.
	ncli sentinel1 sentinel remove mymaster
	ncli sentinel1 sentinel monitor mymaster 127.0.0.1 "$port" 3
	kr_start_sentinel -o redis.endpoint="redis://$LOGIN:$ESCAPED@${SENTINELS%%,*}"
	ask /session/counter
	expect_unavailable
	[ "$(ncli redis2 dbsize)" -eq 0 ]
	expect_logged 'is no primary yet'
}

# ---- what it costs ------------------------------------------------------

# bats test_tags=slow
@test "requests cost what they cost on one Redis" {
	kr_start_sentinel -o session.idle_timeout=20m
	expect_usual_cost
}

# ---- failover -----------------------------------------------------------

# bats test_tags=slow
@test "a failover by hand is followed" {
	kr_start_sentinel
	ask '/session/set?key=color&value=purple'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	ncli redis wait 2 5000
	within 10 failover_begins
	within 15 node_is redis slave
	within 10 session_is_written
	[ "$(ncli "$(primaries)" hget "$(redis_key "$cookie")" size)" = big ]
}

failover_begins() {
	[[ $(ncli sentinel1 sentinel failover mymaster 2>&1) == OK ]]
}

session_is_written() {
	ask_as "$cookie" '/session/set?key=size&value=big'
	[ "$code" = 200 ]
}

# Both replicas have noticed that their primary is gone, and none has taken
# its place: what they hold is all they ever got of it.
replicas_are_alone() {
	[[ $(node_info redis2 replication master_link_status) == down &&
		$(node_info redis3 replication master_link_status) == down ]]
}

# The server that the Sentinels name.
primary_now() {
	local name port
	port=$(ncli sentinel1 sentinel get-master-addr-by-name mymaster | sed 1d)
	for name in redis redis2 redis3; do
		! server_running "$name" ||
			[[ $(node_info "$name" server tcp_port) != "$port" ]] ||
			echo "$name"
	done
}

# A failover leaves that much time to look at the replicas first.
failover_waits() { # MILLISECONDS
	local name
	for name in sentinel1 sentinel2 sentinel3; do
		ncli "$name" sentinel set mymaster down-after-milliseconds "$1"
	done
}

# Kills the primary, lets the counters go on, and compares.
kill_and_compare() {
	local killed name new
	failover_waits 6000
	killed=$(now_ms)
	server_kill redis
	within 1 replicas_are_alone
	for name in redis2 redis3; do
		held_by "$name" >"$STACK/kept.$name"
		node_is "$name" slave
		ncli "$name" config set masterauth "$OPERATOR"
	done
	counting_goes_on 200
	counting_stop
	new=$(primary_now)
	history redis | last_values >"$STACK/done"
	held_by "$new" >"$STACK/now"
	verdict "$STACK/done" "$STACK/kept.$new" "$STACK/now" "$killed"
	counting_was_correct
	history_is_even redis
}

# bats test_tags=slow
@test "kill -9 of the primary under load loses nothing that Redis kept" {
	kr_start_sentinel -o log.level=warning
	counting_start 8
	counting_goes_on 200
	kill_and_compare
	say_figures
}

# Replicas that cannot follow any more, while their primary goes on.
replicas_stop_following() {
	local name
	for name in redis2 redis3; do
		ncli "$name" config set masterauth wrong
	done
	ncli redis client kill type replica
	within 5 replicas_are_alone
}

# bats test_tags=slow
@test "what asynchronous replication loses is told apart and counted" {
	local lost
	kr_start_sentinel -o log.level=warning
	counting_start 4
	counting_goes_on 50
	replicas_stop_following
	counting_goes_on 20
	kill_and_compare
	say_figures
	lost=$(figure 'lost \([0-9]*\) writes')
	((lost >= 4 * 20))
	((lost >= $(figure ', \([0-9]*\) of them acknowledged')))
	(($(figure ', \([0-9]*\) of them acknowledged') >= 4 * 20))
}
