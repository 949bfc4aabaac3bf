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

model_on_redis() { # [NAME=VALUE...]
	local options
	mapfile -t options < <(model_options single)
	model_holds "$@" -- "${options[@]}"
}

# ---- that it can fail ---------------------------------------------------

# Runs it on what is broken on purpose.
model_breaks() { # [NAME=VALUE...]
	local options
	mapfile -t options < <(model_options single)
	! model "$@" -- "${options[@]}" || fail "nothing seen: $VERDICT"
}

@test "sessions that are kept without asking anybody answer late, and are stale" {
	redis_start
	model_breaks operations=30000 break=hold
	(($(model_says late) > 0 && $(model_says stale) > 0))
	grep -qa 'late: session .* acknowledged to thread .* was answered' \
		"$STACK/model.log"
}

@test "additions without KR_ATOMIC are lost" {
	redis_start
	model_breaks operations=30000 break=count
	(($(model_says lost) > 0))
}

# Copies are dropped when Redis tells of the change, at once; who does not hear
# of it has the rest of its lease.
@test "ends that do not wait for the lease are answered late" {
	local options
	redis_start
	mapfile -t options < <(model_options single)
	for _ in {1..6}; do # it takes an end in the right moment
		model operations=0 seconds=6 lease=200 every=50 break=wait \
			faults=keeper -- "${options[@]}" || :
		(($(model_says late) == 0)) || return 0
	done
	fail "no end was answered late: $VERDICT"
}

# ---- and that it does not -----------------------------------------------

@test "without a cache nothing is late, lost or stale" {
	redis_start
	model_on_redis operations=50000
	[ "$(model_says from_memory)" -eq 0 ]
}

@test "with a cache nothing is late, lost or stale" {
	redis_start
	model_on_redis operations=30000 lease=50
	model_has_cached 5
}

@test "a login past the limit ends the others on all processes" {
	redis_start
	model_on_redis operations=20000 lease=20 limited=1
	model_has_cached 1
}

@test "processes stopped, data flushed, connections killed" {
	redis_start
	model_on_redis operations=0 seconds=8 lease=50 every=200 \
		faults=stop,flush,kill_clients,kill_tracking
	model_has_cached 5
	(($(model_says faults) > 10))
}

@test "the keeper's thread alone stopped, and clocks moved" {
	redis_start
	model_on_redis operations=0 seconds=6 lease=50 every=100 \
		faults=keeper,thread,clock
	model_has_cached 5
	(($(model_says faults) > 10))
}

# bats test_tags=slow
@test "500,000 operations with the smallest lease" {
	redis_start
	model_on_redis operations=500000 seconds=150 processes=4 threads=4 \
		lease=10
	model_has_cached 5
	(($(model_says operations) >= 500000))
}

# bats test_tags=slow
@test "all that can happen to one Redis, leases of 10 ms to 1 s" {
	local lease
	model_redis
	for lease in 10 50 1000; do
		model_on_redis operations=0 seconds=25 lease=$lease every=200 \
			processes=4 faults=stop,keeper,thread,clock,flush,\
kill_clients,kill_tracking,pause,crash
		model_has_cached 1
	done
}
