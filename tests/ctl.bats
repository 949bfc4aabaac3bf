# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# krsessionctl: what it shows, what it ends, what it says when it cannot.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# With krsessiond's options; its answer is in $output, what it says besides in
# $STACK/ctl.log, its status in $status.
ctl() { # ARGUMENT...
	local options
	mapfile -t options < <(kr_options)
	run --separate-stderr "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" "$@"
	# shellcheck disable=SC2154 # run sets it
	printf '%s\n' "$stderr" >>"$STACK/ctl.log"
}

# Logs in; the session's id and cookie are left in $id and $cookie.
log_in() { # USER
	ask "/session/login?user=$1"
	expect 200 "{\"message\":\"Logged in\",\"user\":\"$1\"}"
	cookie=$(cookie_value)
	id=${cookie:0:22}
}

expect_output() { # STATUS OUTPUT
	[[ $status == "$1" && $output == "$2" ]] ||
		fail "expected status $1: $2" "got $status: $output" "$stderr"
}

is_gone() { # COOKIE
	ask_as "$1" /session/whoami
	expect 401 '{"error":"No active session or user not set"}'
}

is_there() { # COOKIE
	ask_as "$1" /session/whoami
	[ "$code" = 200 ]
}

# Without the times, which differ.
rows() {
	awk 'NR > 1 { print $1, $NF }' <<<"$output" | sort
}

# ---- looking --------------------------------------------------------------

@test "list shows id, age, time left and user of every session" {
	start_both
	log_in max
	local max=$id
	log_in moritz
	ctl list
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^ID\ +AGE\ +IDLE\ LEFT\ +USER$ ]]
	[ "$(rows)" = "$(printf '%s\n' "$max max" "$id moritz" | sort)" ]
	[[ ${lines[1]} =~ \ [0-9]+s\ +(20|21)s\  ]]
}

@test "list --user shows that user's sessions alone" {
	start_both
	log_in max
	log_in moritz
	local moritz=$id
	log_in max
	ctl list --user moritz
	[ "$(rows)" = "$moritz moritz" ]
	ctl list --user nobody
	[ "$(rows)" = "" ]
}

@test "list --json is a line a session" {
	start_both
	log_in max
	ctl list --json
	[ "$status" -eq 0 ]
	run -0 jq -r '[.id, .user, (.left > 15), (.begun > 1e9), .writes] | @csv' \
		<<<"$output"
	[ "$output" = "\"$id\",\"max\",true,true,1" ]
}

@test "ten thousand sessions are listed, each once" {
	start_both
	rcli eval "for i = 1, 10000 do
		local id = string.format('%021d', i) .. 'A'
		redis.call('HSET', 'KestrunSession_' .. id, '@ver', 1, '@born', 1,
			'@seen', 1, '@auth', string.rep('x', 32))
		redis.call('PEXPIRE', 'KestrunSession_' .. id, 600000) end" 0
	ctl count
	expect_output 0 10000
	ctl list
	[ "$(awk 'NR > 1 { print $1 }' <<<"$output" | sort -u | wc -l)" -eq 10000 ]
}

@test "show tells what is in a session and does not prolong it" {
	start_both
	log_in max
	ask_as "$cookie" '/session/set?key=color&value=purple'
	local before after
	before=$(rcli hget "KestrunSession_$id" @seen)
	ctl show "$id"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "id        $id" ]
	[ "${lines[1]}" = "user      max" ]
	[[ $output == *$'\nvalue     color = purple'* ]]
	after=$(rcli hget "KestrunSession_$id" @seen)
	[ "$before" = "$after" ]
}

@test "show --json gives the values, and bytes that are no text as base64url" {
	start_both
	log_in max
	rcli eval "redis.call('HSET', KEYS[1], 'bytes', '\\255\\254')" 1 \
		"KestrunSession_$id"
	ctl show --json "$id"
	[ "$(jq -c .values <<<"$output")" = '{"bytes":{"base64url":"__4"}}' ]
}

@test "a value cannot speak to the terminal" {
	start_both
	log_in max
	rcli eval "redis.call('HSET', KEYS[1], 'evil', 'a\\27[31mb')" 1 \
		"KestrunSession_$id"
	ctl show "$id"
	[[ $output == *'evil = a\x1b[31mb'* ]]
}

@test "show of a session that is not there is 3" {
	start_both
	ctl show AAAAAAAAAAAAAAAAAAAAAA
	expect_output 3 ""
	[ "$stderr" = "krsessionctl: there is no session AAAAAAAAAAAAAAAAAAAAAA" ]
}

@test "stats tells how many, how large and whose" {
	start_both
	log_in max
	log_in max
	ask /session/counter
	ctl stats
	[ "${lines[0]}" = "sessions            3" ]
	[ "${lines[1]}" = "with a user         2" ]
	[ "${lines[2]}" = "users               1" ]
	ctl stats --json
	[ "$(jq -c '[.sessions, .with_user, .users, .endless]' <<<"$output")" = '[3,2,1,0]' ]
}

# ---- ending ---------------------------------------------------------------

