# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The model checker (tests/cache_model/main.c) on a Redis Cluster.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/model.bash
source "$BATS_TEST_DIRNAME/lib/model.bash"

setup() {
	export WITH_CACHE=yes
	stack_open
	cluster_start
}

teardown() {
	model_end
	stack_close
}

@test "slots on the move: nothing is late, lost or stale" {
	model_holds_on cluster operations=0 seconds=8 lease=50 every=200 \
		faults=move_slots
	model_has_cached 5
	(($(model_says faults) > 3))
}

# bats test_tags=slow
@test "250,000 operations on a cluster" {
	model_holds_on cluster operations=250000 seconds=150 threads=4 lease=20
	model_has_cached 5
	(($(model_says operations) >= 250000))
}

# bats test_tags=slow
@test "all that can happen to a cluster" {
	model_holds_on cluster operations=0 seconds=60 lease=50 every=500 \
		faults=failover,takeover,crash_primary,move_slots,flush,stop,\
kill_clients,kill_tracking,pause,clock
	model_has_cached 1
	(($(model_says faults) > 10))
}
