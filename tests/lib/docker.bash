# shellcheck shell=bash
#
# The world in containers: a compose project of docker/, private to one suite,
# where the other libraries have servers of $STACK. Comes after them and says
# anew how that world begins and ends, and how its Redis is asked.
#
# docker compose itself reads COMPOSE_FILE, COMPOSE_PROJECT_NAME and what the
# files of docker/ ask of the environment, so commands need no options.

# shellcheck source=tests/lib/docker_engine.bash source-path=SCRIPTDIR/../..
source "${BASH_SOURCE[0]%/*}/docker_engine.bash"

# The project, and all that is its own; nothing runs yet.
docker_project() { # [FILE'S MIDDLE NAME...]
	local name
	COMPOSE_PROJECT_NAME=$(tr '[:upper:]' '[:lower:]' <<<"${STACK##*/}")
	COMPOSE_FILE=$KR_ROOT/docker/compose.yaml
	for name; do
		COMPOSE_FILE+=:$KR_ROOT/docker/compose.$name.yaml
	done
	free_port KR_PORT
	KR_SUBNET=10.$((KR_PORT / 256 + 180)).$((KR_PORT % 256))
	URL=https://127.0.0.1:$KR_PORT
	export COMPOSE_PROJECT_NAME COMPOSE_FILE KR_SUBNET URL
	unset REDISCLI_AUTH
	: >"$STACK/project"
}

docker_up() {
	docker compose up -d --wait >>"$STACK/compose.log" 2>&1
}

# "docker" or "docker-NAME-NAME...", where each NAME is a file of docker/.
world_start() { # WORLD
	local names
	docker_begin
	[[ ! $DOCKER_MISSING ]] || return 0
	IFS=- read -ra names <<<"${1#docker}"
	docker_project "${names[@]:1}"
	docker_up || fail "the containers do not start" \
		"$(tail -n 20 "$STACK/compose.log")" || return
	docker_certificate
	[[ $1 != *cluster* ]] || export CLUSTER=yes
}

docker_certificate() {
	docker exec "$(container front)" cat /certificates/tls.crt \
		>"$STACK/tls.crt"
}

# Of a suite whose tests share one world; others say it themselves.
setup() {
	skip_without_engine
}

# It began with the rest.
front_start() {
	[[ ! $DOCKER_MISSING ]] || return 0
	curl --silent --fail --noproxy "*" --cacert "$STACK/tls.crt" \
		--output /dev/null "$URL/hello"
}

stack_close() {
	local bad=0
	if [[ ! -e $STACK/project ]]; then
		rm -rf "$STACK"
		return
	fi
	servers_end
	docker_stop_daemons || bad=1
	docker compose logs --no-color >"$STACK/containers.log" 2>&1
	stack_check || bad=1
	docker compose down -v --timeout 5 >>"$STACK/compose.log" 2>&1 || bad=1
	docker_left_nothing || bad=1
	if ((bad)) || [[ ! ${BATS_TEST_COMPLETED-1} ]]; then
		tail -n 40 "$STACK"/*.log >&2
	fi
	rm -rf "$STACK"
	return "$bad"
}

# Each that runs must end well when it is asked to.
docker_stop_daemons() {
	local name status
	for name in $(docker compose ps --services --status running |
		grep '^krsessiond'); do
		docker compose stop "$name" >>"$STACK/compose.log" 2>&1
		status=$(container_is "$name" ExitCode)
		((status == 0)) || fail "$name ended with $status" || return
	done
}

docker_left_nothing() {
	local left label=label=com.docker.compose.project=$COMPOSE_PROJECT_NAME
	left=$(docker ps -aq --filter "$label" &&
		docker volume ls -q --filter "$label" &&
		docker network ls -q --filter "$label")
	[[ -z $left ]] || fail "left behind: $left"
}

# ---- containers ---------------------------------------------------------

container() { # SERVICE
	echo "$COMPOSE_PROJECT_NAME-$1-1"
}

container_is() { # SERVICE FIELD OF .State
	docker inspect -f "{{.State.$2}}" "$(container "$1")"
}

container_health() { # SERVICE STATUS
	[[ $(container_is "$1" Health.Status) == "$2" ]]
}

# Both ways to go, under load; see expect_load in lib/load.bash.
restarted_and_killed() { # SERVICE PROGRAM [refused]
	load_start 3
	docker compose restart "$1" >>"$STACK/compose.log" 2>&1
	load_goes_on 30
	container_crash "$1" "$2"
	load_goes_on 30
	expect_load "${@:3}"
	within 20 container_health "$1" healthy
}

# Its main program dies, and the restart policy has to see to it.
container_crash() { # SERVICE PROGRAM
	local since
	since=$(container_is "$1" StartedAt)
	# shellcheck disable=SC2016 # expanded in the container
	docker exec "$(container "$1")" sh -c 'kill -KILL $(pidof "$0")' "$2" ||
		true # its shell may go with it
	within 10 container_was_restarted "$1" "$since" ||
		fail "$1 does not come back"
}

container_was_restarted() { # SERVICE BEFORE
	[[ $(container_is "$1" Status) == running &&
		$(container_is "$1" StartedAt) != "$2" ]]
}

expect_container_says() { # SERVICE REGULAR EXPRESSION
	within 20 container_says "$@" ||
		fail "$1 does not say $2" "$(docker logs "$(container "$1")" 2>&1)"
}

container_says() { # SERVICE REGULAR EXPRESSION
	docker logs "$(container "$1")" 2>&1 | grep -qaE -e "$2"
}

# ---- its Redis ----------------------------------------------------------

rcli() { # COMMAND...
	docker exec -i "$(container redis)" \
		krsession-redis cli ${CLUSTER:+-c} "$@"
}

redis_running() {
	[[ $(container_is redis Running 2>/dev/null) == true ]]
}

# A command on every key, at the primaries it lives on.
redis_each() { # COMMAND
	local name
	for name in $(docker_primaries); do
		docker exec -i "$(container "$name")" krsession-redis cli --scan |
			sed "s/^/$1 /" |
			docker exec -i "$(container "$name")" krsession-redis cli
	done
}

docker_primaries() {
	local name
	for name in $(docker compose ps --services --status running |
		grep '^redis'); do
		! docker_role "$name" master || echo "$name"
	done
}

docker_role() { # SERVICE master|slave
	docker exec "$(container "$1")" krsession-redis cli info replication \
		2>/dev/null | grep -q "^role:$2"
}
