# shellcheck shell=bash
#
# Tests in a browser: Debian's Chromium, driven by tests/browser/. Comes after
# lib/stack.bash. tools/browser.sh has put there what npm brings.

export KR_BROWSER=$KR_BUILD/browser
# A person's files are nobody's business: a home and a cache of the test's own.
in_browser() { # PAGES TEST [WORD...]
	[[ -d $KR_BROWSER/node_modules/playwright-core ]] ||
		fail "no playwright-core: ./dev test --all installs it" || return
	env HOME="$BATS_TEST_TMPDIR" XDG_CONFIG_HOME="$BATS_TEST_TMPDIR" \
		XDG_CACHE_HOME="$BATS_TEST_TMPDIR" TMPDIR="$BATS_TEST_TMPDIR" \
		timeout 150 node "$KR_ROOT/tests/browser/run.mjs" "$@" \
		3>&- 4>&- </dev/null
}
