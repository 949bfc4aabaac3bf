# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# The sessions of a user, and counters, as handlers have them: tests/users_app.c
# served by two processes on one store. The files users_*.bats are links to this
# one, and the name says which store it is; in memory there is one process. What
# each call does is in tests/unit/test_users*.c.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/browsers.bash
source "$BATS_TEST_DIRNAME/lib/browsers.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

STORE=${BATS_TEST_FILENAME##*_}
STORE=${STORE%.bats}
case $STORE in
sqlite)
	# shellcheck source=lib/sqlite.bash
	source "$BATS_TEST_DIRNAME/lib/sqlite.bash"
	;;
postgresql)
	# shellcheck source=lib/postgresql.bash
	source "$BATS_TEST_DIRNAME/lib/postgresql.bash"
	;;
esac

memory_start() { :; }

memory_options() {
	printf '%s\n' -o store.kind=memory
}

redis_options() { :; }

setup() {
	stack_open
	"${STORE}_start"
	mapfile -t OPTIONS < <("${STORE}_options")
	declare -gA COOKIES=()
}

teardown() {
	[[ $STORE != postgresql ]] || postgresql_end
	stack_close
}

# Two processes: $HERE and $THERE are where they listen. Both are names that
# stack_close wants to end with 0.
serve() { # [OPTION...]
	serve_one krsessiond "$@"
	HERE=$STACK/krsessiond.sock THERE=$STACK/krsessiond.sock
	[[ $STORE != memory ]] || return 0
	serve_one slow "$@"
	THERE=$STACK/slow.sock
}

serve_one() { # NAME [OPTION...]
	kr_listen "$1" tests/users_app "unix:$STACK/$1.sock" \
		-o server.socket_mode=0666 -o session.idle_timeout=10m \
		"${OPTIONS[@]}" "${@:2}"
	within 10 kr_answers "$STACK/$1.sock" /hello ||
		fail "users_app does not start"
}

# Whom a browser is taken for, by both processes.
expect_user() { # BROWSER USER|nobody
	local process
	for process in "$HERE" "$THERE"; do
		surf "$1" "$process" /whoami
		expect 200 "$2" || return
	done
}

id_of() { # BROWSER
	echo "${COOKIES[$1]:0:22}"
}

# The labels in the last answer's list.
labels() {
	jq -r '[.[].label] | sort | join(" ")' <<<"$body"
}

# ---- the list -----------------------------------------------------------

@test "a user sees all sessions of the account, and which one this is" {
	local now begun
	begun=$(date +%s)
	serve
	log_in phone max
	log_in laptop max "$THERE"
	log_in other moritz
	surf visitor "$HERE" /whoami
	surf phone "$THERE" /sessions
	[ "$code" = 200 ]
	[ "$(labels)" = 'laptop phone' ]
	[ "$(jq -r '.[] | select(.current) | .id' <<<"$body")" = "$(id_of phone)" ]
	now=$(date +%s)
	# Idle for 600 s, and a sixteenth more.
	jq -e --argjson now "$now" --argjson begun "$begun" 'all(.[];
		.created >= $begun and .created <= $now and
		.login >= $begun and .login <= $now and
		.seen >= $begun and .seen <= $now and
		.ends >= $begun + 636 and .ends <= $now + 638)' \
		<<<"$body" || fail "$begun $now" "$body"
	surf laptop "$HERE" '/sessions?of=moritz'
	[ "$(labels)" = other ]
	surf laptop "$HERE" '/sessions?of=nobody'
	expect 200 '[]'
}

@test "a session that has ended is not in the list" {
	serve -o session.idle_timeout=3s
	log_in gone max
	log_in left max
	surf gone "$THERE" /logout
	expect 200 out
	surf left "$THERE" /sessions
	[ "$(labels)" = left ]
	within 10 list_is max ''
	log_in new max
	list_is max new
}

list_is() { # USER LABELS
	surf nobody "$THERE" "/sessions?of=$1"
	[[ $code == 200 && $(labels) == "$2" ]]
}

@test "a session is in the list of the user who logged in last" {
	serve
	log_in both max
	log_in both moritz "$THERE"
	list_is max ''
	list_is moritz both
	surf both "$HERE" '/end/all?of=max'
	expect 200 '{"ended":0}'
	expect_user both moritz
}

