# shellcheck shell=bash
#
# Debian roots that have never seen this repository, for suites that install
# krsession in each of the ways that README offers. Those of a suite lie in
# one folder, $FRESH, and are gone with it. What a command starts in a root
# ends with the command.

KR_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
# shellcheck source=tools/common.sh
source "$KR_ROOT/tools/common.sh"
# shellcheck source=tools/mirror.sh
source "$KR_ROOT/tools/mirror.sh"
# shellcheck source=tools/root.sh
source "$KR_ROOT/tools/root.sh"
root_own=(--pid --fork --kill-child)
# shellcheck disable=SC2034 # read by bats: the roots of a file are shared
BATS_NO_PARALLELIZE_WITHIN_FILE=true

fail() { # TEXT...
	printf '%s\n' "$@" >&2
	return 1
}

# The root "base", with the last commit in it. Of setup_file, which cannot
# skip by itself: what is missing is left in $FRESH_MISSING.
fresh_begin() { # SUITE
	export FRESH FRESH_MISSING=
	((EUID == 0)) || FRESH_MISSING="only root makes Debian roots"
	[[ ! $FRESH_MISSING ]] || return 0
	root_check_means
	FRESH=$(mktemp -d /var/tmp/krsession-fresh.XXXXXX)
	root_make "$FRESH/base" "$1"
	root_export "$FRESH/base" "$KR_ROOT"
}

fresh_end() {
	[[ ! ${FRESH-} ]] || rm -rf --one-file-system "$FRESH"
}

skip_unless_fresh() {
	[[ ! $FRESH_MISSING ]] || skip "$FRESH_MISSING"
}

# A root like another. It must have come about, in an earlier test too.
fresh_copy() { # FROM TO
	[[ -d $FRESH/$1 ]] || fail "there is no root '$1' to go on from" || return
	cp -a "$FRESH/$1" "$FRESH/$2"
}

# A command in a root; what it says is shown when it fails.
within_root() { # ROOT COMMAND...
	local log=$BATS_TEST_TMPDIR/log
	root_run "$FRESH/$1" "${@:2}" >"$log" 2>&1 </dev/null ||
		fail "in $1: ${*:2}" "$(tail -n 40 "$log")"
}

# Services of a package are not started: there is no init in a root.
fresh_install() { # ROOT PACKAGE...
	within_root "$1" apt-get -q update
	within_root "$1" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		--no-install-recommends install "${@:2}"
}

# The packages that an autopkgtest of ours asks for, without our own.
fresh_test_depends() { # TEST
	sed -n "/^Tests: $1$/,/^$/s/^Depends: //p" \
		"$KR_ROOT/debian/tests/control" | tr -d ' ' | tr ',' '\n' |
		grep -v krsession
}
