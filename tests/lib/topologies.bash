# shellcheck shell=bash
#
# Redis as it is in the world, over TCP: with TLS, behind Sentinels, as a
# Cluster, and behind a relay that does harm. Comes after lib/stack.bash,
# whose folder holds all of it, and whose stack_close ends it.
#
# The servers of a topology are called redis, redis2, redis3 ... and listen
# at $STACK/NAME.sock too, for the tests' own looks. $PORT is the first's.

# What only the tests may know, and what krsession is told.
OPERATOR=operators-only
LOGIN=krsession
SECRET='p@ss:w/rd %1'           # what a URL must escape
ESCAPED='p%40ss%3aw%2Frd%20%251' # and has escaped

# ---- ports --------------------------------------------------------------

# Sets a variable to a port on which nobody listens.
free_port() { # VARIABLE
	local number
	until number=$((RANDOM % 9000 + 10000)) &&
		[[ " ${PORTS-} " != *" $number "* ]] && ! port_answers "$number"; do
		:
	done
	export PORTS="${PORTS-} $number"
	printf -v "$1" %s "$number"
	export "${1?}"
}

port_answers() { # PORT
	(: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# ---- one Redis over TCP -------------------------------------------------

redis_start_tcp() { # [OPTION...]
	[[ ${PORT-} ]] || free_port PORT
	redis_start --bind 127.0.0.1 --port "$PORT" "$@"
}

# 10,000 keys, each of which takes its time to load.
redis_restart_loading() {
	rcli eval 'for i = 1, 10000 do
		redis.call("SET", "filler:" .. i, i, "EX", 1000) end' 0
	rcli save
	redis_stop_hard
	server_start redis "$KR_REDIS" --bind 127.0.0.1 --port "$PORT" \
		--save '' --unixsocket "$STACK/redis.sock" --dir "$STACK" \
		--key-load-delay 100 --loading-process-events-interval-bytes 1024
	within 5 redis_is_loading
}

redis_is_loading() {
	[[ $(rcli ping 2>&1) == *LOADING* ]]
}

redis_cannot_save() {
	[[ $(rcli set probe 1 ex 1 2>&1) == *MISCONF* ]]
}

# ---- users --------------------------------------------------------------

# What README says krsession's user needs, on one Redis or more; with copies in
# memory if $WITH_CACHE is not empty.
acl_rules() { # single|sentinel|cluster
	local rules
	rules=$(readme_acl 'ACL SETUSER krsession')
	[[ ! ${WITH_CACHE-} ]] || rules+=" $(readme_cache_rules)"
	[[ ! ${WITH_CACHE-} || $1 != cluster ]] || rules+=' +cluster|info'
	case $1 in
	sentinel) rules+=' +role' ;;
	cluster) rules+=' +asking +cluster|slots' ;;
	esac
	echo "$rules"
}

# The rules behind such a line of README, without user, password and keys.
readme_acl() { # LINE'S BEGINNING
	sed -n "s/^ *$1 on >[^ ]* *//p" "$KR_ROOT/README.md" | sed 's/~[^ ]* *//'
}

# The rules that README has for session.cache.
readme_cache_rules() {
	# shellcheck disable=SC2016 # the backquotes are README's
	sed -n 's/^`\(+info [^`]*\)`.*/\1/p' "$KR_ROOT/README.md"
}

# Options of redis-server: our user, and a password for everyone else. The
# redis-cli of the tests knows it from then on.
acl_options() { # single|sentinel|cluster
	local hash rules
	hash=$(printf %s "$SECRET" | sha256sum | cut -d' ' -f1)
	read -ra rules < <(acl_rules "$1")
	printf '%s\n' --user "$LOGIN" on "#$hash" '~KestrunSession_*' \
		"${rules[@]}" --requirepass "$OPERATOR" --masterauth "$OPERATOR"
}

acl_read_options() { # single|sentinel|cluster
	mapfile -t ACL < <(acl_options "$1")
	export REDISCLI_AUTH=$OPERATOR
}

# ---- certificates -------------------------------------------------------

# In $STACK/tls: a CA with a good, an expired and a wrongly named certificate,
# one for us as a client, and another CA with one that is like the good one.
tls_make() {
	local names=DNS:localhost,IP:127.0.0.1
	mkdir "$STACK/tls"
	tls_authority ca
	tls_authority other-ca
	tls_issue good ca "$names"
	tls_issue expired ca "$names" -startdate 20200101000000Z \
		-enddate 20200201000000Z
	tls_issue wrong ca DNS:redis.example.com
	tls_issue client ca DNS:krsession
	tls_issue unknown other-ca "$names"
}

