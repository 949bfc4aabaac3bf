# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# What requests cost in Redis: commands, and round trips.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/cost.bash
source "$BATS_TEST_DIRNAME/lib/cost.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# With a timeout of which no sixteenth goes by: a touch would be counted too.
start_calm() { # [KRSESSIOND OPTION...]
	start_both -o session.idle_timeout=20m "$@"
}

@test "hello costs Redis nothing, even with a session's cookie" {
	start_calm
	warm_session
	[ -z "$(cost_of /hello)" ]
	[ -z "$(cost_of -c "Kr.Session=$cookie" /hello)" ]
}

@test "reading without a cookie costs Redis nothing" {
	start_calm
	warm_session
	for path in /session/whoami '/session/get?key=k' /session/logout \
		/session/login /nowhere; do
		[ -z "$(cost_of "$path")" ]
	done
}

@test "a malformed cookie costs Redis nothing" {
	start_calm
	warm_session
	for value in '' short "${cookie}A" "${cookie:0:64}" "${cookie:0:64}!"; do
		[ -z "$(cost_of -c "Kr.Session=$value" /session/whoami)" ]
	done
}

@test "a refused request costs Redis nothing" {
	start_calm
	warm_session
	[ -z "$(cost_of -c "Kr.Session=$cookie" -m PUT /session/counter)" ]
	[ -z "$(cost_of -c "Kr.Session=$cookie" '/session/login?user=%zz')" ]
}

# What Redis would have to save or to replicate.
changes() {
	rcli info persistence | tr -d '\r' |
		sed -n 's/^rdb_changes_since_last_save://p'
}

@test "reading a session is one HGETALL, and writes nothing" {
	local before
	start_calm
	warm_session
	[ "$(cost_of -c "Kr.Session=$cookie" /session/whoami)" = hgetall=1 ]
	before=$(changes)
	ask_as "$cookie" /session/whoami
	[ "$(changes)" -eq "$before" ]
}

@test "reading a session is one round trip" {
	start_calm
	warm_session
	[ "$(least_round_trips -c "Kr.Session=$cookie" "$KR_SOCKET" \
		'/session/get?key=counter')" -eq 1 ]
}

@test "writing a session is one load and one script" {
	local cost
	start_calm
	warm_session
	cost=$(cost_of -c "Kr.Session=$cookie" /session/counter)
	[[ " $cost " == *' hgetall=1 '* ]]
	[[ " $cost " == *' evalsha=1 '* ]]
	[[ " $cost " != *' eval='* ]]
}

@test "writing a session is two round trips" {
	start_calm
	warm_session
	[ "$(least_round_trips -c "Kr.Session=$cookie" "$KR_SOCKET" \
		/session/counter)" -eq 2 ]
}

@test "making a session is one script in one round trip" {
	start_calm
	warm_session
	[ "$(cost_of /session/counter)" = \
		'evalsha=1 hget=1 hset=1 pexpire=1' ]
	[ "$(least_round_trips "$KR_SOCKET" /session/counter)" -eq 1 ]
}

# ---- sessions with a user -----------------------------------------------

# A session with user and counter; its cookie is left in $cookie.
warm_user() {
	ask "/session/login?user=max"
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
}

@test "reading a user's session is one HGETALL and one XREAD, in one round trip" {
	local before
	start_calm
	warm_user
	[ "$(cost_of -c "Kr.Session=$cookie" /session/whoami)" = \
		'hgetall=1 xread=1' ]
	before=$(changes)
	ask_as "$cookie" /session/whoami
	[ "$(changes)" -eq "$before" ]
	[ "$(least_round_trips -c "Kr.Session=$cookie" "$KR_SOCKET" \
		'/session/get?key=counter')" -eq 1 ]
}

@test "writing a user's session is two round trips" {
	start_calm
	warm_user
	[ "$(least_round_trips -c "Kr.Session=$cookie" "$KR_SOCKET" \
		/session/counter)" -eq 2 ]
}

@test "who has no user is not charged for those who have" {
	local user
	start_calm -o server.workers=1
	warm_user
	user=$cookie
	warm_session
	ask_as "$user" /session/whoami
	for _ in {1..70}; do
		ask_as "$cookie" /session/whoami
	done
	[ "$(cost_of -c "Kr.Session=$cookie" /session/whoami)" = hgetall=1 ]
	ask_as "$user" /session/whoami
	expect 200 '{"user":"max"}'
}

@test "a batch of a user's reads asks for ends once" {
	local cost
	start_calm -o server.workers=1
	warm_user
	rcli config resetstat
	read_32_at_once
	cost=$(commands)
	[ "$(grep -c '^200' "$STACK/answers-of-32")" -eq 32 ]
	((${cost##*xread=} <= 4)) || fail "$cost"
}

@test "a login is two round trips" {
	start_calm
	warm_user
	[ "$(least_round_trips "$KR_SOCKET" '/session/login?user=max')" -eq 2 ]
}

@test "a session with user and counter takes at most 250 bytes" {
	local bytes
	start_calm
	warm_user
	bytes=$(rcli memory usage "KestrunSession_${cookie:0:22}" samples 0)
	echo "session: $bytes bytes"
	((bytes <= 250))
	bytes=$(rcli memory usage KestrunSession_@user:max samples 0)
	echo "index of one: $bytes bytes"
	((bytes <= 160))
}

# Whether so many clients have come: each adds a line to the listener's.
clients_came() { # N
	(($(grep -c "$KR_SOCKET" /proc/net/unix) > $1))
}

# 32 reads while krsessiond stands still: it finds them all at once.
read_32_at_once() {
	kill -STOP "$(server_pid krsessiond)"
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" '/session/get?key=counter' \
		>"$STACK/answers-of-32" 3>&- 4>&- &
	within 10 clients_came 32
	kill -CONT "$(server_pid krsessiond)"
	wait "$!"
}

@test "requests of one batch share their round trip" {
	local trips
	start_calm -o server.workers=1
	warm_session
	trips=$(($(least_reads read_32_at_once) - $(least_reads true)))
	[ "$(grep -c '^200' "$STACK/answers-of-32")" -eq 32 ]
	((trips >= 1 && trips <= 4))
}

@test "the script is sent again when Redis has forgotten it" {
	start_calm
	warm_session
	rcli script flush
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":4}'
}

@test "a batch survives that Redis has forgotten the script" {
	start_calm
	warm_session
	rcli script flush
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" '/session/set?key=k&value=v' >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 32 ]
}
