# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# What Redis, and those who write into it by hand, may do to the sessions of a
# user: tests/users_app.c, served by two processes. What the index and the
# stream of ends are is in src/store/redis_user.c and redis_epoch.h.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/browsers.bash
source "$BATS_TEST_DIRNAME/lib/browsers.bash"

INDEX=KestrunSession_@user:max
ENDED=KestrunSession_@ended

setup() {
	stack_open
	redis_start
	declare -gA COOKIES=()
}

teardown() {
	stack_close
}

# Two processes, at $HERE and $THERE.
serve() { # [OPTION...]
	HERE=$STACK/krsessiond.sock
	THERE=$STACK/slow.sock
	serve_one krsessiond "$@"
	serve_one slow "$@"
}

serve_one() { # NAME [OPTION...]
	kr_listen "$1" tests/users_app "unix:$STACK/$1.sock" "${@:2}"
	within 10 kr_answers "$STACK/$1.sock" /hello ||
		fail "users_app does not start"
}

expect_user() { # BROWSER USER|nobody
	local process
	for process in "$THERE" "$HERE"; do
		surf "$1" "$process" /whoami
		expect 200 "$2" || return
	done
}

expect_failure() { # BROWSER PATH
	surf "$1" "$HERE" "$2"
	[[ $code == 503 ]] || fail "$code $body"
	expect_header Retry-After 1
	expect_no_header Set-Cookie
}

expect_logged() { # WORDS
	cat "$STACK"/{krsessiond,slow}.log | grep -qaE "$1" ||
		fail "not logged: $1" "$(grep -a redis "$STACK/krsessiond.log")"
}

# How many keys of sessions there are.
sessions() {
	rcli --scan | grep -vc @ || :
}

# ---- keys that are gone --------------------------------------------------

@test "an index that was deleted does not keep a session alive" {
	serve
	log_in a max
	log_in b max "$THERE"
	log_in other moritz
	expect_user a max
	expect_user b max
	rcli del "$INDEX"
	surf other "$HERE" '/end/all?of=max'
	expect 200 '{"ended":0}'
	expect_user a nobody
	expect_user b nobody
	expect_user other moritz
	log_in a max
	expect_user a max
	expect_user b nobody
}

@test "all but one are ended without an index, whichever is kept by then" {
	serve
	log_in a max
	log_in b max "$THERE"
	log_in c max
	expect_user c max
	rcli del "$INDEX"
	surf b "$HERE" /end/others
	expect_user a nobody
	expect_user b max
	expect_user c nobody
	rcli del "$INDEX"
	log_in d max "$THERE"
	surf d "$THERE" /end/others
	expect_user b nobody
	expect_user d max
	surf d "$THERE" /end/others
	expect_user d max
	expect_user a nobody
}

@test "a process that starts later knows what was ended before" {
	serve
	log_in a max
	log_in b max
	rcli del "$INDEX"
	surf b "$HERE" /end/others
	expect 200 '{"ended":0}'
	server_stop slow
	serve_one slow
	expect_user a nobody
	expect_user b max
	# One whose mark is older than what has been read so far.
	log_in c max
	expect_user c max
}

@test "an index that was deleted comes back with the next touch" {
	serve -o session.idle_timeout=2s
	log_in a max
	rcli del "$INDEX"
	within 5 touched a
	[ "$(rcli zcard "$INDEX")" -eq 1 ]
	redis_check_ttls
}

touched() { # BROWSER
	surf "$1" "$HERE" /whoami
	[ "$(rcli exists "$INDEX")" = 1 ]
}

@test "a stream of ends that was deleted ends no session, and a new one works" {
	serve
	log_in a max
	expect_user a max
	surf a "$HERE" '/end/all?of=eve'
	rcli del "$ENDED"
	expect_user a max
	log_in b max
	expect_user b max
	rcli del "$INDEX"
	surf b "$HERE" /end/others
	expect_user a nobody
	expect_user b max
	rcli xtrim "$ENDED" maxlen 0
	expect_user b max
	log_in c max
	rcli del "$INDEX"
	surf c "$THERE" /end/others
	expect_user b nobody
	expect_user c max
}

@test "after FLUSHALL nobody is logged in, and everybody can" {
	serve
	log_in a max
	expect_user a max
	rcli flushall
	expect_user a nobody
	log_in a max
	expect_user a max
	surf a "$HERE" /end/all
	expect 200 '{"ended":1}'
	expect_user a nobody
}

# ---- keys of another kind ------------------------------------------------

@test "an index that is something else is said, and is one user's trouble" {
	serve
	log_in a max
	rcli set "$INDEX" x ex 60
	expect_failure b '/login?user=max'
	expect_failure b '/sessions?of=max'
	[ "$(sessions)" -eq 1 ]
	expect_logged "the index of a user's sessions: .*WRONGTYPE"
	expect_user a max
	log_in other moritz
	expect_user other moritz
	rcli del "$INDEX"
	log_in b max
}

