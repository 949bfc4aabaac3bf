# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2154
#
# What a page of 100 assets costs in Redis behind the guard and nginx: each
# asset is a request that the guard is asked about.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/cost.bash
source "$BATS_TEST_DIRNAME/lib/cost.bash"
# shellcheck source=lib/doors.bash
source "$BATS_TEST_DIRNAME/lib/doors.bash"
# shellcheck source=lib/visitors.bash
source "$BATS_TEST_DIRNAME/lib/visitors.bash"

setup_file() {
	stack_open
	redis_start
	guard_start -o server.workers=1
	site_start nginx
	log_in_first max
}

teardown_file() {
	doors_close
}

# Fetches the 100 assets; how they were answered is in $codes: "100 200".
get_assets() { # [CURL OPTION...]
	local n
	codes=$(for n in {1..100}; do
		printf 'url = "%s/assets/%d.css"\noutput = "%s.%d"\n' \
			"$URL" "$n" "$BATS_TEST_TMPDIR/asset" "$n"
	done | curl --silent --noproxy '*' --cacert "$STACK/tls.crt" \
		--write-out '%{http_code}\n' "$@" --config - |
		sort | uniq -c | sed 's/^ *//')
}

changes() {
	rcli info persistence | tr -d '\r' |
		sed -n 's/^rdb_changes_since_last_save://p'
}

# Sets loads, trips and written by what fetching them costs.
count_assets() { # CURL OPTION...
	local changes reads cost
	get_assets --head "$@" # connections and scripts are there
	rcli config resetstat >"$STACK/reset"
	changes=$(changes) reads=$(reads)
	get_assets "$@"
	trips=$(($(reads) - reads - 2)) # what asked for the numbers
	cost=$(commands)
	written=$(($(changes) - changes))
	loads=$(sed -n 's/.*hgetall=\([0-9]*\).*/\1/p' <<<"$cost")
	# Other commands than loads ask for ends, and write nothing.
	! tr ' ' '\n' <<<"$cost" | grep -vqE '^(hgetall|xread)=' ||
		fail "more than loads: $cost"
}

@test "100 assets in line cost a load each, a round trip each and no write" {
	count_assets --http1.1 --header \
		"Cookie: __Host-krguard=$(<"$STACK/max.cookie")"
	[ "$codes" = '100 200' ]
	[ "$loads" -eq 100 ]
	((trips >= 100 && trips <= 104))
	[ "$written" -eq 0 ]
}

@test "100 assets at once over HTTP/2 share loads and round trips" {
	count_assets --http2 --parallel --parallel-max 100 --header \
		"Cookie: __Host-krguard=$(<"$STACK/max.cookie")"
	[ "$codes" = '100 200' ]
	((loads >= 1 && loads <= 100))
	((trips >= 1 && trips <= 104))
	[ "$written" -eq 0 ]
}

@test "100 assets for nobody cost Redis nothing" {
	rcli config resetstat >"$STACK/reset"
	get_assets --http2 --parallel --parallel-max 100
	[ "$codes" = '100 401' ]
	[ -z "$(commands)" ]
}
