# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The model checker (tests/cache_model/main.c) on a Redis with Sentinels.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/model.bash
source "$BATS_TEST_DIRNAME/lib/model.bash"

setup() {
	export WITH_CACHE=yes
	stack_open
	sentinel_start
}

teardown() {
	model_end
	stack_close
}

@test "a failover: nothing is late, lost or stale" {
	model_holds_on sentinel operations=0 seconds=2 lease=50 every=500 \
		faults=switch
	model_has_cached 5
	(($(model_says faults) > 0))
}

# bats test_tags=slow
@test "all that can happen to a primary with replicas" {
	model_holds_on sentinel operations=0 seconds=60 lease=50 every=500 \
		faults=failover,switch,crash_primary,flush,stop,kill_clients,\
kill_tracking,pause,clock
	model_has_cached 1
	(($(model_says faults) > 5))
}