@test "a stream that is something else is said, and stops nobody without a user" {
	serve
	surf visitor "$HERE" '/count?name=x&add=1&seconds=60'
	log_in a max
	expect_user a max
	rcli del "$ENDED"
	rcli set "$ENDED" x ex 60
	expect_failure a /whoami
	expect_failure b '/login?user=max'
	expect_failure b '/end/all?of=max'
	[ "$(sessions)" -eq 1 ]
	expect_logged 'ends? of (a user.s )?sessions: .*WRONGTYPE'
	rcli del "$ENDED"
	expect_user a max
	log_in b max
}

@test "what others write into the stream of ends is passed over" {
	local i
	serve
	log_in a max
	expect_user a max
	rcli xadd "$ENDED" '*' u max
	rcli xadd "$ENDED" '*' k ''
	rcli xadd "$ENDED" '*' u max k short
	rcli xadd "$ENDED" '*' u '' k ''
	rcli xadd "$ENDED" '*' $'\xff\x01' $'\x02' u2 max k2 ''
	rcli xadd "$ENDED" '*' u max u max x "$(printf '%0999d' 0)"
	for i in {1..1300}; do
		echo "xadd $ENDED * u user$i k '' n $i"
	done | rcli >"$STACK/xadd"
	expect_user a max
	rcli del "$INDEX"
	surf a "$THERE" /end/all
	expect_user a nobody
}

@test "a session whose mark is none of ours opens nothing" {
	serve
	log_in a max
	rcli hset "KestrunSession_${COOKIES[a]:0:22}" @mark x
	expect_failure a /whoami
}

@test "a counter that is something else is said, and so is one without an end" {
	serve
	rcli set KestrunSession_@count:x y
	expect_failure a '/count?name=x&add=1&seconds=60'
	expect_logged 'a counter: .*not an integer'
	rcli set KestrunSession_@count:x 5
	surf a "$HERE" '/count?name=x&add=1&seconds=60'
	expect 200 '{"n":6}'
	redis_check_ttls
}

# ---- a Redis that takes no writes ----------------------------------------

# A login there is 503 and leaves nothing; sessions that are there are read.
expect_no_login() { # BROWSER IN
	local before
	before=$(sessions)
	expect_failure "$1" '/login?user=max'
	expect_failure visitor '/login?user=max'
	[ "$(sessions)" -eq "$before" ]
}

@test "a login on a full Redis is 503 and leaves nothing" {
	serve -o session.max_per_user=2 -o session.max_per_user_rule=refuse
	log_in a max
	rcli config set maxmemory 1
	expect_no_login b
	surf a "$THERE" /whoami
	expect 200 max
	[ "$(rcli zcard "$INDEX")" -eq 1 ]
	surf a "$THERE" /logout
	expect 200 out
	rcli config set maxmemory 0
	log_in b max
	log_in c max
	surf d "$HERE" '/login?user=max'
	expect_json 403 '{"error":"User has too many sessions"}'
	redis_check_ttls
}

@test "a login on a replica is 503 and leaves nothing" {
	serve
	log_in a max
	rcli replicaof 127.0.0.1 1
	rcli config set replica-serve-stale-data yes
	expect_no_login b
	rcli replicaof no one
	within 5 logs_in b
	expect_user b max
	expect_user a max
}

logs_in() { # BROWSER
	surf "$1" "$HERE" '/login?user=max'
	[ "$code" = 200 ]
}

@test "a login on a Redis that cannot save is 503 and leaves nothing" {
	server_stop redis
	mkdir "$STACK/unsaved"
	redis_start --dir "$STACK/unsaved" --save '3600 1'
	serve
	log_in a max
	rmdir "$STACK/unsaved"
	rcli bgsave
	within 10 misconf
	expect_no_login b
	rcli config set save '' # it would not end otherwise
	rcli config set stop-writes-on-bgsave-error no
	within 5 logs_in b
	expect_user a max
}

misconf() {
	[[ $(rcli set x y px 1) == MISCONF* ]]
}

# The first step of a login is done, and the second is not.
@test "a login that dies between its steps takes nobody's place for long" {
	local now
	serve -o session.max_per_user=1 -o session.max_per_user_rule=refuse
	now=$(rcli time | head -n 1)
	# Entered 70 s ago, and never written.
	rcli zadd "$INDEX" "$(awk -v now="$now" 'BEGIN {
		printf "%.10f", (now + 600) * 1000 + 0.5 + (now - 70) % 512 / 1024
	}')" AAAAAAAAAAAAAAAAAAAAAA
	log_in a max
	expect_user a max
	surf b "$HERE" '/login?user=max'
	expect_json 403 '{"error":"User has too many sessions"}'
	surf a "$HERE" /logout
	# Entered just now: it may still be written.
	rcli zadd "$INDEX" "$(awk -v now="$now" 'BEGIN {
		printf "%.10f", (now + 600) * 1000 + 0.5 + now % 512 / 1024
	}')" AAAAAAAAAAAAAAAAAAAAAA
	surf b "$HERE" '/login?user=max'
	expect_json 403 '{"error":"User has too many sessions"}'
	[ "$(sessions)" -eq 0 ]
}
