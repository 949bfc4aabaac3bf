#!/bin/sh
# Redis in a container, and what operators and the health check ask it:
#
#     serve         a server; REPLICA_OF="HOST PORT" or CLUSTER=yes say which
#     sentinel      one that watches the primary at $PRIMARY
#     form NODE...  makes a Cluster of these, if it is none yet
#     cli ...       redis-cli as the operator
#     health [NODE] whether it answers
#
# Passwords come from files in /secrets and reach Redis as digests, or through
# its standard input: never by command line or environment.
set -eu

complain() {
	echo "redis: $*" >&2
	exit 1
}

# The first line of its file, as krsessiond takes it too.
secret() { # NAME
	line=$(sed -n 1p "/secrets/$1-password" 2>/dev/null) || line=
	[ -n "$line" ] ||
		complain "cannot read the secret /secrets/$1-password, or it is empty"
	printf '%s\n' "$line"
}

# The same as a word of Redis' configuration.
quoted_secret() { # NAME
	line=$(secret "$1") || exit
	printf '%s\n' "$line" | sed 's/[\\"]/\\&/g; s/.*/"&"/'
}

digest() { # NAME
	text=$(secret "$1") || exit
	printf %s "$text" | sha256sum | cut -d' ' -f1
}

# Fills in the users of TEMPLATE. "default" is off and yet has every right:
# Redis loads its AOF in that user's name, and would leave out each MULTI that
# it may not do. Nobody can log in as a user that is off.
users() { # TEMPLATE NAME...
	template=$1
	shift
	set -- "$@" operator
	edits="s/@more@/${MORE_RIGHTS-}/"
	for name; do
		hash=$(digest "$name") || exit
		edits="$edits; s/@$name@/$hash/"
	done
	(umask 077 && sed "$edits" "/etc/krsession/$template" >/tmp/users.acl)
}

# A file that Redis itself goes on writing.
keep() { # FILE LINE...
	[ ! -e "$1" ] || return 0
	file=$1
	shift
	{ umask 077 && printf '%s\n' "$@" >"$file.new" &&
		mv "$file.new" "$file"; } ||
		complain "cannot write $file"
}

serve() {
	users redis.acl redis
	operator=$(quoted_secret operator)
	keep /data/node.conf "${REPLICA_OF:+replicaof $REPLICA_OF}"
	exec redis-server /data/node.conf - <<-CONF
		$(cat /etc/krsession/redis.conf)
		masteruser operator
		masterauth $operator
		${CLUSTER:+cluster-enabled yes}
		${CLUSTER:+cluster-node-timeout 2000}
	CONF
}

sentinel() {
	users sentinel.acl sentinel
	operator=$(quoted_secret operator)
	keep /data/sentinel.conf 'port 26379' 'protected-mode no' \
		'aclfile /tmp/users.acl' 'dir /tmp' \
		"sentinel monitor mymaster $PRIMARY 2" \
		'sentinel down-after-milliseconds mymaster 2000' \
		'sentinel failover-timeout mymaster 10000' \
		'sentinel auth-user mymaster operator' \
		'sentinel sentinel-user operator'
	exec redis-server /data/sentinel.conf --sentinel - <<-CONF
		sentinel auth-pass mymaster $operator
		sentinel sentinel-pass $operator
	CONF
}

cli() {
	REDISCLI_AUTH=$(secret operator)
	export REDISCLI_AUTH
	exec redis-cli --user operator --no-auth-warning "$@"
}

form() { # ADDRESS:PORT...
	REDISCLI_AUTH=$(secret operator)
	export REDISCLI_AUTH
	if state "$1" | grep -q '^cluster_slots_assigned:16384'; then
		echo "redis: the Cluster is formed already"
		return
	fi
	redis-cli --user operator --no-auth-warning --cluster create "$@" \
		--cluster-replicas 1 --cluster-yes ||
		complain "cannot form a Cluster of $*"
	for node; do
		until state "$node" | grep -q '^cluster_state:ok'; do
			sleep 0.2 # between two looks
		done
	done
}

state() { # ADDRESS:PORT
	redis-cli --user operator --no-auth-warning -h "${1%:*}" -p "${1#*:}" \
		cluster info | tr -d '\r'
}

# An answer that is not PONG says why: LOADING, or MISCONF when the disk is
# full.
health() {
	said=$(REDISCLI_AUTH=none redis-cli --user health --no-auth-warning \
		-p "${1:-6379}" ping 2>&1) || true
	echo "$said"
	[ "$said" = PONG ]
}

command=$1
shift
case $command in
serve | sentinel | form | cli | health) "$command" "$@" ;;
*) complain "there is no command '$command'" ;;
esac
