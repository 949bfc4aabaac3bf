# shellcheck shell=bash
#
# The container engine of a run of tests, and the images of docker/: made by
# the first suite that asks, shared by all, gone after the last.

DOCKER_TOOLS=${BASH_SOURCE[0]%/*}/../../../shared/tools/docker-engine
# Images of this run only; the build cache makes the next ones in seconds.
KR_TAG=test-$(cksum <<<"$BATS_RUN_TMPDIR" | cut -d' ' -f1)
export KR_TAG
DOCKER_IMAGES=(setup redis krsessiond lighttpd nginx)

# An engine and the images. Without an engine, and nothing that makes one, it
# leaves in $DOCKER_MISSING what to say; setup_file cannot skip by itself.
docker_begin() {
	local lock
	exec {lock}>"$BATS_RUN_TMPDIR/docker.lock"
	flock "$lock"
	export DOCKER_MISSING=
	docker_engine && docker_build
	local status=$?
	exec {lock}>&-
	((status != 77)) || DOCKER_MISSING="no container engine: 'docker info' \
fails, and ../shared/tools/docker-engine/up is not there"
	((status == 0 || status == 77))
}

skip_without_engine() {
	[[ ! ${DOCKER_MISSING-} ]] || skip "$DOCKER_MISSING"
}

docker_engine() {
	! docker info >/dev/null 2>&1 || return 0
	[[ -x $DOCKER_TOOLS/up ]] || return 77
	: >"$BATS_RUN_TMPDIR/docker.ours"
	"$DOCKER_TOOLS/up" >"$BATS_RUN_TMPDIR/docker.log" 2>&1 \
		3>&- 4>&- {lock}>&- </dev/null ||
		fail "no engine" "$(tail "$BATS_RUN_TMPDIR/docker.log")"
}

docker_build() {
	[[ ! -e $BATS_RUN_TMPDIR/docker.built ]] || return 0
	local target
	for target in "${DOCKER_IMAGES[@]}"; do
		docker build -f "$KR_ROOT/docker/Dockerfile" --target "$target" \
			-t "krsession/$target:$KR_TAG" "$KR_ROOT" \
			>"$BATS_RUN_TMPDIR/docker.log" 2>&1 ||
			fail "image $target is not built" \
				"$(tail -n 40 "$BATS_RUN_TMPDIR/docker.log")" || return
	done
	: >"$BATS_RUN_TMPDIR/docker.built"
}

docker_end() {
	local images=("${DOCKER_IMAGES[@]/#/krsession/}")
	[[ ! -e $BATS_RUN_TMPDIR/docker.built ]] ||
		docker image rm "${images[@]/%/:$KR_TAG}" >/dev/null
	[[ ! -e $BATS_RUN_TMPDIR/docker.ours ]] || "$DOCKER_TOOLS/down"
}
