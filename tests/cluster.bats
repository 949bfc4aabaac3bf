# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Redis Cluster: three primaries with a replica each, under our own user. That
# every route works is seen in routes_cluster.bats.

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
	cluster_start
}

teardown() {
	stack_close
}

kr_start_cluster() { # [OPTION...]
	local options
	mapfile -t options < <(cluster_options)
	kr_start "${options[@]}" -o session.io_timeout=2s "$@"
}

# ---- who is who ---------------------------------------------------------

node_id() { # NAME
	ncli "$1" cluster myid
}

# The server that a line of CLUSTER NODES is about.
node_at() { # 127.0.0.1:PORT@...
	local name address=${1%@*}
	for name in redis redis{2..6}; do
		! server_running "$name" ||
			[[ $(node_info "$name" server tcp_port) != "${address#*:}" ]] ||
			echo "$name"
	done
}

# The primary that has a slot.
owner_of() { # SLOT
	local address
	address=$(ncli "$(primaries | head -n 1)" cluster nodes |
		awk -v slot="$1" '$3 ~ /master/ && $3 !~ /fail/ {
			for (i = 9; i <= NF; i++) {
				n = split($i, range, "-")
				if ($i !~ /^\[/ && slot >= range[1] + 0 &&
				    slot <= range[n] + 0)
					print $2
			}
		}')
	node_at "$address"
}

replica_of() { # NAME
	local id
	id=$(node_id "$1")
	node_at "$(ncli "$1" cluster nodes |
		awk -v id="$id" '$4 == id { print $2 }')"
}

slot_of() { # COOKIE VALUE OR ID
	ncli redis2 cluster keyslot "$(redis_key "$1")"
}

# How often krsessiond has asked for the map, since the last reset.
maps_asked() {
	local name
	for name in redis redis{2..6}; do
		! server_running "$name" || ncli "$name" info commandstats
	done | sed -n 's/^cmdstat_cluster|slots:calls=\([0-9]*\),.*/\1/p' |
		awk '{ n += $1 } END { print n + 0 }'
}

reset_stats() {
	local name
	for name in redis redis{2..6}; do
		ncli "$name" config resetstat >"$STACK/reset"
	done
}

asking() {
	local name
	for name in $(primaries); do
		ncli "$name" info commandstats
	done | sed -n 's/^cmdstat_asking:calls=\([0-9]*\),.*/\1/p' |
		awk '{ n += $1 } END { print n + 0 }'
}

# ---- moving slots -------------------------------------------------------

migration_begins() { # SLOT FROM TO
	ncli "$3" cluster setslot "$1" importing "$(node_id "$2")"
	ncli "$2" cluster setslot "$1" migrating "$(node_id "$3")"
}

migration_moves_keys() { # SLOT FROM TO
	local keys port
	port=$(node_info "$3" server tcp_port)
	mapfile -t keys < <(ncli "$2" cluster getkeysinslot "$1" 1000)
	[[ ! ${keys[*]} ]] || ncli "$2" migrate 127.0.0.1 "$port" '' 0 5000 \
		auth "$OPERATOR" keys "${keys[@]}"
}

migration_ends() { # SLOT FROM TO
	local id name
	id=$(node_id "$3")
	for name in "$3" "$2" $(primaries); do
		ncli "$name" cluster setslot "$1" node "$id"
	done
}

# A primary that is not the one.
other_than() { # NAME
	primaries | grep -vx "$1" | head -n 1
}

# ---- where sessions go --------------------------------------------------

# bats test_tags=slow
@test "sessions are spread over all primaries" {
	local name
	kr_start_cluster
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -r 4 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 128 ]
	for name in $(primaries); do
		(($(ncli "$name" dbsize) > 10))
		[[ $(ncli "$name" client list) == *"user=$LOGIN "* ]]
	done
}