@test "names of any bytes that a login takes have lists of their own" {
	local name n=0
	local names=(a 'A' 'a%20b' 'a:b' 'a*' '%5Ba%5D' '%7Ba%7D' '%7B' '@ended'
		'm%C3%A4x' "'" '%22;%25s%5Cn' '..%2F' '%E2%80%AE')
	serve
	for name in "${names[@]}"; do
		log_in "b$n" "$name"
		n=$((n + 1))
	done
	n=0
	for name in "${names[@]}"; do
		list_is "$name" "b$n" || fail "$name: $body"
		n=$((n + 1))
	done
	surf nobody "$THERE" "/end/all?of=%7B"
	expect 200 '{"ended":1}'
	surf nobody "$THERE" "/end/all?of=a*"
	expect 200 '{"ended":1}'
	expect_user b7 nobody
	expect_user b4 nobody
	expect_user b0 a
}

# ---- ending -------------------------------------------------------------

@test "a session that is ended opens nothing, on any process" {
	serve
	log_in phone max
	log_in laptop max
	surf phone "$THERE" "/end?id=$(id_of laptop)"
	expect 200 ended
	expect_user laptop nobody
	expect_user phone max
	surf phone "$THERE" "/end?id=$(id_of laptop)"
	expect 404 'not there'
}

@test "another user's session is not there to be ended" {
	serve
	log_in phone max
	log_in other moritz
	surf visitor "$HERE" '/login?user=visitor'
	surf phone "$HERE" "/end?id=$(id_of other)"
	expect 404 'not there'
	surf phone "$HERE" "/end?id=$(id_of visitor)"
	expect 404 'not there'
	for id in '' x '*' AAAAAAAAAAAAAAAAAAAAAA 'AAAAAAAAAAAAAAAAAAAAA%0A'; do
		surf phone "$HERE" "/end?id=$id"
		[ "$code" != 200 ] || fail "$id"
	done
	expect_user other moritz
	expect_user visitor visitor
	expect_user phone max
}

@test "all others are ended, then all" {
	serve
	log_in a max
	log_in b max "$THERE"
	log_in c max
	log_in other moritz
	surf b "$HERE" /end/others
	expect 200 '{"ended":2}'
	expect_user a nobody
	expect_user b max
	expect_user c nobody
	surf b "$THERE" /end/others
	expect 200 '{"ended":0}'
	log_in a max
	surf nobody "$HERE" '/end/all?of=max'
	expect 200 '{"ended":2}'
	expect_user a nobody
	expect_user b nobody
	expect_user other moritz
	log_in a max
	expect_user a max
}

@test "what logs in while all are ended is in or out, and never half" {
	local i
	serve
	for i in {1..8}; do
		"$KR_BUILD/tests/fcgi_client" -q -n 8 "$HERE" \
			"/login?user=max&label=x" >/dev/null 3>&- 4>&- &
		surf nobody "$THERE" '/end/all?of=max'
		[ "$code" = 200 ] || fail "$body"
		wait $!
	done
	surf nobody "$THERE" '/end/all?of=max'
	[ "$code" = 200 ]
	list_is max ''
	log_in last max
	list_is max last
	expect_user last max
}

# ---- the limit ----------------------------------------------------------

@test "a login past the limit ends the session that would end first" {
	serve -o session.max_per_user=2
	log_in a max
	sleep 0.01
	log_in b max "$THERE"
	log_in other moritz
	log_in b max
	expect_user a max
	sleep 0.01
	log_in c max "$THERE"
	list_is max 'b c' || list_is max 'a c' || fail "$body"
	surf c "$HERE" '/whoami'
	expect 200 max
	expect_user other moritz
}

@test "a login past the limit is refused, stores nothing and sends no cookie" {
	serve -o session.max_per_user=1 -o session.max_per_user_rule=refuse
	log_in a max
	surf b "$THERE" '/login?user=max&label=b'
	expect_json 403 '{"error":"User has too many sessions"}'
	expect_no_header Set-Cookie
	list_is max a
	log_in b moritz
	surf b "$THERE" '/login?user=max&label=b'
	expect_json 403 '{"error":"User has too many sessions"}'
	expect_no_header Set-Cookie
	expect_user b moritz
	log_in a max "$THERE"
	surf a "$HERE" /logout
	surf b "$THERE" '/login?user=max&label=b'
	expect 200 in
	list_is max b
	list_is moritz ''
}

