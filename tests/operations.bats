# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# docs/operations.md: each of its commands as it is printed, with what it says
# comes out. They name /etc/krsession, port 6379 and https://localhost, so they
# run in a world where these are ours: namespaces of their own for files and
# network. What wants a booted systemd is run by fresh_systemd_*.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/operations.bash
source "$BATS_TEST_DIRNAME/lib/operations.bash"
# shellcheck source=lib/world.bash
source "$BATS_TEST_DIRNAME/lib/world.bash"

setup() {
	stack_open
	((EUID == 0)) || skip "wants namespaces of its own"
	world_begin
}

teardown() {
	world_end
	stack_close
}

# ---- what stands there --------------------------------------------------

@test "each command of docs/operations.md is run by a suite" {
	local kind section
	[ "$(ops_commands console | wc -l)" -gt 20 ]
	for kind in $(ops_lines | cut -f 1 | sort -u); do
		grep -qlE "ops_play $kind( |\$)" "$BATS_TEST_DIRNAME"/*.ba* ||
			fail "no suite plays what is $kind"
	done
	while IFS= read -r section; do
		grep -qE "play '$section'" "$BATS_TEST_FILENAME" ||
			fail "no test plays '$section'"
	done < <(ops_sections console)
	# A block that only looks like one of these has no reader.
	run grep -nE '^ *\$ ' <(awk '/^ *```console/ { on = 1 }
		!on; /^ *```$/ { on = 0 }' "$KR_ROOT/docs/operations.md")
	[ "$status" -eq 1 ]
}

@test "the user of docs/operations.md has the rights that README lists" {
	diff <(readme_acl 'ACL SETUSER krsession') \
		<(ops_commands console | sed -n "s/.*'~krsession:\*' //p" |
			tr -d "'")
}

play() { # SECTION [BLOCK]
	ops_play console "$1" in_world "${2-}"
}

# ---- its sections -------------------------------------------------------

@test "operations: sessions answer 503" {
	world_password
	world_serve
	play 'Sessions answer 503' 1
	play 'Sessions answer 503' 2
	play 'Sessions answer 503' 3
	world_redis
	world_user
	within 5 world_session
	play 'Sessions answer 503' 4
	play 'Sessions answer 503' 5
}

@test "operations: the log" {
	world_redis
	world_serve
	play 'The log'
}

@test "operations: watching it" {
	world_redis
	play 'Watching it' 1
	world_serve
	play 'Watching it' 2
}

@test "operations: look at sessions, and end them" {
	world_redis
	world_serve
	in_world "curl -sk -c jar 'https://localhost/session/login?user=max'" \
		>/dev/null
	world_session
	play 'Look at sessions, and end them'
	[ "$(in_world 'krsessionctl count')" = 1 ]
}

@test "operations: Redis" {
	world_redis
	world_password no
	front_certificate
	cp "$STACK/tls.crt" "$WORLD/krsession/client.crt"
	play 'Redis' 1
	play 'Redis' 2
	world_as_user "$(ops_block '**A user of its own**' ini)"
	world_serve
	world_session || fail "no session with the user"
	play 'Redis' 3
	# What has been rewritten is good for the next start.
	world_redis_stop
	world_redis_start redis
	within 5 world_session
}

@test "operations: sizing" {
	world_redis
	world_serve
	world_session
	play 'Sizing'
	bytes=$(in_world "$(ops_commands console | grep 'MEMORY USAGE')")
	((bytes >= 100 && bytes <= 280)) || fail "a session takes $bytes bytes"
}

@test "operations: what a dump of Redis gives away, and what not" {
	world_redis
	world_serve
	in_world "curl -sk -c jar 'https://localhost/session/login?user=max'" \
		>/dev/null
	play 'What a dump of Redis gives away'
	# The cookie is in it nowhere, nor is any part of its secret.
	secret=$(sed -n 's/.*__Host-krsession\t.\{22\}//p' "$STACK/jar")
	[ "${#secret}" -eq 43 ]
	echo "$secret" >>"$STACK/secrets"
	in_world 'redis-cli --rdb dump.rdb' >/dev/null
	run grep -aF -e "${secret:0:20}" -e "${secret:20}" "$STACK/dump.rdb"
	[ "$status" -eq 1 ]
	grep -qaF max "$STACK/dump.rdb"
}

@test "operations: back up and restore" {
	world_redis
	world_serve
	in_world 'curl -sk -c jar https://localhost/session/counter'
	play 'Back up and restore' 1
	world_redis_stop
	rm -rf "$STACK/redis-data"/*
	cp "$STACK/root/sessions.rdb" "$STACK/redis-data/dump.rdb"
	world_redis_start redis --appendonly no
	play 'Back up and restore' 2
	within 5 world_counts 2
	within 10 aof_has_it_all
	# The next start needs no RDB.
	world_redis_stop
	rm "$STACK/redis-data/dump.rdb"
	world_redis_start redis
	within 5 world_counts 3
}

# A rewrite that waits for its turn is scheduled first.
aof_has_it_all() {
	[[ $(in_world 'redis-cli INFO persistence' | tr -d '\r' |
		grep -cE '^aof_(enabled:1|rewrite_(in_progress|scheduled):0)$') == 3 ]]
}

world_counts() { # N
	[[ $(in_world 'curl -sk -b jar https://localhost/session/counter') == \
		*"\"counter\":$1}" ]]
}

# bats test_tags=slow
@test "operations: move to another Redis, and no count is lost" {
	local load
	world_redis
	world_redis_start new --bind 127.0.0.2
	sed -i 's/^#endpoint = .*/endpoint = redis:\/\/krsession@old.example.com/' \
		"$WORLD/krsession/krsessiond.conf"
	world_password
	world_user
	world_user new.example.com
	world_serve
	in_world 'curl -sk -c jar https://localhost/session/counter'
	world_load &
	load=$!
	within 10 world_loaded 20
	play 'Move to another Redis'
	world_restart
	world_loaded_more
	: >"$STACK/load.stop"
	wait "$load"
	within 5 world_session
	# 200 is kept; a 503 is allowed to the few that were on their way.
	world_counts $(($(grep -c '^200' "$STACK/load") + 2)) ||
		fail "$(sort "$STACK/load" | uniq -c)"
	[ "$(grep -vc '^200' "$STACK/load")" -le 20 ]
}

# Where no systemd is: what these two would do, so that a load can look on.
# With the real ones the same commands are run in fresh_systemd_*.bats.
without_systemd() { # COMMAND
	# shellcheck disable=SC2016 # it is the inner shell's
	in_world '
		systemctl() { kill -HUP "$(cat krsessiond.pid)"; }
		journalctl() { tail -n 8 krsessiond.log; }
		'"$1"
}

@test "operations: another password under load, and no request fails" {
	local load before
	world_redis
	world_password
	before=$(<"$WORLD/krsession/redis-password")
	world_user
	world_serve
	in_world 'curl -sk -c jar https://localhost/session/counter'
	world_load &
	load=$!
	within 10 world_loaded 20
	ops_play systemd 'Secrets' without_systemd
	world_loaded_more
	: >"$STACK/load.stop"
	wait "$load"
	run grep -v '^200' "$STACK/load"
	[ "$status" -eq 1 ]
	world_counts $(($(wc -l <"$STACK/load") + 2))
	# The old one opens nothing any more.
	run in_world "REDISCLI_AUTH=$before redis-cli --user krsession \
		HGETALL krsession:none"
	[[ $output == *WRONGPASS* ]]
}

@test "operations: upgrade and roll back" {
	play 'Upgrade and roll back'
}