# bats test_tags=slow
@test "a hash tag in the instance name keeps sessions on one node" {
	local full=0 name
	for name in redis redis{2..6}; do
		ncli "$name" acl setuser "$LOGIN" '~{shop}:*'
	done
	kr_start_cluster -o 'redis.instance_name={shop}:'
	for _ in {1..9}; do
		ask /session/counter
		[ "$code" = 200 ]
	done
	for name in $(primaries); do
		[[ $(ncli "$name" dbsize) =~ ^(0|9)$ ]]
		full=$((full + $(ncli "$name" dbsize)))
	done
	[ "$full" -eq 9 ]
}

# bats test_tags=slow
@test "one known node that lives is enough" {
	local nobody
	free_port nobody
	kr_start_cluster -o "redis.endpoint=redis://$LOGIN:$ESCAPED@127.0.0.1:\
$nobody,127.0.0.1:$PORT"
	for _ in {1..9}; do
		ask /session/counter
		[ "$code" = 200 ]
	done
}

# ---- what it costs ------------------------------------------------------

# bats test_tags=slow
@test "requests cost what they cost on one Redis" {
	kr_start_cluster -o session.idle_timeout=20m
	expect_usual_cost
}

@test "many workers at a cold start ask for the map once" {
	kr_start_cluster -o server.workers=8
	reset_stats
	"$KR_BUILD/tests/fcgi_client" -q -n 64 -r 4 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 256 ]
	[ "$(maps_asked)" -eq 1 ]
}

# ---- slots on the move --------------------------------------------------

# A session in $cookie, its slot, who has it, and who will.
session_to_move() {
	ask '/session/set?key=color&value=purple'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	slot=$(slot_of "$cookie")
	from=$(owner_of "$slot")
	to=$(other_than "$from")
}

expect_written() { # N
	ask_as "$cookie" /session/counter
	expect 200 "{\"message\":\"Counter incremented\",\"counter\":$1}"
	ask_as "$cookie" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
}

@test "a session is served in every phase of its slot's move (ASK, MOVED)" {
	kr_start_cluster
	session_to_move
	expect_written 1
	migration_begins "$slot" "$from" "$to"
	expect_written 2
	migration_moves_keys "$slot" "$from" "$to"
	reset_stats
	expect_written 3
	(($(asking) >= 2))
	[ "$(ncli "$from" dbsize)" -eq 0 ]
	migration_ends "$slot" "$from" "$to"
	expect_written 4
	[ "$(owner_of "$slot")" = "$to" ]
	ask_as "$cookie" /session/logout
	[ "$code" = 200 ]
	[ "$(ncli "$to" dbsize)" -eq 0 ]
}

@test "a session is made in a slot that is on the move" {
	local id
	for id in redis redis{2..6}; do
		ncli "$id" acl setuser "$LOGIN" '~{a}*'
	done
	kr_start_cluster -o 'redis.instance_name={a}'
	slot=$(ncli redis2 cluster keyslot '{a}')
	from=$(owner_of "$slot")
	to=$(other_than "$from")
	migration_begins "$slot" "$from" "$to"
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	[ "$(ncli "$to" dbsize)" -eq 1 ]
	ask_as "$(cookie_value)" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
}

@test "after a MOVED the map is asked for once, not by every thread" {
	kr_start_cluster -o server.workers=8
	session_to_move
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" /session/whoami >"$STACK/answers"
	migration_begins "$slot" "$from" "$to"
	migration_moves_keys "$slot" "$from" "$to"
	migration_ends "$slot" "$from" "$to"
	reset_stats
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" '/session/get?key=color' >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 32 ]
	[ "$(maps_asked)" -eq 1 ]
}

# bats test_tags=slow
@test "slots moved under load lose nothing and fail nothing" {
	local name slot from to
	kr_start_cluster -o log.level=warning
	counting_start 8
	counting_goes_on 50
	for name in $(counting); do
		slot=$(slot_of "$name")
		from=$(owner_of "$slot")
		to=$(other_than "$from")
		migration_begins "$slot" "$from" "$to"
		counting_goes_on 5
		migration_moves_keys "$slot" "$from" "$to"
		counting_goes_on 5
		migration_ends "$slot" "$from" "$to"
		counting_goes_on 5
	done
	redis-cli --cluster reshard "127.0.0.1:$PORT" --cluster-yes \
		--cluster-from "$(node_id redis2)" --cluster-to "$(node_id redis)" \
		--cluster-slots 2000 >>"$STACK/cluster.log" 2>&1
	counting_goes_on 50
	counting_stop
	held_now >"$STACK/now"
	verdict /dev/null /dev/null "$STACK/now" 0
	counting_was_correct
	say_figures
	echo "# answers of 503: $(failures_of_all)" >&3
	[ "$(failures_of_all)" -eq 0 ]
}

