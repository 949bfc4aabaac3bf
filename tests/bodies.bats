# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# Bodies from enemies: too long, of another length than they say, slow, and from
# many at once. The program is tests/api_app.c, some of whose routes take any.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/hostile.bash
source "$BATS_TEST_DIRNAME/lib/hostile.bash"

setup() {
	stack_open
	PEERS=()
}

teardown() {
	peers_end
	stack_close
}

body_start() { # [OPTION...]
	kr_listen krsessiond tests/api_app "unix:$KR_SOCKET" "$@"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "api_app does not start"
}

# What a request for a route with a body begins with.
POST_ECHO=(begin:1:0 param:REQUEST_METHOD=POST param:PATH_INFO=/echo
	param:CONTENT_TYPE=any/thing)

@test "a body larger than its route takes is 413, on any route" {
	body_start -o server.max_body=1MiB
	raw "${POST_ECHO[@]}" params: body:1048576 stdin:
	[[ $said == *'answer 200 '* ]]
	raw "${POST_ECHO[@]}" params: body:1048577 stdin:
	[[ $said == *'answer 413 '* ]]
	raw begin:1:0 param:REQUEST_METHOD=POST param:PATH_INFO=/form \
		param:CONTENT_TYPE=application/x-www-form-urlencoded \
		params: body:8193 stdin:
	[[ $said == *'answer 413 '* ]]
	# Nobody waits for the end of it.
	raw "${POST_ECHO[@]}" params: body:3000000
	[[ $said == *'answer 413 '* ]]
	hello_at_once
}

@test "a CONTENT_LENGTH that lies about a body of any type is refused" {
	local length
	body_start
	for length in 0 2 4 -1 16777216 99999999999999999999 abc; do
		raw "${POST_ECHO[@]}" "param:CONTENT_LENGTH=$length" params: \
			stdin:abc stdin:
		[[ $said == *'answer 400 '* ]] || fail "$length: $said"
	done
	raw "${POST_ECHO[@]}" param:CONTENT_LENGTH=3 params: stdin:abc stdin:
	[[ $said == *'answer 200 '* ]]
}

@test "bodies that come slowly end with the time for a request" {
	body_start -o server.receive_timeout=1s
	RAW_OPTIONS+=(-n 50)
	raw "${POST_ECHO[@]}" params: body:60000
	[ "$(grep -c '^closed' <<<"$said")" -eq 50 ]
	hello_at_once
}

@test "bodies of many at once take no more memory than they may" {
	local before
	body_start -o server.max_body=1MiB -o server.body_memory=8MiB
	hello_at_once
	before=$(resident)
	# Each has sent nearly all, and holds what it has sent.
	peers_start many -n 60 -t 20000 "$KR_SOCKET" "${POST_ECHO[@]}" \
		params: body:1000000
	within 20 peers_ready many
	hello_at_once
	# 8 MiB, and for each a frame that is not whole and what a read brings;
	# what a sanitizer keeps of them is its own affair.
	(($(resident) - before < 8192 + 60 * 256 || ${#KR_SANITIZE})) ||
		fail "$before KiB, then $(resident)"
	peers_end
	within 10 body_works 1000000
}

body_has_no_room() { # BYTES
	raw "${POST_ECHO[@]}" params: "body:$1" stdin:
	[[ $said == *'answer 503 '* ]]
}

body_works() { # BYTES
	raw "${POST_ECHO[@]}" params: "body:$1" stdin:
	[[ $said == *'answer 200 '* ]]
}

@test "who finds no room for its body is told so, and to come again" {
	body_start -o server.max_body=512KiB -o server.body_memory=1MiB
	peers_start holders -n 2 -t 20000 "$KR_SOCKET" "${POST_ECHO[@]}" \
		params: body:520000
	within 20 peers_ready holders
	within 10 body_has_no_room 520000
	hello_at_once
	peers_end
	within 10 body_works 520000
}
