# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The model checker (tests/cache_model/main.c) with a network for each of its
# processes, which is cut and healed. Needs root.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/model.bash
source "$BATS_TEST_DIRNAME/lib/model.bash"

setup() {
	stack_open
	network_begin
}

teardown() {
	model_end
	stack_close
}

model_in_networks() { # [NAME=VALUE...]
	local options
	mapfile -t options < <(model_options single | grep -v ^redis.endpoint)
	model_holds networks=1 "$@" \
		audit="redis.endpoint=unix://$STACK/redis.sock" \
		-- "${options[@]}" \
		redis.endpoint=redis://10.88.0.1:6379
}

# bats test_tags=slow
@test "networks cut and healed, both ways and one way" {
	model_in_networks operations=0 seconds=30 lease=50 every=500 \
		faults=cut,cut_out,cut_in
	model_has_cached 2
	(($(model_says faults) > 5))
}

# bats test_tags=slow
@test "networks cut while processes stop and data goes" {
	local lease
	for lease in 10 1000; do
		model_in_networks operations=0 seconds=20 lease=$lease \
			every=300 faults=cut,cut_out,cut_in,stop,flush,clock
		model_has_cached 1
	done
}