# ---- failover -----------------------------------------------------------

# bats test_tags=slow
@test "a failover by hand under load loses nothing" {
	local killed
	kr_start_cluster -o log.level=warning
	counting_start 8
	counting_goes_on 50
	killed=$(replica_of redis)
	ncli "$killed" cluster failover
	within 10 node_is "$killed" master
	counting_goes_on 50
	counting_stop
	held_now >"$STACK/now"
	verdict /dev/null /dev/null "$STACK/now" 0
	counting_was_correct
	say_figures
	echo "# answers of 503: $(failures_of_all)" >&3
}

replica_is_alone() { # NAME
	[[ $(node_info "$1" replication master_link_status) == down ]]
}

kill_and_compare() { # PRIMARY
	local dead=$1 heir killed
	heir=$(replica_of "$dead")
	killed=$(now_ms)
	server_kill "$dead"
	within 1 replica_is_alone "$heir"
	held_by "$heir" >"$STACK/kept"
	node_is "$heir" slave
	ncli "$heir" config set masterauth "$OPERATOR"
	within 10 node_is "$heir" master
	counting_goes_on 100
	counting_stop
	export PORT
	PORT=$(node_info "$heir" server tcp_port)
	history "$dead" | last_values >"$STACK/done"
	held_now >"$STACK/now"
	verdict "$STACK/done" "$STACK/kept" "$STACK/now" "$killed"
	counting_was_correct
	history_is_even "$dead"
	say_figures
}

# bats test_tags=slow
@test "kill -9 of one primary under load loses nothing that Redis kept" {
	local victim
	kr_start_cluster -o log.level=warning
	counting_start 9
	counting_goes_on 100
	victim=$(owner_of "$(slot_of "$(counting | head -n 1)")")
	kill_and_compare "$victim"
	(($(wc -l <"$STACK/done") >= 1))
}

# bats test_tags=slow
@test "what asynchronous replication loses is told apart and counted" {
	local victim heir n
	kr_start_cluster -o log.level=warning
	counting_start 6
	counting_goes_on 50
	victim=$(owner_of "$(slot_of "$(counting | head -n 1)")")
	heir=$(replica_of "$victim")
	ncli "$heir" config set masterauth wrong
	ncli "$heir" config set cluster-replica-validity-factor 0
	ncli "$victim" client kill type replica
	within 5 replica_is_alone "$heir"
	counting_goes_on 20
	kill_and_compare "$victim"
	n=$(wc -l <"$STACK/done")
	(($(figure 'lost \([0-9]*\) writes') >= n * 20))
	(($(figure ', \([0-9]*\) of them acknowledged') >= n * 20))
}

# ---- parts that are away ------------------------------------------------

# As it was, in the same place; it takes its time to load.
node_restart() { # NAME PORT BUS_PORT
	node_start "$1" "$2" "${ACL[@]}" --cluster-enabled yes \
		--cluster-port "$3" --cluster-node-timeout 1000 \
		--key-load-delay 1000 --loading-process-events-interval-bytes 1024
}