@test "a session that is ended opens nothing from the next request on" {
	start_both
	log_in max
	ctl end "$id"
	expect_output 0 "ended 1"
	is_gone "$cookie"
}

@test "end names those that are not there, and ends the others" {
	start_both
	log_in max
	ctl end AAAAAAAAAAAAAAAAAAAAAA "$id"
	expect_output 3 "ended 1"
	[ "$stderr" = "krsessionctl: there is no session AAAAAAAAAAAAAAAAAAAAAA" ]
	is_gone "$cookie"
}

@test "end --user ends that user's sessions and no other" {
	local first second other
	start_both
	log_in max
	first=$cookie
	log_in max
	second=$cookie
	log_in moritz
	other=$cookie
	ctl end --user max
	expect_output 0 "ended 2"
	is_gone "$first"
	is_gone "$second"
	is_there "$other"
}

@test "end --all ends them all" {
	start_both
	log_in max
	log_in moritz
	ctl end --all
	expect_output 0 "ended 2"
	is_gone "$cookie"
	ctl count
	expect_output 0 0
}

@test "sweep has nothing to do in Redis" {
	start_both
	ctl sweep
	expect_output 0 "swept 0"
}

# ---- checking -------------------------------------------------------------

finding() { # KIND TEXT
	grep -qE "^$1 +$2" <<<"$output" ||
		fail "no finding: $1 $2" "$output"
}

@test "check finds nothing to mend where there is nothing, and leaves nothing" {
	redis_start
	ctl check
	[ "$status" -eq 0 ]
	run -1 grep -v '^ok' <<<"$output"
	[ "$(rcli dbsize)" = 0 ]
}

@test "check names a policy that drops sessions" {
	redis_start
	rcli config set maxmemory 100mb maxmemory-policy allkeys-lru
	ctl check
	[ "$status" -eq 3 ]
	finding bad 'maxmemory-policy is allkeys-lru'
	[[ $output == *'mend: CONFIG SET maxmemory-policy noeviction'* ]]
}

@test "check names sessions without an end" {
	start_both
	log_in max
	rcli persist "KestrunSession_$id"
	ctl check
	[ "$status" -eq 3 ]
	finding warning "1 of 1 sessions have no time to live, such as $id"
	rcli del "KestrunSession_$id"
}

@test "check names a right that krsessiond lacks" {
	redis_start
	rcli acl setuser few on '>word' '~KestrunSession_*' -@all +hgetall +hset \
		+hget +pexpire +unlink +eval +evalsha '+client|setname' +scan +pttl
	ctl -o redis.user=few -o redis.password=word check
	finding unknown 'Redis does not let us ask: INFO'
	rcli acl setuser few -evalsha -eval
	ctl -o redis.user=few -o redis.password=word check
	[ "$status" -eq 3 ]
	finding bad 'a session cannot be made: store refused'
	[[ $stderr == *"'evalsha' command"* ]]
}

@test "check of a Redis that is away is 1, and says where it looked" {
	ctl check
	[ "$status" -eq 1 ]
	[[ $stderr == *"redis $STACK/redis.sock: No such file or directory"* ]]
}

# ---- everywhere -----------------------------------------------------------

@test "it works on every node of a cluster" {
	local options i socket
	cluster_start
	mapfile -t options < <(cluster_options)
	kr_start "${options[@]}"
	for socket in "$STACK"/redis*.sock; do
		redis-cli -s "$socket" acl setuser "$LOGIN" +scan +pttl +info +time
	done
	for i in {1..12}; do
		log_in "user$i"
	done
	ctl "${options[@]}" count
	expect_output 0 12
	ctl "${options[@]}" check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	[ "$(grep -c 'a primary' <<<"$output")" -eq 3 ]
	ctl "${options[@]}" end --all
	expect_output 0 "ended 12"
	ctl "${options[@]}" count
	expect_output 0 0
}

# ---- the command line -----------------------------------------------------

refused() { # WORDS ARGUMENT...
	ctl "${@:2}"
	[ "$status" -eq 2 ]
	[[ $stderr == "krsessionctl: $1"* ]] || fail "expected: $1" "$stderr"
}

@test "a bad command line says what is wrong with it" {
	refused "there is no command 'frob'" frob
	refused "end takes ids, or --user NAME, or --all" end
	refused "end takes ids, or --user NAME, or --all" end --all --user max
	refused "show takes an id" show
	refused "an id is 22 characters of base64url, not 'short'" show short
	refused "--json is not for 'end'" end --json --all
	refused "--user is not for 'count'" count --user max
	refused "not expected: 'more'" count more
	ctl
	[ "$status" -eq 2 ]
	[[ $stderr == usage:* ]]
}

@test "a bad configuration is krsessiond's own line, and 2" {
	refused "-o session.idle_timeout=never" -o session.idle_timeout=never count ||
		fail "$stderr"
}

@test "sessions in krsessiond's memory cannot be seen" {
	refused "store.kind = memory" -o store.kind=memory count
}

@test "the version and the help are there" {
	ctl -V
	[[ $output == "krsession "* ]]
	ctl -h
	[ "$status" -eq 0 ]
	[[ $output == usage:* ]]
}
