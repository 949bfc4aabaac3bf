# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Random histories of several processes with a cache each, on one Redis, and
# what no history may show; see tests/cache_model/main.c.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/model.bash
source "$BATS_TEST_DIRNAME/lib/model.bash"

setup() {
	stack_open
}

teardown() {
	model_end
	stack_close
}

# ---- that it can fail ---------------------------------------------------

# Runs it on what is broken on purpose, as it takes an operation in the right
# moment: until one is seen of which there is to be none.
model_shows() { # late|lost NAME=VALUE...
	local options
	mapfile -t options < <(model_options single)
	for _ in {1..6}; do
		model "${@:2}" -- "${options[@]}" || :
		(($(model_says "$1") == 0)) || return 0
	done
	fail "nothing seen: $VERDICT"
}

@test "sessions that are kept without asking anybody answer late, and are stale" {
	redis_start
	model_shows late operations=30000 break=hold
	(($(model_says stale) > 0))
	grep -qa 'late: session .* acknowledged to thread .* was answered' \
		"$STACK/model.log"
}

@test "additions without KR_ATOMIC are lost" {
	redis_start
	model_shows lost operations=30000 break=count
}

# Copies are dropped when Redis tells of the change, at once; who does not hear
# of it has the rest of its lease.
@test "ends that do not wait for the lease are answered late" {
	redis_start
	model_shows late operations=0 seconds=6 lease=200 every=50 break=wait \
		faults=keeper
}

# ---- and that it does not -----------------------------------------------

@test "without a cache nothing is late, lost or stale" {
	redis_start
	model_holds_on single operations=50000
	[ "$(model_says from_memory)" -eq 0 ]
}

@test "with a cache nothing is late, lost or stale" {
	redis_start
	model_holds_on single operations=30000 lease=50
	model_has_cached 5
}

# bats test_tags=slow
@test "a login past the limit ends the others on all processes" {
	redis_start
	model_holds_on single operations=20000 lease=20 limited=1
	model_has_cached 1
}

@test "processes stopped, data flushed, connections killed" {
	redis_start
	model_holds_on single operations=0 seconds=8 lease=50 every=200 \
		faults=stop,flush,kill_clients,kill_tracking
	model_has_cached 5
	(($(model_says faults) > 10))
}

@test "the keeper's thread alone stopped, and clocks moved" {
	redis_start
	model_holds_on single operations=0 seconds=6 lease=50 every=100 \
		faults=keeper,thread,clock
	model_has_cached 5
	(($(model_says faults) > 10))
}

# bats test_tags=slow
@test "500,000 operations with the smallest lease" {
	redis_start
	model_holds_on single operations=500000 seconds=150 processes=4 threads=4 \
		lease=10
	model_has_cached 5
	(($(model_says operations) >= 500000))
}

# bats test_tags=slow
@test "all that can happen to one Redis, leases of 10 ms to 1 s" {
	local lease
	model_redis
	for lease in 10 50 1000; do
		model_holds_on single operations=0 seconds=25 lease=$lease every=200 \
			processes=4 faults=stop,keeper,thread,clock,flush,\
kill_clients,kill_tracking,pause,crash
		model_has_cached 1
	done
}