tls_authority() { # NAME
	tls_quietly req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 2 -subj "/CN=$1" \
		-keyout "$STACK/tls/$1.key" -out "$STACK/tls/$1.crt"
}

tls_issue() { # NAME AUTHORITY SUBJECT_ALT_NAMES [OPENSSL_CA_OPTION...]
	local at=$STACK/tls/$1
	cat >"$at.conf" <<-CONF
		[ca]
		default_ca = ours
		[ours]
		database = $at.index
		rand_serial = yes
		unique_subject = no
		new_certs_dir = $STACK/tls
		default_md = sha256
		default_days = 2
		policy = any
		x509_extensions = names
		[any]
		commonName = supplied
		[names]
		subjectAltName = $3
	CONF
	: >"$at.index"
	tls_quietly req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj "/CN=$1" -keyout "$at.key" -out "$at.csr"
	tls_quietly ca -batch -config "$at.conf" -notext -in "$at.csr" \
		-out "$at.crt" -cert "$STACK/tls/$2.crt" \
		-keyfile "$STACK/tls/$2.key" "${@:4}"
}

tls_quietly() { # OPENSSL_ARGUMENT...
	openssl "$@" >"$STACK/tls/said" 2>&1 ||
		fail "openssl $1 fails" "$(cat "$STACK/tls/said")"
}

# Redis at $PORT with that certificate, and no port without TLS.
redis_start_tls() { # CERTIFICATE [OPTION...]
	[[ ${PORT-} ]] || free_port PORT
	redis_start --bind 127.0.0.1 --tls-port "$PORT" \
		--tls-cert-file "$STACK/tls/$1.crt" \
		--tls-key-file "$STACK/tls/$1.key" \
		--tls-ca-cert-file "$STACK/tls/ca.crt" \
		--tls-auth-clients no "${@:2}"
}

# Redis with TLS and users.
tls_start() {
	tls_make
	acl_read_options single
	redis_start_tls good "${ACL[@]}"
}

tls_options() {
	printf '%s\n' -o "redis.endpoint=rediss://$LOGIN:$ESCAPED@localhost:$PORT" \
		-o "redis.tls_ca_file=$STACK/tls/ca.crt"
}

# ---- replicas -----------------------------------------------------------

# A server of several. Its AOF tells afterwards what it has done: without
# fsync it outlives the process, which is all we kill.
node_start() { # NAME PORT [OPTION...]
	local name=$1 port=$2
	shift 2
	mkdir -p "$STACK/$name"
	redis_start_as "$name" --bind 127.0.0.1 --port "$port" \
		--dir "$STACK/$name" --appendonly yes --appendfsync no \
		--auto-aof-rewrite-percentage 0 --repl-diskless-sync-delay 0 \
		--repl-ping-replica-period 1 "$@"
}

# A command to one server by its name; one that hangs is no answer.
ncli() { # NAME COMMAND...
	timeout 10 redis-cli -s "$STACK/$1.sock" "${@:2}"
}

node_info() { # NAME SECTION FIELD
	ncli "$1" info "$2" | tr -d '\r' | sed -n "s/^$3://p"
}

node_is() { # NAME master|slave
	server_running "$1" && [[ $(node_info "$1" replication role) == "$2" ]]
}

node_follows() { # NAME
	[[ $(node_info "$1" replication master_link_status) == up &&
		$(node_info "$1" persistence aof_rewrite_in_progress) == 0 ]]
}

