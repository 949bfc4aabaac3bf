# shellcheck shell=bash
#
# Requests and what is expected of their answers. `visit` and `fetch` are
# curl through a front server, `ask` is FastCGI straight to the daemon; all
# leave the answer in $code, $headers and $body.

# A well-formed cookie value that no server ever gave out.
# shellcheck disable=SC2034 # for the tests
FORGED=BBBBBBBBBBBBBBBBBBBBBA$(printf 'C%.0s' {1..42})A

# As a browser: keeps cookies from one visit to the next within a test.
visit() { # [CURL OPTION...] PATH
	fetch --cookie "$BATS_TEST_TMPDIR/jar" \
		--cookie-jar "$BATS_TEST_TMPDIR/jar" "$@"
}

# Sends the cookie's value and no other.
visit_as() { # VALUE [CURL OPTION...] PATH
	local value=$1
	shift
	fetch --header "Cookie: Kr.Session=$value" "$@"
}

fetch() { # [CURL OPTION...] PATH
	local out=$BATS_TEST_TMPDIR/answer
	: >"$out.body"
	code=$(curl --silent --show-error --noproxy '*' --max-time 20 --globoff \
		--cacert "$STACK/tls.crt" --dump-header "$out.headers" \
		--output "$out.body" --write-out '%{http_code}' \
		"${@:1:$#-1}" "$URL${*: -1}")
	# Of HEAD, curl puts the headers where the body belongs.
	! cmp -s "$out.headers" "$out.body" || : >"$out.body"
	headers=$(tr -d '\r' <"$out.headers")
	body=$(cat "$out.body" && printf x)
	body=${body%x}
	remember_secret
}

# $ms and $retry are the time it took and the Retry-After header, or "-".
ask() { # [FCGI_CLIENT OPTION...] PATH
	ask_at "$KR_SOCKET" "$@"
}

ask_at() { # ADDRESS [FCGI_CLIENT OPTION...] PATH
	local address=$1 answer
	shift
	answer=$("$KR_BUILD/tests/fcgi_client" "${@:1:$#-1}" "$address" \
		"${*: -1}" && printf x)
	# shellcheck disable=SC2034 # $ms and $retry are for the tests
	read -r code ms retry <<<"${answer%%$'\n'*}"
	answer=${answer#*$'\n'}
	headers=${answer%%$'\r\n\r\n'*}
	headers=${headers//$'\r'/}
	body=${answer#*$'\r\n\r\n'}
	body=${body%$'\nx'}
	remember_secret
}

ask_as() { # VALUE [FCGI_CLIENT OPTION...] PATH
	local value=$1
	shift
	ask -c "Kr.Session=$value" "$@"
}

# Makes a session, twice written to, so that scripts and connections are
# there; its cookie is left in $cookie.
warm_session() {
	ask /session/counter
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
}

# stack_close looks for it where it must not be.
remember_secret() {
	local value
	value=$(cookie_value)
	((${#value} < 65)) || echo "${value:22}" >>"$STACK/secrets"
}

# ---- what came ----------------------------------------------------------

header() { # NAME
	sed -n "s/^$1: //Ip" <<<"$headers"
}

# The cookie's value as the answer sets it.
cookie_value() {
	header Set-Cookie | sed -n 's/^Kr\.Session=\([^;]*\).*/\1/p'
}

# Its attributes, sorted: their order means nothing.
cookie_attributes() {
	header Set-Cookie | cut -d';' -f2- | tr ';' '\n' |
		sed 's/^ //; s/^Expires=.*/Expires/' | sort | paste -sd' '
}

expect() { # STATUS BODY
	[[ $code == "$1" && $body == "$2" ]] ||
		fail "expected $1 $2" "got      $code $body" "$headers"
}

expect_json() { # STATUS BODY
	expect "$1" "$2" &&
		expect_header Content-Type 'application/json; charset=utf-8'
}

expect_header() { # NAME VALUE
	[[ $(header "$1") == "$2" ]] || fail "expected $1: $2" "got:" "$headers"
}

expect_no_header() { # NAME
	[[ -z $(header "$1") ]] || fail "did not expect $1" "got:" "$headers"
}

# Refused for what it says: 400 with a reason in JSON.
expect_bad_request() {
	[[ $code == 400 && $body =~ ^\{\"error\":\"[^\"]+\"\}$ ]] ||
		fail "expected 400 with an error" "got $code $body" "$headers"
}

# Refused because the store is away.
expect_unavailable() {
	expect_json 503 '{"error":"Session store unavailable"}' || return
	[[ $(header Retry-After) =~ ^[0-9]+$ ]] ||
		fail "expected a Retry-After" "$headers"
}
