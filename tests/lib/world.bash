# shellcheck shell=bash
#
# A machine as docs/operations.md speaks of it: namespaces of its own for files
# and network, where /etc, /run, /root and Redis' folder are $STACK's. Where
# our programs look for their configuration is /etc/krsession too. Comes
# after lib/stack.bash and lib/topologies.bash; needs root. Nothing of it is
# seen outside, and all ends with its holder.

# A process that holds the namespaces open.
world_begin() {
	export WORLD=$STACK/etc
	cp -a /etc "$WORLD"
	rm -rf "$WORLD/krsession"
	mkdir -p "$WORLD/krsession" "$STACK"/{root,redis-data,nginx-log}
	cp "$KR_ROOT/conf/krsessiond.conf" "$WORLD/krsession"
	world_names
	# shellcheck disable=SC2016 # it is the inner shell's
	server_start world unshare --mount --net --propagation \
		"$(mountpoint -q / && echo private || echo unchanged)" bash -ec '
		mount --bind "$STACK/etc" /etc
		mount --bind /etc/krsession "$KR_INSTALLED/etc/krsession"
		mount --bind "$STACK/root" /root
		mount --bind "$STACK/nginx-log" /var/log/nginx
		mount -t tmpfs tmpfs /run
		install -d -m 755 -o krsession /run/krsession
		perl -e "socket(S, 2, 2, 0) or die;
			ioctl(S, 0x8914, \$_) or die for pack(q(a16s), q(lo), 0x49)"
		echo ready
		exec sleep infinity'
	within 10 grep -qx ready "$STACK/world.log" || fail "no world of its own"
}

world_names() {
	grep -q ^krsession: "$WORLD/group" ||
		echo 'krsession:x:9999:' >>"$WORLD/group"
	grep -q ^krsession: "$WORLD/passwd" ||
		echo 'krsession:x:9999:9999::/nonexistent:/usr/sbin/nologin' \
			>>"$WORLD/passwd"
	printf '127.0.0.1 localhost old.example.com\n%s\n' \
		'127.0.0.2 new.example.com' >"$WORLD/hosts"
}

# stack_close ends its servers. What must hold of Redis is asked here, as it
# does not know this one.
world_end() {
	! server_running world-redis ||
		! in_world 'redis-cli --scan | sed "s/^/pttl /" | redis-cli' |
		grep -qx -e -1 || fail "a key has no TTL"
}

# Every program of ours is found as an installed one would be. The root is
# named, as this one may be a chroot, which a change of namespace leaves.
world_enter() { # COMMAND...
	nsenter --mount --net --root --target "$(server_pid world)" env -C "$STACK" \
		PATH="$KR_INSTALLED/bin:$PATH" "$@"
}

# What docs/operations.md prints, as root's shell would do it.
in_world() { # COMMAND
	world_enter bash -c "$1" 3>&- 4>&-
}

# Started in it; the process is known here by its own id.
world_start() { # NAME COMMAND...
	local name=$1
	shift
	server_start "$name" nsenter --mount --net --root \
		--target "$(server_pid world)" env -C "$STACK" \
		PATH="$KR_INSTALLED/bin:$PATH" "$@"
}

# ---- Redis --------------------------------------------------------------

# With the settings of docs/operations.md.
world_redis() {
	{
		ops_block 'What its configuration should say' redis
		printf '%s\n' 'bind 127.0.0.1' "dir $STACK/redis-data" \
			'loglevel warning'
	} >"$WORLD/redis-world.conf"
	world_redis_start redis
}

# Not as redis_start does: without it, stack_close asks none.
world_redis_start() { # NAME [OPTION...]
	local name=$1 address=127.0.0.1 folder=$STACK/redis-data
	shift
	if [[ $name != redis ]]; then
		address=127.0.0.2 folder=$STACK/$name-data
		mkdir -p "$folder"
		sed '/^bind/d' "$WORLD/redis-world.conf" >"$WORLD/$name-world.conf"
	fi
	world_start "world-$name" "$KR_REDIS" "/etc/$name-world.conf" \
		--dir "$folder" "$@"
	within 10 world_redis_answers "$address" || fail "Redis does not start" \
		"$(cat "$STACK/world-$name.log")"
}

