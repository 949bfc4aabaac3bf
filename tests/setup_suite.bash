# shellcheck shell=bash source-path=SCRIPTDIR
#
# bats runs these once, before and after all suites of a run. What suites in
# containers share, the first of them makes (lib/docker.bash); here it ends.

# shellcheck source=lib/docker_engine.bash
source "$BATS_TEST_DIRNAME/lib/docker_engine.bash"

setup_suite() {
	:
}

teardown_suite() {
	docker_end
}