# The servers that run as primaries.
primaries() {
	local pid name
	for pid in "$STACK"/redis*.pid; do
		name=${pid##*/}
		name=${name%.pid}
		! node_is "$name" master || echo "$name"
	done
}

# ---- Sentinel -----------------------------------------------------------

# redis with the replicas redis2 and redis3, watched by sentinel1 to 3 under
# the name mymaster. $SENTINELS is "127.0.0.1:PORT,...".
sentinel_start() {
	local i port
	acl_read_options sentinel
	free_port PORT
	node_start redis "$PORT" "${ACL[@]}"
	for i in 2 3; do
		free_port port
		node_start "redis$i" "$port" "${ACL[@]}" \
			--replicaof "127.0.0.1 $PORT"
	done
	SENTINELS=
	for i in 1 2 3; do
		free_port port
		sentinel_start_one "sentinel$i" "$port"
		SENTINELS+=${SENTINELS:+,}127.0.0.1:$port
	done
	export SENTINELS
	within 20 sentinel_is_ready || fail "the Sentinels do not agree"
}

SENTINEL_SECRET=watchers-only

# They ping once a second, and count from before the first ping: whoever is
# "down" after 1000 ms is so for a moment after each failover.

sentinel_start_one() { # NAME PORT
	cat >"$STACK/$1.conf" <<-CONF
		bind 127.0.0.1
		port $2
		unixsocket $STACK/$1.sock
		loglevel notice
		requirepass $OPERATOR
		user watcher on >$SENTINEL_SECRET $(readme_acl 'ACL SETUSER watcher')
		sentinel sentinel-pass $OPERATOR
		sentinel monitor mymaster 127.0.0.1 $PORT 2
		sentinel auth-pass mymaster $OPERATOR
		sentinel down-after-milliseconds mymaster 1500
		sentinel failover-timeout mymaster 4000
		sentinel parallel-syncs mymaster 2
	CONF
	server_start "$1" "$KR_REDIS" "$STACK/$1.conf" --sentinel
}

sentinel_is_ready() {
	local i
	for i in 1 2 3; do
		[[ $(ncli "sentinel$i" info sentinel 2>&1) == \
			*status=ok,*,slaves=2,sentinels=3* ]] || return
	done
	node_follows redis2 && node_follows redis3
}

# What krsession is told about them.
sentinel_options() {
	printf '%s\n' -o "redis.endpoint=redis://$LOGIN:$ESCAPED@$SENTINELS" \
		-o redis.service_name=mymaster -o redis.sentinel_user=watcher \
		-o "redis.sentinel_password=$SENTINEL_SECRET"
}

# ---- Cluster ------------------------------------------------------------

# redis to redis6: three primaries, three replicas. $CLUSTER is
# "127.0.0.1:PORT,..." of the first three.
cluster_start() {
	local name port bus nodes=()
	acl_read_options cluster
	for name in redis redis{2..6}; do
		free_port port
		free_port bus
		[[ $name != redis ]] || export PORT=$port
		node_start "$name" "$port" "${ACL[@]}" --cluster-enabled yes \
			--cluster-port "$bus" --cluster-node-timeout 1000
		nodes+=("127.0.0.1:$port")
	done
	redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 \
		--cluster-yes >"$STACK/cluster.log" 2>&1 ||
		fail "no cluster" "$(cat "$STACK/cluster.log")"
	CLUSTER=$(IFS=,; echo "${nodes[*]:0:3}")
	export CLUSTER
	within 20 cluster_is_ready || fail "the cluster does not agree"
}

cluster_is_ready() {
	local name n=0
	for name in redis redis{2..6}; do
		[[ $(ncli "$name" cluster info) == *cluster_state:ok*known_nodes:6* ]] ||
			return
		! node_is "$name" slave || { node_follows "$name" && n=$((n + 1)); }
	done
	((n == 3))
}

cluster_options() {
	printf '%s\n' -o "redis.endpoint=redis://$LOGIN:$ESCAPED@$CLUSTER"
}

# ---- the same looks on every topology -----------------------------------

# In a cluster, redis-cli goes on to the node of the key.
rcli() { # COMMAND...
	if [[ ${CLUSTER-} ]]; then
		redis-cli -c -p "$PORT" "$@"
	else
		redis-cli -s "$STACK/redis.sock" "$@"
	fi
}

redis_running() {
	[[ $(primaries) ]]
}

# A command on every key, at the primaries it lives on.
redis_each() { # COMMAND
	local name
	for name in $(primaries); do
		ncli "$name" --scan | sed "s/^/$1 /" | ncli "$name"
	done
}

# Redis as named, and krsessiond on it; by any other name, plain. sqlite and
# postgresql have libraries of their own.
world_start() { # tls|sentinel|cluster|sqlite|postgresql|... [KRSESSIOND OPTION...]
	local options=() world=$1
	shift
	case $world in
	tls | sentinel | cluster | sqlite | postgresql)
		"${world}_start"
		mapfile -t options < <("${world}_options")
		;;
	*) redis_start ;;
	esac
	kr_start "${options[@]}" "$@"
}

# ---- a relay ------------------------------------------------------------

# At $RELAY, before Redis' socket or another port; see tests/relay.c.
relay_start() { # [PORT]
	free_port RELAY
	relay_mode pass
	server_start relay "$KR_BUILD/tests/relay" "$RELAY" \
		"${1:-$STACK/redis.sock}" "$STACK/relay.mode"
	within 10 port_answers "$RELAY" || fail "the relay does not start"
}

relay_mode() { # MODE [ARGUMENT]
	printf '%s' "$*" >"$STACK/relay.new"
	mv "$STACK/relay.new" "$STACK/relay.mode"
}