@test "a node that is killed and restarts in place is used again" {
	local victim port bus load
	kr_start_cluster
	for _ in {1..30}; do
		ask /session/counter
	done
	cookie=$(cookie_value)
	victim=$(owner_of "$(slot_of "$cookie")")
	ncli "$(replica_of "$victim")" config set cluster-replica-no-failover yes
	port=$(node_info "$victim" server tcp_port)
	bus=$(ncli "$victim" cluster nodes |
		sed -n 's/.*@\([0-9]*\).* myself,.*/\1/p')
	"$KR_BUILD/tests/fcgi_client" -q -k -n 4 -r 100000 -s 20 \
		-c "Kr.Session=$cookie" "$KR_SOCKET" /session/counter \
		>"$STACK/load" 3>&- 4>&- &
	load=$!
	server_kill "$victim"
	within 10 grep -q '^503 ' "$STACK/load"
	node_restart "$victim" "$port" "$bus"
	within 15 cluster_state_is "$victim" ok
	within 3 session_works
	kill "$load"
	wait "$load" || true
}

@test "a single server in the place of a cluster is used" {
	local name
	kr_start_cluster -o "redis.endpoint=redis://$LOGIN:$ESCAPED@127.0.0.1:$PORT"
	for _ in {1..9}; do
		ask /session/counter
		[ "$code" = 200 ]
	done
	for name in redis redis{2..6}; do
		server_kill "$name"
	done
	unset CLUSTER
	rm -r "$STACK/redis"
	node_start redis "$PORT" "${ACL[@]}"
	within 3 new_sessions
	ask_as "$(cookie_value)" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
	grep -qa 'warning redis .*: is no cluster any more' \
		"$STACK/krsessiond.log"
}

# In slots of every node.
new_sessions() {
	for _ in {1..30}; do
		ask /session/counter
		[ "$code" = 200 ] || return
	done
}

# bats test_tags=slow
@test "with slots that nobody serves sessions are 503, and back within 3 s" {
	local victim heir witness
	kr_start_cluster
	ask /session/counter
	cookie=$(cookie_value)
	victim=$(owner_of "$(slot_of "$cookie")")
	heir=$(replica_of "$victim")
	witness=$(other_than "$victim")
	kill -STOP "$(server_pid "$heir")" "$(server_pid "$victim")"
	ask_as "$cookie" /session/counter
	expect_unavailable
	ask /hello
	[ "$code" = 200 ]
	within 10 cluster_state_is "$witness" fail
	ask_as "$cookie" /session/counter
	expect_unavailable
	kill -CONT "$(server_pid "$heir")" "$(server_pid "$victim")"
	within 15 cluster_state_is "$witness" ok
	within 15 cluster_state_is "$victim" ok
	within 3 session_works
}

cluster_state_is() { # NAME ok|fail
	[[ $(ncli "$1" cluster info) == *cluster_state:$2* ]]
}

session_works() {
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
}

# A node that was away and comes back with CLUSTERDOWN: it was tried, and must
# be tried again.
# bats test_tags=slow
@test "a node that answers CLUSTERDOWN at first serves its sessions later" {
	local victim others=() name said=no
	kr_start_cluster -o session.io_timeout=1s
	within 5 is_known_as_cluster
	cookie=$(cookie_value)
	victim=$(owner_of "$(slot_of "$cookie")")
	for name in redis redis{2..6}; do
		[[ $name == "$victim" ]] || others+=("$(server_pid "$name")")
	done
	kill -STOP "$(server_pid "$(replica_of "$victim")")" \
		"$(server_pid "$victim")"
	! within 10 node_is_missed || said=missed
	kill -STOP "${others[@]}"
	kill -CONT "$(server_pid "$victim")"
	# Not asked before it has seen that it is alone.
	! within 10 cluster_state_is "$victim" fail || said+=alone
	! within 10 clusterdown_was_said "$victim" || said+=clusterdown
	kill -CONT "${others[@]}"
	[ "$said" = missedaloneclusterdown ]
	within 15 cluster_state_is "$victim" ok
	within 5 session_works
}

# Makes sessions until one lives beyond the first node.
is_known_as_cluster() {
	ask /session/counter
	grep -q 'is a cluster' "$STACK/krsessiond.log"
}

node_is_missed() {
	ask_as "$cookie" /session/counter
	grep -q '; its sessions answer 503' "$STACK/krsessiond.log"
}

clusterdown_was_said() { # NAME
	ask_as "$cookie" /session/counter
	[[ $(node_info "$1" errorstats errorstat_CLUSTERDOWN) ]]
}
