# shellcheck shell=bash disable=SC2154 # REPLY and the like are bash's
#
# The model checker (tests/cache_model/) on the servers of lib/topologies.bash,
# and the faults that it asks for: those who start servers here own them, so
# they are killed, cut off and moved about from here. Each returns when it is
# over, as the checker waits for it.

# Runs it; what is in its last line is left in $VERDICT, and printed.
model() { # [NAME=VALUE...] -- SECTION.KEY=VALUE...
	local asked answer status=0 word rest
	coproc MODEL {
		exec "$KR_BUILD/tests/cache_model/cache_model" "$@" \
			2>>"$STACK/model.log" 3>&- 4>&-
	}
	MODEL_RUNS=$MODEL_PID
	exec {asked}<&"${MODEL[0]}" {answer}>&"${MODEL[1]}"
	VERDICT=
	while read -r word rest <&"$asked"; do
		if [[ $word == fault ]]; then
			# shellcheck disable=SC2086 # name, process and its pid
			model_fault $rest
			echo >&"$answer"
		else
			VERDICT="$word $rest"
		fi
	done
	wait "$MODEL_RUNS" || status=$?
	exec {asked}<&- {answer}>&-
	MODEL_RUNS=
	echo "# $VERDICT" >&3
	return "$status"
}

model_fault() { # NAME PROCESS PID
	"fault_$1" "$2" "$3" >>"$STACK/faults.log" 2>&1 ||
		fail "the fault '$1' does not work" "$(tail "$STACK/faults.log")"
}

# The checker, whose verdict has to be good.
model_holds() { # [NAME=VALUE...] -- SECTION.KEY=VALUE...
	model "$@" || fail "$VERDICT" "$(grep -a 'seed=\|process\|pid' \
		"$STACK/model.log" | tail -n 30)"
	[[ $VERDICT == *' late=0 lost=0 stale=0 '* ]]
}

# A number of the verdict.
model_says() { # NAME
	[[ " $VERDICT " =~ " $1="([0-9]+)" " ]] || fail "no $1 in '$VERDICT'"
	echo "${BASH_REMATCH[1]}"
}

# Most reads came from the cache, or nothing was proven.
model_has_cached() { # PERCENT
	(($(model_says from_memory) * 100 >= $(model_says reads) * $1)) ||
		fail "not from memory: $VERDICT"
}

model_end() {
	[[ ! ${MODEL_RUNS-} ]] || kill -KILL "$MODEL_RUNS" 2>/dev/null || :
}

# The options of a topology, with sessions that no moved clock ends.
model_options() { # tls|sentinel|cluster|single
	if [[ $1 == single ]]; then
		echo "redis.endpoint=unix://$STACK/redis.sock"
	else
		"$1_options" | grep -vx -e -o
	fi
	printf '%s\n' redis.instance_name=KestrunSession_ \
		session.absolute_timeout=30d session.idle_timeout=1h \
		session.io_timeout=2s redis.connect_timeout=1s log.level=error
}

# Holds on that Redis.
model_holds_on() { # tls|sentinel|cluster|single [NAME=VALUE...]
	local options
	mapfile -t options < <(model_options "$1")
	model_holds "${@:2}" -- "${options[@]}"
}

# ---- what every Redis suffers -------------------------------------------

fault_flush() {
	local name
	for name in $(primaries); do
		ncli "$name" flushall
	done
}

fault_kill_clients() {
	local name
	for name in $(primaries); do
		ncli "$name" client kill type normal
	done
}

# Connections that follow, alone: the others go on.
fault_kill_tracking() {
	local name
	for name in $(primaries); do
		ncli "$name" client list |
			sed -n 's/^id=\([0-9]*\) .* flags=[^ ]*t.*/client kill id \1/p' |
			ncli "$name"
	done
}

fault_pause() {
	local name
	for name in $(primaries); do
		ncli "$name" client pause $((RANDOM % 1500 + 50)) \
			"$( ((RANDOM % 2)) && echo ALL || echo WRITE)"
	done
}

# One Redis with an AOF, which outlives its process.
fault_crash() {
	server_kill redis
	model_redis
}

model_redis() {
	redis_start --appendonly yes --appendfsync no
	within 10 model_redis_has_loaded
}

