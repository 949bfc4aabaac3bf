# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031
# bats file_tags=slow
#
# The files of docker/ that add to the plain world, put together in mixtures:
# containers are restarted and killed in each.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"
# shellcheck source=lib/docker.bash
source "$BATS_TEST_DIRNAME/lib/docker.bash"

setup() {
	docker_begin
	skip_without_engine
	stack_open
}

teardown() {
	load_end
	[[ ! ${STACK-} ]] || stack_close
}

# The whole container is away: its name and address too.
container_away() { # SERVICE
	docker compose kill "$1" >>"$STACK/compose.log" 2>&1
}

container_back() { # SERVICE
	docker compose start "$1" >>"$STACK/compose.log" 2>&1
	within 20 container_health "$1" healthy
}

# The only primary, or the one with the load's slots, is another now.
took_over() { # FROM
	local now
	now=$(docker_primaries)
	[[ $now && " ${now//$'\n'/ } " != *" $1 "* && $(wc -w <<<"$now") == "$2" ]]
}

follows() { # SERVICE
	docker exec "$(container "$1")" krsession-redis cli info replication |
		tr -d '\r' | grep -qx master_link_status:up
}

all_follow() { # SERVICE...
	local name
	for name; do
		follows "$name" || return
	done
}

@test "nginx and two krsessiond: either dies, then nginx" {
	world_start docker-nginx-replicas
	restarted_and_killed krsessiond krsessiond
	restarted_and_killed krsessiond2 krsessiond
	restarted_and_killed front nginx refused
}

@test "with one of two krsessiond away the other serves all" {
	world_start docker-replicas
	load_start 3
	container_away krsessiond2
	load_goes_on 200
	container_back krsessiond2
	load_goes_on 100
	expect_load
}

@test "Sentinel: the primary dies, a replica takes over, all remember it" {
	world_start docker-sentinel
	within 30 all_follow redis2 redis3
	within 20 sentinels_know 2 2
	load_start 3
	container_away redis
	within 30 took_over redis 1
	load_goes_on 50
	container_back redis
	within 30 follows redis
	container_away sentinel1
	load_goes_on 50
	container_back sentinel1
	docker compose restart >>"$STACK/compose.log" 2>&1
	load_goes_on 50
	expect_load refused
	took_over redis 1
}

# Any Sentinel of whom we ask knows that many replicas and other Sentinels.
sentinels_know() { # REPLICAS OTHERS
	local i
	for i in 1 2 3; do
		[[ $(docker exec "$(container "sentinel$i")" krsession-redis cli \
			-p 26379 info sentinel) == \
			*status=ok,*,slaves="$1",sentinels=$(($2 + 1))* ]] || return
	done
}

@test "Cluster: a primary dies, its replica takes over, all remember it" {
	world_start docker-cluster
	within 30 all_follow redis4 redis5 redis6
	load_start 6
	container_away redis2
	within 30 took_over redis2 3
	load_goes_on 50
	container_back redis2
	within 30 follows redis2
	docker compose restart >>"$STACK/compose.log" 2>&1
	load_goes_on 50
	expect_load refused
	took_over redis2 3
}
