# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# How often the guard lets a password be wrong, and that nobody can lock out
# somebody else.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/hostile.bash
source "$BATS_TEST_DIRNAME/lib/hostile.bash"
# shellcheck source=lib/guard.bash
source "$BATS_TEST_DIRNAME/lib/guard.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# A window that does not end in the midst of a test.
throttle_start() { # [OPTION...]
	guard_start -o guard.tries_window=1d "$@"
}

expect_throttled() {
	[[ $code == 429 ]] || fail "expected 429" "$code $body" "$headers"
	[[ $(header Retry-After) =~ ^[1-9][0-9]*$ ]] ||
		fail "no Retry-After" "$headers"
	expect_no_header Set-Cookie
}

try() { # USER PASSWORD [FCGI_CLIENT OPTION...]
	post "${@:3}" /auth/login "user=$1" "password=$2"
}

@test "after some failures the right password is not tried either" {
	throttle_start -o guard.tries_user_address=3
	for _ in 1 2 3; do
		fail_in max
	done
	try max secret
	expect_throttled
	(($(header Retry-After) <= 86400))
	[[ $body == *'too many wrong passwords'* && $body == *'<form'* ]]
	audited throttled 'user="max" address="192.0.2.1"'
	try max secret "${JSON[@]}"
	expect_throttled
	[ "$(jq -r .error <<<"$body")" = 'There were too many wrong passwords.' ]
	[ "$(jq -r .retry_after <<<"$body")" = "$(header Retry-After)" ]
}

@test "while it is throttled no password is computed" {
	local slow
	htpasswd -cbB -C 12 "$STACK/passwords" max pw 2>/dev/null
	throttle_start -o guard.tries_user_address=1
	fail_in max
	slow=$ms
	try max pw
	expect_throttled
	((ms * 4 < slow)) || fail "$ms ms, and $slow ms before"
}

@test "another user and another address go on" {
	throttle_start -o guard.tries_user_address=2
	fail_in max && fail_in max
	try max secret
	expect_throttled
	sign_in eve other
	ADDRESS=192.0.2.2 sign_in max secret
}

@test "an address is throttled whatever names it tries" {
	throttle_start -o guard.tries_address=4
	for user in a b c d; do
		fail_in "$user"
	done
	try max secret
	expect_throttled
	ADDRESS=192.0.2.2 sign_in max secret
}

@test "a network of IPv6 is one address, and IPv4 mapped into it is IPv4" {
	throttle_start -o guard.tries_address=2
	ADDRESS=2001:db8::1 fail_in a
	ADDRESS=2001:db8::2:3:4:5 fail_in b
	ADDRESS=2001:db8::ffff try max secret
	expect_throttled
	ADDRESS=2001:db8:0:1::1 sign_in max secret
	ADDRESS=192.0.2.9 fail_in a
	ADDRESS=::ffff:192.0.2.9 fail_in b
	ADDRESS=192.0.2.9 try max secret
	expect_throttled
}

@test "what a client says of its address is not believed" {
	throttle_start -o guard.tries_user_address=2
	for i in 1 2; do
		fail_in max -p HTTP_X_FORWARDED_FOR="198.51.100.$i" \
			-p HTTP_FORWARDED="for=198.51.100.$i" \
			-p HTTP_X_REAL_IP="198.51.100.$i"
	done
	try max secret -p HTTP_X_FORWARDED_FOR=198.51.100.3
	expect_throttled
}

@test "failures from everywhere do not lock out who is known there" {
	throttle_start -o guard.tries_user=5
	sign_in max secret
	[ -n "$device" ]
	for i in 1 2 3 4 5; do
		ADDRESS=198.51.100.$i fail_in max
	done
	ADDRESS=203.0.113.1 try max secret
	expect_throttled
	ADDRESS=203.0.113.1 try max secret -c "Kr.Session-device=$device"
	[ "$code" = 303 ]
	expect_no_device
}

# One that is known keeps its cookie.
expect_no_device() {
	[ -z "$(device_value)" ]
}

@test "a known device has a limit of its own" {
	throttle_start -o guard.tries_user_address=2
	sign_in max secret
	fail_in max -c "Kr.Session-device=$device"
	fail_in max -c "Kr.Session-device=$device"
	try max secret -c "Kr.Session-device=$device"
	expect_throttled
	try max secret
	[ "$code" = 303 ]
}

@test "a device is known of the user who signed in on it, and a made-up one not" {
	throttle_start -o guard.tries_user_address=1
	sign_in eve other
	fail_in max
	for value in "$device" "$(printf '%064d' 0)" x ''; do
		try max secret -c "Kr.Session-device=$value"
		expect_throttled
	done
}

@test "the cookie of a device has the attributes of the session's" {
	throttle_start -o cookie.name=__Host-kr
	try max secret
	[ "$code" = 303 ]
	[[ $(header Set-Cookie | grep '^__Host-kr-device=') == \
		*'; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax' ]]
}

@test "after the window one may try again" {
	guard_start -o guard.tries_window=2s -o guard.tries_user_address=1
	fail_in max
	within 10 lets_in
}

lets_in() {
	try max secret
	[ "$code" = 303 ]
}

@test "the password that is wanted again is throttled too" {
	throttle_start -o guard.tries_user_address=2
	sign_in max secret
	for _ in 1 2; do
		post -c "Kr.Session=$cookie" /auth/step-up password=wrong
		[ "$code" = 401 ]
	done
	post -c "Kr.Session=$cookie" /auth/step-up password=secret
	expect_throttled
	check_as "$cookie"
	expect_user max
}

@test "many at once go past a limit by as many as run at once" {
	local right
	throttle_start -o guard.tries_user_address=3 -o server.threads=2
	"$KR_BUILD/tests/fcgi_client" -q -n 40 -m POST -b 'user=max&password=x' \
		-p CONTENT_TYPE=application/x-www-form-urlencoded \
		-p REMOTE_ADDR=192.0.2.1 "$KR_SOCKET" /auth/login >"$STACK/answers"
	[ "$(grep -cE '^(401|429) ' "$STACK/answers")" = 40 ]
	right=$(grep -c '^401 ' "$STACK/answers")
	((right >= 3 && right <= 5)) || fail "$right were tried"
}

@test "counters are shared by processes, and tell neither names nor addresses" {
	redis_start
	throttle_start -o store.kind=redis -o guard.tries_user_address=2
	kr_listen other "$KR_GUARD" "unix:$STACK/other.sock" \
		-o guard.tries_window=1d -o guard.tries_user_address=2 \
		-o "guard.password_file=$STACK/passwords"
	within 10 kr_answers "$STACK/other.sock" /auth/login
	fail_in max && fail_in max
	ask_at "$STACK/other.sock" -m POST -b 'user=max&password=secret' \
		-p CONTENT_TYPE=application/x-www-form-urlencoded \
		-p REMOTE_ADDR=192.0.2.1 /auth/login
	expect_throttled
	rcli --scan >"$STACK/keys"
	grep -q guard: "$STACK/keys"
	if grep -qE 'max|192\.0\.2' "$STACK/keys"; then false; fi
	server_stop other
}
