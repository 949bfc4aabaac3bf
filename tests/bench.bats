# shellcheck shell=bats source-path=SCRIPTDIR
#
# How ./dev bench reckons: processor time of process groups, and what comes
# of the measurements of its rounds.

cpu_us() { # GROUP
	"${KRSESSION_BUILD:-$BATS_TEST_DIRNAME/../build}/bench/cpu_time" "$1"
}

teardown() {
	[[ ${GROUP-} ]] || return 0
	kill -KILL -- "-$GROUP"
	wait "$GROUP" 2>/dev/null || true
}

# A process group whose leader does what it is told, tells in the pipe what
# processor time the shell and its children have used by then, and stays.
start_group() { # SHELL COMMANDS
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	setsid bash -c "$1; times >\"\$0\"; exec sleep 100" \
		"$BATS_TEST_TMPDIR/pipe" 3>&- 4>&- &
	GROUP=$!
	us=$(tr 'ms' '  ' <"$BATS_TEST_TMPDIR/pipe" | awk '
		{ us += ($1 + $3) * 60000000 + ($2 + $4) * 1000000 }
		END { printf "%.0f", us }')
}

work='for ((i = 0; i < 100000; i++)); do :; done'

# In the shell's words, of three digits; sleep's beginning comes to it.
expect_time() {
	local told
	told=$(cpu_us "$GROUP")
	((us > 20000 && told >= us - 20000 && told < us + 50000)) ||
		{ echo "expected $us, got $told" && false; }
}

@test "processor time is what the shell says" {
	start_group "$work"
	expect_time
}

@test "... with that of children that have ended" {
	start_group "($work); ($work)"
	expect_time
}

@test "... and of those that are under way" {
	start_group "sleep 100 & ($work)"
	expect_time
}

@test "a group that is not there has used nothing" {
	[ "$(cpu_us 4194305)" = 0 ]
}

# ---- what comes of the rounds -------------------------------------------

# measured ROUND APP PATH FRONT PROGRAM REDIS [BAD-STATUS]
measured() {
	jq -cn --argjson round "$1" --arg app "$2" --arg path "$3" \
		--argjson front "$4" --argjson program "$5" \
		--argjson redis "$6" --argjson bad "${7-0}" '
	{cpu_us: {$front, $program, $redis}, commands: {},
		commands_a_request: 0, $round, $app, $path, connections: 32,
		per_second: (10000 / ($front + $program + $redis)), p50_us: 1,
		p99_us: 2, bad_status: $bad, broken: 0, requests: 1000}'
}

# Three rounds: in the second, the machine was busy with something else.
rounds() {
	local path=/session/whoami

	measured 1 krsession $path 20 8 2
	measured 1 krsession-cache $path 20 4 1
	measured 1 slow $path 40 90 10
	measured 1 within $path 30 0 10
	measured 2 krsession $path 40 16 4
	measured 2 krsession-cache $path 40 8 1
	measured 2 slow $path 80 170 10 1
	measured 2 within $path 61 0 20
	measured 3 krsession $path 20 7 3
	measured 3 krsession-cache $path 20 4 0
	measured 3 slow $path 40 70 10
	measured 3 within $path 30 0 12
}

results() {
	rounds | jq -s '{measurements: ., machine: {}, apps: [
		{app: "krsession", label: "ours", absent: "", is_front: false},
		{app: "krsession-cache", label: "cached", absent: "",
			is_front: false},
		{app: "slow", label: "slow", absent: "", is_front: false},
		{app: "within", label: "within", absent: "", is_front: true},
		{app: "away", label: "away", absent: "not available: tea",
			is_front: false}]}' |
		jq -f "$BATS_TEST_DIRNAME/../bench/front.jq"
}

beside() { # APP FIELD
	results | jq -c --arg app "$1" --arg field "$2" '.beside[]
		| select(.app == $app).routes[]
		| select(.path == "/session/whoami")[$field]'
}

@test "beside the front: medians, and ratios within the rounds" {
	# 10/5, 20/9 and 10/4
	[ "$(beside krsession program_and_redis)" = \
		'{"us":10,"to_ours":1,"to_cached":2.22}' ]
	# 100/10, 180/20 and 80/10; 100/5, 180/9 and 80/4
	[ "$(beside slow program_and_redis)" = \
		'{"us":100,"to_ours":9,"to_cached":20}' ]
	# 140/30, 260/60 and 120/30; 140/25, 260/49 and 120/24
	[ "$(beside slow with_front)" = \
		'{"us":140,"to_ours":4.33,"to_cached":5.31}' ]
}

@test "what is its own front is compared with the front alone" {
	[ "$(beside within program_and_redis)" = null ]
	# 40/30, 81/60 and 42/30; 40/25, 81/49 and 42/24
	[ "$(beside within with_front)" = \
		'{"us":42,"to_ours":1.35,"to_cached":1.65}' ]
}

@test "who had errors has no figures, and who is absent no row" {
	results >"$BATS_TEST_TMPDIR/results"
	run jq -r -f "$BATS_TEST_DIRNAME/../bench/table.jq" \
		"$BATS_TEST_TMPDIR/results"
	grep -q '^slow  .*INVALID' <<<"$output"
	grep -q '^away  .*not available: tea$' <<<"$output"
	[ "$(grep -c '^away' <<<"$output")" = 1 ]
	[ "$(beside slow valid)" = false ]
	[ "$(beside away valid)" = '' ]
}

# ---- pages behind the guard ---------------------------------------------

page() { # ROUND DOOR FRONT PROGRAM REDIS PAGE-US [ERRORS]
	jq -cn --argjson round "$1" --arg door "$2" --argjson front "$3" \
		--argjson program "$4" --argjson redis "$5" \
		--argjson page_us "$6" --argjson errors "${7-0}" '
	{$round, $door, protocol: "h2", pages_per_second: (1 / $page_us),
		$page_us, files: 100, $errors, commands_a_request: 0,
		cpu_us: {$front, $program, $redis}}'
}

pages() {
	{
		page 1 open 100 0 0 10
		page 1 guarded 120 30 10 20
		page 2 open 200 0 0 20
		page 2 guarded 220 30 30 30
		page 3 open 100 0 0 10
		page 3 guarded 100 20 10 11 "$@"
	} | jq -s '{measurements: ., doors: [{door: "open", label: "open"},
		{door: "guarded", label: "guarded"}]}' |
		jq -f "$BATS_TEST_DIRNAME/../bench/guard.jq"
}

@test "a guarded page: what it costs is told within the rounds" {
	# 160/100, 280/200 and 130/100; 20/10, 30/20 and 11/10
	[ "$(pages | jq -c '.pages[1].protocols[0]
		| [.cpu_to_open, .page_to_open, .valid]')" = '[1.4,1.5,true]' ]
	[ "$(pages | jq -c '.pages[0].protocols[0].cpu_to_open')" = 1 ]
}

@test "a guarded page with errors has no valid figures" {
	pages 1 >"$BATS_TEST_TMPDIR/pages"
	run jq -r -f "$BATS_TEST_DIRNAME/../bench/guard_table.jq" \
		"$BATS_TEST_TMPDIR/pages"
	grep -q '^guarded .*h2 .*INVALID' <<<"$output"
	if grep -q '^open .*h2 .*INVALID' <<<"$output"; then fail "$output"; fi
}