world_redis_answers() { # ADDRESS
	[[ $(in_world "redis-cli -h $1 ping" 2>&1) == *PONG* ]]
}

world_redis_stop() {
	server_stop world-redis
}

# Its password, in a file; `no` leaves the file to the document.
world_password() {
	[[ ${1-} == no ]] || {
		echo "a-secret-of-$RANDOM" >"$WORLD/krsession/redis-password"
		world_as_user 'password_file = /etc/krsession/redis-password'
	}
}

# Lines of krsessiond's configuration, for [redis], which is its last section.
world_as_user() { # LINES
	local conf=$WORLD/krsession/krsessiond.conf
	grep -v '^\[redis\]' <<<"$1" >"$STACK/lines"
	if grep -q ^endpoint "$STACK/lines"; then
		sed -i '/^endpoint/d' "$conf"
	elif ! grep -q ^endpoint "$conf"; then
		echo 'endpoint = redis://krsession@127.0.0.1:6379' >>"$STACK/lines"
	fi
	sed -i "/^\[redis\]/r $STACK/lines" "$conf"
}

# The user, by the document's own command.
world_user() { # [HOST]
	local command
	command=$(ops_commands console | grep 'ACL SETUSER krsession on')
	[[ $(in_world "${command//redis-cli/redis-cli -h ${1:-127.0.0.1}}") == OK ]]
}

# ---- krsessiond and nginx -----------------------------------------------

world_serve() {
	world_daemon
	world_front
}

# As the user krsession, at the socket that systemd would make.
world_daemon() {
	chgrp krsession "$WORLD/krsession/"* 2>/dev/null || true
	world_start krsessiond spawn-fcgi -n -s /run/krsession/krsession.sock \
		-M 0660 -U www-data -G www-data -- \
		"$KR_INSTALLED/bin/krsessiond" -c /etc/krsession/krsessiond.conf
	within 10 world_listens || fail "krsessiond does not start" \
		"$(cat "$STACK/krsessiond.log")"
}

world_listens() {
	in_world 'test -S /run/krsession/krsession.sock'
}

world_restart() {
	server_stop krsessiond
	world_daemon
}

# conf/nginx.conf, with the lines of log that the document wants.
world_front() {
	[[ -e $STACK/tls.crt ]] || front_certificate
	ops_block '**Follow one request**' nginx >"$STACK/nginx-log.conf"
	sed 's,^\taccess_log .*,\tinclude nginx-log.conf;,' \
		"$KR_ROOT/conf/nginx.conf" >"$STACK/nginx.conf"
	echo 'listen 127.0.0.1:443 ssl;' >"$STACK/nginx-listen.conf"
	ln -sf /run/krsession/krsession.sock "$STACK/krsession.sock"
	world_start front nginx -p "$STACK" -c "$STACK/nginx.conf"
	within 10 world_says /hello 'Hello, Session World!' ||
		fail "nginx does not start" "$(cat "$STACK/front.log")"
}

world_says() { # PATH BODY
	[[ $(in_world "curl -sk 'https://localhost$1'") == "$2" ]]
}

world_session() {
	world_says /session/counter \
		'{"message":"Counter incremented","counter":1}'
}

# ---- a load -------------------------------------------------------------

# One browser that goes on counting, until $STACK/load.stop.
world_load() {
	# shellcheck disable=SC2016 # it is the inner shell's
	in_world 'until [ -e load.stop ]; do
		curl -sk -b jar -o /dev/null -w "%{http_code}\n" \
			https://localhost/session/counter
		sleep 0.02 # as a browser does now and then
	done' >"$STACK/load"
}

world_loaded() { # N
	(($(wc -l <"$STACK/load") >= $1))
}

world_loaded_more() {
	local more=$(($(wc -l <"$STACK/load") + 20))
	within 15 world_loaded "$more"
}
