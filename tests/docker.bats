# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031
# bats file_tags=slow
#
# docker/ as its README tells: what runs there, and what it costs when a
# container is restarted or dies. That every route works is seen in
# routes_docker*.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"
# shellcheck source=lib/docker.bash
source "$BATS_TEST_DIRNAME/lib/docker.bash"

bats_require_minimum_version 1.5.0 # run -1

setup_file() {
	stack_open
	world_start docker
}

teardown_file() {
	stack_close
}

teardown() {
	load_end
}

inspect() { # SERVICE TEMPLATE
	docker inspect -f "$2" "$(container "$1")"
}

expect_inspect() { # SERVICE TEMPLATE TEXT
	[[ $(inspect "$1" "$2") == "$3" ]] ||
		fail "$1: expected $2 to be $3" "got $(inspect "$1" "$2")"
}

@test "the commands of README's 'Try it' print what stands there" {
	readme_try "$KR_PORT"
}

@test "no container has a right that it does not need" {
	for name in setup redis krsessiond front; do
		[[ $(inspect "$name" '{{.Config.User}}') == \
			@(setup|redis|krsession|www-data) ]]
		expect_inspect "$name" '{{.HostConfig.ReadonlyRootfs}}' true
		expect_inspect "$name" '{{.HostConfig.CapDrop}}' '[ALL]'
		expect_inspect "$name" '{{.HostConfig.CapAdd}}' '[]'
		expect_inspect "$name" '{{.HostConfig.Privileged}}' false
		expect_inspect "$name" '{{.HostConfig.SecurityOpt}}' \
			'[no-new-privileges:true]'
	done
}

@test "every container has an end to its log, memory, processor, processes" {
	for name in setup redis krsessiond front; do
		expect_inspect "$name" '{{.HostConfig.Init}}' true
		expect_inspect "$name" '{{index .HostConfig.LogConfig.Config "max-size"}}' \
			10m
		[ "$(inspect "$name" '{{.HostConfig.Memory}}')" -gt 0 ]
		[ "$(inspect "$name" '{{.HostConfig.NanoCpus}}')" -gt 0 ]
		[ "$(inspect "$name" '{{.HostConfig.PidsLimit}}')" -gt 0 ]
	done
}

@test "no image has a compiler, and the program is stripped" {
	for name in redis krsessiond front; do
		run -1 docker exec "$(container "$name")" \
			sh -c 'command -v cc || command -v gcc || command -v ld || exit 1'
	done
	for file in /usr/bin/krsessiond /usr/lib/libkrsession.so.0; do
		docker exec "$(container krsessiond)" cat "$file" \
			>"$BATS_TEST_TMPDIR/program"
		readelf -S "$BATS_TEST_TMPDIR/program" \
			>"$BATS_TEST_TMPDIR/sections"
		grep -q '\.text' "$BATS_TEST_TMPDIR/sections"
		run -1 grep -E '\.(symtab|debug_info)' \
			"$BATS_TEST_TMPDIR/sections"
	done
}

@test "krsession's user in Redis has the rights of README and no other" {
	expected=$(readme_acl 'ACL SETUSER krsession')
	found=$(sed -n 's/^user krsession .*~[^ ]* \(.*\) @more@$/\1/p' \
		"$KR_ROOT/docker/redis.acl")
	[ "$found" = "$expected" ]
	expected=$(readme_acl 'ACL SETUSER watcher')
	found=$(sed -n 's/^user watcher .*resetchannels \(.*\)$/\1/p' \
		"$KR_ROOT/docker/sentinel.acl")
	[ "$found" = "$expected" ]
}

@test "nobody speaks to Redis without a password, and none is in sight" {
	run docker exec "$(container redis)" redis-cli dbsize
	[[ $output == *NOAUTH* ]]
	run docker exec "$(container redis)" redis-cli --user health --pass x dbsize
	[[ $output == *NOPERM* ]]
	for name in redis-password operator-password; do
		docker exec "$(container redis)" cat "/secrets/$name"
	done >"$BATS_TEST_TMPDIR/secrets"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/secrets")" -eq 130 ]
	for name in redis krsessiond front; do
		docker inspect "$(container "$name")"
		docker logs "$(container "$name")" 2>&1
		docker top "$(container "$name")"
	done >"$BATS_TEST_TMPDIR/seen"
	run -1 grep -F -f "$BATS_TEST_TMPDIR/secrets" "$BATS_TEST_TMPDIR/seen"
}

# ---- restarted and killed -----------------------------------------------

@test "krsessiond restarted and killed costs 503 with Retry-After only" {
	restarted_and_killed krsessiond krsessiond
}

@test "Redis restarted and killed costs 503 only, and no session" {
	visit '/session/login?user=max'
	restarted_and_killed redis redis-server
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "lighttpd restarted and killed refuses connections, and loses nothing" {
	restarted_and_killed front lighttpd refused
}

@test "down without -v keeps sessions, passwords and certificate" {
	visit '/session/login?user=max'
	docker compose down >>"$STACK/compose.log" 2>&1
	docker_up
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
}
