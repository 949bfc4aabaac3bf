# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# ./dev up when something is wrong: one line that says what, and a status that
# is not 0. That it works is in readme.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# $status, and $output without what ./dev tells of its progress.
up() { # [OPTION...]
	# shellcheck disable=SC2034 # both are for the tests
	run --separate-stderr env -u KR_BUILD -u KR_SANITIZE -u KR_REDIS \
		-u URL -u STACK "$KR_ROOT/dev" up "$@"
}

# shellcheck disable=SC2154 # bats sets them
expect_complaint() { # STATUS TEXT
	[[ $status == "$1" && $stderr == "$2" ]] ||
		fail "expected $1: $2" "got $status: $stderr"
}

bats_require_minimum_version 1.5.0

@test "a port in use is said in one line" {
	redis_start_tcp
	up --port "$PORT"
	expect_complaint 1 \
		"dev: port $PORT of 127.0.0.1 is in use; choose another: --port"
}

@test "a front server that it does not know is said in one line" {
	free_port PORT
	up --port "$PORT" --front iis
	expect_complaint 2 "dev: --front takes one of lighttpd nginx apache\
 haproxy caddy h2o, not 'iis' (see ./dev help)"
}

# bats test_tags=slow
@test "a server program that is not there is said in one line" {
	free_port PORT
	up --port "$PORT" --redis-server no-such-server
	expect_complaint 2 "dev: --redis-server: there is no program\
 'no-such-server' (see ./dev help)"
}

# bats test_tags=slow
@test "a wrong password is said in one line" {
	local port
	redis_start_tcp --requirepass right
	export REDISCLI_AUTH=right
	free_port port
	up --port "$port" --redis "redis://:wrong@127.0.0.1:$PORT"
	expect_complaint 1 "dev: the Redis of --redis does not answer;\
 krsessiond says: error redis 127.0.0.1:$PORT: WRONGPASS invalid\
 username-password pair or user is disabled; sessions answer 503 until\
 user, password and rights are put right (its ACL LOG tells what it refused)"
}
