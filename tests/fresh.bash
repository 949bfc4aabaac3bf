# shellcheck shell=bats source-path=SCRIPTDIR
#
# krsession on a Debian that has nothing: each way to install it, and whether
# what is then installed serves README's program and gives the tutorial's
# answers to README's commands. The files fresh_*.bats are links to this one,
# and the name says which Debian. Tests of a file build on one another.

# shellcheck source=lib/fresh.bash
source "$BATS_TEST_DIRNAME/lib/fresh.bash"

SUITE=${BATS_TEST_FILENAME##*_}
SUITE=${SUITE%.bats}

setup_file() {
	export BATS_TEST_TIMEOUT=600
	fresh_begin "$SUITE"
}

teardown_file() {
	fresh_end
}

setup() {
	skip_unless_fresh
}

# The autopkgtests, on what is installed in a root.
expect_it_serves() { # ROOT [NAME=VALUE...]
	local test
	for test in library tutorial; do
		within_root "$1" env "${@:2}" "debian/tests/$test"
	done
}

install_servers() { # ROOT
	local packages
	mapfile -t packages < <(fresh_test_depends library
		fresh_test_depends tutorial)
	fresh_install "$1" "${packages[@]}"
}

@test "make install: with the packages that building needs, and no others" {
	fresh_copy base made
	within_root made ./dev deps --build
	cp -a "$FRESH/made" "$FRESH/builder"
	within_root made autoreconf -fi
	within_root made ./configure
	within_root made make -j "$(nproc)"
	within_root made make install
	within_root made ldconfig
	install_servers made
	expect_it_serves made KR_DOC=/usr/local/share/doc/krsession
}

@test "make uninstall leaves nothing" {
	within_root made make uninstall
	left=$(find "$FRESH/made/usr/local" ! -type d)
	[ ! "$left" ] || fail "left behind:" "$left"
}

@test "./dev package builds the packages" {
	within_root builder ./dev package
	(cd "$FRESH/builder/srv/krsession/build/packages" && echo *.deb)
	cp -a "$FRESH/builder/srv/krsession/build/packages" "$FRESH/packages"
}

@test "lintian finds nothing that is not explained" {
	fresh_install builder lintian
	within_root builder lintian --fail-on error,warning --allow-root \
		--tag-display-limit 0 build/packages/all/krsession_*.changes
}