model_redis_has_loaded() {
	[[ $(rcli ping) == PONG ]]
}

# ---- primaries and replicas ---------------------------------------------

# Once the replicas have all that has been acknowledged.
has_replicated() { # NAME OFFSET
	local i offset
	for i in 0 1; do
		offset=$(node_info "$1" replication "slave$i")
		[[ $offset == *offset=* ]] || continue
		offset=${offset#*offset=}
		((${offset%%,*} >= $2)) || return
	done
}

replicate() { # NAME
	within 10 has_replicated "$1" \
		"$(node_info "$1" replication master_repl_offset)"
}

replicate_all() {
	local name
	for name in $(primaries); do
		replicate "$name"
	done
}

fault_failover() {
	replicate_all
	if [[ ${CLUSTER-} ]]; then
		cluster_failover
	else
		sentinel_failover
	fi
}

fault_takeover() {
	replicate_all
	cluster_failover takeover
}

fault_crash_primary() {
	local name
	name=$(primaries | shuf -n 1)
	replicate_all
	if [[ ${CLUSTER-} ]]; then
		cluster_crash "$name"
	else
		sentinel_crash "$name"
	fi
}

# ---- Sentinel -----------------------------------------------------------

sentinel_failover() {
	local old
	old=$(primaries)
	within 20 sentinel_begins
	within 20 node_is "$old" slave
	within 20 sentinel_settled
}

# The Sentinels leave the old primary as it is for ten seconds; here it is told
# at once what they would tell it then.
fault_switch() {
	local old
	old=$(primaries)
	replicate_all
	within 20 sentinel_begins
	within 20 sentinel_has_other "$old"
	ncli "$old" replicaof 127.0.0.1 "$(node_info \
		"$(primaries | grep -vx "$old")" server tcp_port)"
	ncli "$old" client kill type normal
	within 30 sentinel_settled
}

sentinel_has_other() { # NAME
	primaries | grep -qvx "$1"
}

sentinel_begins() {
	[[ $(ncli sentinel1 sentinel failover mymaster 2>&1) == OK ]]
}

sentinel_crash() { # NAME
	local port
	port=$(node_info "$1" server tcp_port)
	server_kill "$1"
	within 30 sentinel_has_one
	# As the replica that it is going to be: as a primary it would take
	# writes until the Sentinels have seen it.
	node_start "$1" "$port" "${ACL[@]}" --replicaof \
		"127.0.0.1 $(node_info "$(primaries)" server tcp_port)"
	within 30 sentinel_settled
}

sentinel_has_one() {
	[[ $(primaries | wc -l) == 1 ]]
}

# One primary, which all Sentinels name, and two replicas of it.
sentinel_settled() {
	local name primary port
	primary=$(primaries)
	[[ $primary && $primary != *$'\n'* ]] || return
	port=$(node_info "$primary" server tcp_port)
	for name in redis redis2 redis3; do
		[[ $name == "$primary" ]] || { node_follows "$name" &&
			[[ $(node_info "$name" replication master_port) == "$port" ]]; } ||
			return
	done
	for name in sentinel{1..3}; do
		[[ $(ncli "$name" sentinel get-master-addr-by-name mymaster) == \
			*"$port" && $(ncli "$name" info sentinel) == *status=ok* ]] ||
			return
	done
}

# ---- Cluster ------------------------------------------------------------

cluster_failover() { # [takeover]
	local heir
	heir=$(model_replicas | shuf -n 1)
	ncli "$heir" cluster failover "$@"
	within 20 node_is "$heir" master
	within 20 cluster_settled
}

model_replicas() {
	local name
	for name in redis redis{2..6}; do
		! node_is "$name" slave || echo "$name"
	done
}

cluster_crash() { # NAME
	local port bus
	port=$(node_info "$1" server tcp_port)
	bus=$(ncli "$1" cluster nodes |
		sed -n 's/.*@\([0-9]*\).* myself,.*/\1/p')
	server_kill "$1"
	within 30 cluster_has_three
	node_start "$1" "$port" "${ACL[@]}" --cluster-enabled yes \
		--cluster-port "$bus" --cluster-node-timeout 1000
	within 30 cluster_settled
}

cluster_has_three() {
	[[ $(primaries | wc -l) == 3 ]]
}

# All know the same owner of every slot, and three replicas follow.
cluster_settled() {
	cluster_is_ready && [[ $(cluster_maps | sort -u | wc -l) == 1 ]]
}

cluster_maps() {
	local name
	for name in redis redis{2..6}; do
		ncli "$name" cluster nodes |
			sed -n 's/^\([0-9a-f]*\) .*master.* connected \(.*\)/\1 \2/p' |
			sed 's/ \[.*//' | sort | md5sum
	done
}

# One of the slots that have something.
fault_move_slots() {
	local slot names
	mapfile -t names < <(primaries | shuf)
	slot=$(model_slot "${names[0]}")
	[[ ! $slot ]] || model_move "$slot" "${names[@]}"
}

model_slot() { # NAME
	local key
	key=$(ncli "$1" randomkey)
	[[ ! $key ]] || ncli "$1" cluster keyslot "$key"
}

model_move() { # SLOT FROM TO PRIMARY...
	local id name port
	id=$(ncli "$3" cluster myid)
	port=$(node_info "$3" server tcp_port)
	ncli "$3" cluster setslot "$1" importing "$(ncli "$2" cluster myid)"
	ncli "$2" cluster setslot "$1" migrating "$id"
	while [[ $(ncli "$2" cluster countkeysinslot "$1") != 0 ]]; do
		ncli "$2" cluster getkeysinslot "$1" 100 |
			xargs -r -d '\n' redis-cli -s "$STACK/$2.sock" migrate \
				127.0.0.1 "$port" '' 0 5000 auth "$OPERATOR" keys
	done
	for name in "$3" "${@:2}"; do
		ncli "$name" cluster setslot "$1" node "$id"
	done
}

# ---- networks -----------------------------------------------------------

# Redis is in a network of its own, at 10.88.0.1, and each process of the
# checker in one, joined with it by a pair of interfaces: krR<n> there, krW<n>
# here. Needs root; nothing of it is seen outside.
network_begin() {
	server_start net unshare --net sh -c 'ip link set lo up &&
		ip address add 10.88.0.1/32 dev lo && echo ready &&
		exec sleep infinity'
	within 10 grep -qx ready "$STACK/net.log" || fail "no network"
	server_start redis nsenter --net --target "$(server_pid net)" \
		"$KR_REDIS" --port 6379 --bind 10.88.0.1 --protected-mode no \
		--save '' --appendonly no --loglevel warning --tcp-keepalive 1 \
		--unixsocket "$STACK/redis.sock" --dir "$STACK"
	within 10 redis_answers redis || fail "Redis does not start"
}

in_network() { # PID COMMAND...
	nsenter --net --target "$1" "${@:2}"
}

fault_join() { # PROCESS PID
	local net
	net=$(server_pid net)
	in_network "$net" ip link add "krR$1" type veth \
		peer name "krW$1" netns "$2"
	in_network "$net" ip address add "10.88.$(($1 + 1)).1/24" dev "krR$1"
	in_network "$net" ip link set "krR$1" up
	in_network "$2" ip link set lo up
	in_network "$2" ip address add "10.88.$(($1 + 1)).2/24" dev "krW$1"
	network_heal "$1" "$2"
}

network_heal() { # PROCESS PID
	in_network "$2" ip link set "krW$1" up
	in_network "$2" ip route replace default via "10.88.$(($1 + 1)).1"
}

network_sleeps() {
	sleep "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
}

fault_cut() { # PROCESS PID
	in_network "$2" ip link set "krW$1" down
	network_sleeps
	network_heal "$1" "$2"
}

# One way: to a neighbour that nobody is.
fault_cut_out() { # PROCESS PID
	network_cut_way "$2" "krW$1" "10.88.$(($1 + 1)).1"
}

fault_cut_in() { # PROCESS PID
	network_cut_way "$(server_pid net)" "krR$1" "10.88.$(($1 + 1)).2"
}

network_cut_way() { # PID INTERFACE ADDRESS
	in_network "$1" ip neighbour replace "$3" dev "$2" \
		lladdr 02:00:00:00:00:01 nud permanent
	network_sleeps
	in_network "$1" ip neighbour del "$3" dev "$2"
}