@test "of many logins at once no more than the limit get in" {
	local answers
	serve -o session.max_per_user=3 -o session.max_per_user_rule=refuse
	"$KR_BUILD/tests/fcgi_client" -q -n 16 "$HERE" \
		'/login?user=max&label=x' >"$STACK/here" 3>&- 4>&- &
	"$KR_BUILD/tests/fcgi_client" -q -n 16 "$THERE" \
		'/login?user=max&label=x' >"$STACK/there"
	wait $!
	answers=$(cat "$STACK/here" "$STACK/there")
	[ "$(grep -c '^200 ' <<<"$answers")" = 3 ] || fail "$answers"
	[ "$(grep -c '^403 ' <<<"$answers")" = 29 ] || fail "$answers"
	list_is max 'x x x'
}

# ---- counters -----------------------------------------------------------

@test "a counter is one for all processes, and loses no addition" {
	serve
	surf nobody "$HERE" '/count?name=tries&add=2&seconds=60'
	expect 200 '{"n":2}'
	surf nobody "$THERE" '/count?name=tries&add=1&seconds=60'
	expect 200 '{"n":3}'
	"$KR_BUILD/tests/fcgi_client" -q -n 16 -r 8 "$HERE" \
		'/count?name=tries&add=1&seconds=60' >"$STACK/here" 3>&- 4>&- &
	"$KR_BUILD/tests/fcgi_client" -q -n 16 -r 8 "$THERE" \
		'/count?name=tries&add=1&seconds=60' >"$STACK/there"
	wait $!
	[ "$(cat "$STACK/here" "$STACK/there" | grep -c '^200 ')" = 256 ]
	surf nobody "$THERE" '/count?name=tries&add=0&seconds=60'
	expect 200 '{"n":259}'
	surf nobody "$HERE" '/count?name=other&add=0&seconds=60'
	expect 200 '{"n":0}'
}

@test "a counter ends when the time of its first addition is over" {
	local name
	serve
	# Where the machine is slow, one may be over before it is added to.
	for name in a b c d e; do
		surf nobody "$HERE" "/count?name=$name&add=5&seconds=1"
		expect 200 '{"n":5}'
		surf nobody "$THERE" "/count?name=$name&add=1&seconds=60"
		[[ $body == '{"n":1}' ]] || break
	done
	expect 200 '{"n":6}'
	within 10 counter_is "$name" 0
	surf nobody "$HERE" "/count?name=$name&add=1&seconds=60"
	expect 200 '{"n":1}'
}

counter_is() { # NAME VALUE
	surf nobody "$THERE" "/count?name=$1&add=0&seconds=60"
	[[ $body == "{\"n\":$2}" ]]
}

# ---- the program's life -------------------------------------------------

@test "a CGI program lists and ends sessions, and counts" {
	serve
	log_in phone max
	log_in laptop max
	cgi '/sessions' 'of=max'
	if [[ $STORE == memory ]]; then # each process has its own
		[ "$answer" = '[]' ]
		cgi '/count' 'name=cgi&add=3&seconds=60'
		[ "$answer" = '{"n":3}' ]
		return
	fi
	[ "$(jq -r '[.[].label] | sort | join(" ")' <<<"$answer")" = 'laptop phone' ]
	cgi '/end/all' 'of=max'
	[ "$answer" = '{"ended":2}' ]
	expect_user phone nobody
	cgi '/count' 'name=cgi&add=3&seconds=60'
	[ "$answer" = '{"n":3}' ]
	surf nobody "$HERE" '/count?name=cgi&add=1&seconds=60'
	expect 200 '{"n":4}'
}

# Its answer's body is left in $answer.
cgi() { # PATH QUERY
	local options
	mapfile -t options < <(kr_options)
	answer=$(env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET \
		"PATH_INFO=$1" "QUERY_STRING=$2" "$KR_BUILD/tests/users_app" \
		"${options[@]}" "${OPTIONS[@]}" 2>>"$STACK/cgi.log" </dev/null)
	answer=${answer#*$'\r\n\r\n'}
}

@test "a reload under calls that block answers them all" {
	local pid told='info reloaded in'
	[[ $STORE != memory ]] || told='not reloaded: store.kind = memory'
	serve
	log_in phone max
	pid=$(server_pid krsessiond)
	"$KR_BUILD/tests/fcgi_client" -q -n 8 -r 100 "$HERE" \
		'/sessions?of=max' >"$STACK/load" 3>&- 4>&- &
	kill -HUP "$pid"
	within 60 grep -q "$told" "$STACK/krsessiond.log" || fail "no reload"
	wait $!
	[ "$(grep -c '^200 ' "$STACK/load")" = 800 ] ||
		fail "$(sort "$STACK/load" | uniq -c | sort -rn | head)"
	surf phone "$HERE" /end/all
	expect 200 '{"ended":1}'
	expect_user phone nobody
}
