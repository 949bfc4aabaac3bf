# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# The guard's login: names and passwords, right and wrong, and the file that
# they are in.

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

@test "the right password opens a session and leads back" {
	guard_start
	ask '/auth/login?rd=/a%3Fb'
	[ "$code" = 200 ] && [[ $body == *'value="/a?b"'* ]]
	post -p 'HTTP_USER_AGENT=Mozilla/5.0 (X11; Linux) Firefox/128.0' \
		/auth/login user=max password=secret 'rd=/a?b'
	[ "$code" = 303 ]
	expect_header Location '/a?b'
	cookie=$(cookie_value)
	check_as "$cookie"
	expect_user max
	audited login 'user="max" address="192.0.2.1"' "session=${cookie:0:22}"
}

@test "scripts get JSON" {
	guard_start
	post "${JSON[@]}" /auth/login user=max password=secret rd=/x
	expect_json 200 '{"user":"max","rd":"/x"}'
	[ -n "$(cookie_value)" ]
	post "${JSON[@]}" /auth/login user=max password=wrong
	expect_json 401 '{"error":"The name or the password is wrong."}'
	expect_no_header Set-Cookie
}

@test "a wrong password, a wrong name and none at all are answered the same" {
	local said
	guard_start -o guard.tries_address=1000
	post /auth/login user=max password=wrong
	[ "$code" = 401 ] && [[ $body == *'name or the password is wrong'* ]]
	expect_header WWW-Authenticate Session
	expect_no_header Set-Cookie
	said=${body//max/NAME}
	post /auth/login user=xam password=secret
	[ "$code" = 401 ] && [ "${body//xam/NAME}" = "$said" ]
	for fields in 'user=max' 'password=secret' 'user=&password=' \
		'user=max&password=' "user=max&password=$(printf '%0600d' 0)" \
		"user=$(printf '%0300d' 0)&password=secret" \
		'user=max%01&password=secret' 'user=MAX&password=secret'; do
		ask -m POST -b "$fields" -p CONTENT_TYPE=application/x-www-form-urlencoded \
			/auth/login
		[ "$code" = 401 ] || fail "$fields" "$code $body"
		expect_no_header Set-Cookie
	done
	audited failure 'user="xam"'
}

@test "a login elsewhere is not what the client asks for" {
	guard_start
	for rd in //evil.example 'https://evil.example/' '/\evil.example' \
		$'/\t/evil.example' /auth/login 'javascript:alert(1)' \
		$'/x\r\nX-Evil: 1'; do
		post /auth/login user=max password=secret "rd=$rd"
		[ "$code" = 303 ]
		expect_header Location /
		ask "/auth/login?rd=$(escaped "$rd")"
		[[ $body != *evil* && $body != *javascript* ]]
	done
}

@test "hosts that are allowed are gone back to" {
	guard_start -o 'guard.allow_hosts=app.example.com' -o guard.home=/start
	post /auth/login user=max password=secret rd=https://app.example.com/x
	expect_header Location https://app.example.com/x
	post /auth/login user=max password=secret rd=https://app.example.com.evil/
	expect_header Location /start
}

@test "a form of another site signs nobody in" {
	guard_start
	for from in HTTP_SEC_FETCH_SITE=cross-site HTTP_SEC_FETCH_SITE=same-site \
		HTTP_ORIGIN=https://evil.example HTTP_ORIGIN=null \
		HTTP_ORIGIN=https://here.example.evil; do
		post -p HTTP_HOST=here.example -p "$from" \
			/auth/login user=max password=secret
		[ "$code" = 403 ] || fail "$from: $code $body"
		expect_no_header Set-Cookie
	done
	for from in HTTP_SEC_FETCH_SITE=same-origin HTTP_SEC_FETCH_SITE=none \
		HTTP_ORIGIN=https://here.example HTTP_ORIGIN=https://HERE.example; do
		post -p HTTP_HOST=here.example -p "$from" \
			/auth/login user=max password=secret
		[ "$code" = 303 ] || fail "$from: $code $body"
	done
}

@test "a link on another site may lead to the page" {
	guard_start
	ask "${NAVIGATION[@]}" -p HTTP_SEC_FETCH_SITE=cross-site /auth/login
	[ "$code" = 200 ]
}

@test "a login gives the session a new secret" {
	local before
	guard_start
	sign_in max secret
	before=$cookie
	sign_in max secret -c "Kr.Session=$before"
	[ "${cookie:0:22}" = "${before:0:22}" ]
	[ "$cookie" != "$before" ]
	check_as "$before"
	[ "$code" = 401 ]
	check_as "$cookie"
	expect_user max
}

@test "another user's login ends the session that was there" {
	local before
	guard_start
	sign_in max secret
	before=$cookie
	sign_in eve other -c "Kr.Session=$before"
	[ "${cookie:0:22}" != "${before:0:22}" ]
	check_as "$before"
	[ "$code" = 401 ]
	check_as "$cookie"
	expect_user eve
}

@test "who has signed in is told so, and not asked again" {
	guard_start
	sign_in max secret
	ask_as "$cookie" '/auth/login?rd=/x'
	[ "$code" = 200 ]
	[[ $body == *max* && $body == *'href="/x"'* && $body != *'name="password"'* ]]
}

@test "remember me is offered only where it is allowed" {
	guard_start -o guard.remember=7d -o session.absolute_timeout=30d
	ask /auth/login
	[[ $body == *'name="remember"'* ]]
	post /auth/login user=max password=secret remember=1
	[[ $(header Set-Cookie | grep '^Kr.Session=') == *'Max-Age='* ]]
	post /auth/login user=max password=secret
	[[ $(header Set-Cookie | grep '^Kr.Session=') != *'Max-Age='* ]]
	server_stop krsessiond
	guard_start
	ask /auth/login
	[[ $body != *'name="remember"'* ]]
	post /auth/login user=max password=secret remember=1
	[[ $(header Set-Cookie | grep '^Kr.Session=') != *'Max-Age='* ]]
}

@test "what is typed in cannot forge a line of the log" {
	guard_start
	fail_in $'x" event=login user="root\r\n2026 info audit event=login user="eve"'
	if audited login; then false; fi
	audited failure 'user="x\" event\x3dlogin user\x3d\"root\x0d\x0a2026'
	[ "$(log_count 'audit event=failure')" = 1 ]
}

@test "no password is in the log" {
	guard_start
	post /auth/login user=max password=horse-battery
	sign_in max secret
	if grep -qF horse-battery "$STACK/krsessiond.log"; then false; fi
	if grep -qF 'secret' "$STACK/krsessiond.log"; then false; fi
}

# ---- the file of passwords ----------------------------------------------

@test "hashes of htpasswd and mkpasswd are taken" {
	local kind
	htpasswd -cbB -C 5 "$STACK/passwords" bcrypt pw 2>/dev/null
	for kind in yescrypt gost-yescrypt scrypt bcrypt-a sha512crypt; do
		echo "$kind:$(mkpasswd -m "$kind" pw):$kind"
	done >>"$STACK/passwords"
	guard_start
	for kind in bcrypt yescrypt gost-yescrypt scrypt bcrypt-a sha512crypt; do
		sign_in "$kind" pw
		check_as "$cookie"
		expect_user "$kind"
	done
}

@test "a name that is not there takes as long as one that is" {
	local there=() away=() known unknown
	htpasswd -cbB -C 9 "$STACK/passwords" max pw 2>/dev/null
	guard_start -o guard.tries_user_address=1000 -o guard.tries_user=1000 \
		-o guard.tries_address=1000
	for i in {1..7}; do
		fail_in max
		there+=("$ms")
		fail_in "nobody$i"
		away+=("$ms")
	done
	known=$(median "${there[@]}") unknown=$(median "${away[@]}")
	((known > 10 && known < 2 * unknown && unknown < 2 * known)) ||
		fail "known: $known ms, unknown: $unknown ms"
}

median() { # SEVEN NUMBERS
	printf '%s\n' "$@" | sort -n | sed -n 4p
}

@test "the file is read again when it changes" {
	guard_start -o guard.tries_user_address=1000 -o guard.tries_user=1000 \
		-o guard.tries_address=1000
	fail_in new
	echo "new:$(mkpasswd -m sha512crypt -R 1000 pw)" >>"$STACK/passwords"
	within 10 signs_in new pw
	log_has 'passwords has changed and was read again, 3 users'
}

signs_in() { # USER PASSWORD
	post /auth/login "user=$1" "password=$2"
	[ "$code" = 303 ]
}

@test "who is taken out of the file is out at once, and stays out" {
	guard_start -o guard.tries_user_address=1000 -o guard.tries_user=1000 \
		-o guard.tries_address=1000
	sign_in max secret
	cp "$STACK/passwords" "$STACK/before"
	sed -i /^max:/d "$STACK/passwords"
	within 10 check_is_401
	expect_no_header Set-Cookie
	audited ended 'user="max"' reason=user-removed
	cp "$STACK/before" "$STACK/passwords"
	within 10 signs_in max secret
	check_as "$cookie"
	expect_nobody
}

check_is_401() {
	check_as "$cookie"
	[ "$code" = 401 ]
}

@test "a new password and a lock end the sessions from before" {
	guard_start
	sign_in max secret
	sed -i "s|^max:.*|max:$(mkpasswd -m sha512crypt -R 1000 new)|" \
		"$STACK/passwords"
	within 10 check_is_401
	audited ended 'user="max"' reason=password-changed
	sign_in max new
	sed -i 's|^max:|&!|' "$STACK/passwords"
	within 10 check_is_401
	post /auth/login user=max password=new
	[ "$code" = 401 ]
}

# bats test_tags=slow
@test "a file that turns bad is said so, and what was read before stays" {
	guard_start
	sign_in max secret
	echo nonsense >>"$STACK/passwords"
	within 10 log_has 'passwords:3: must be NAME:HASH.*stays in force' ||
		check_as "$cookie"
	check_as "$cookie"
	expect_user max
	rm "$STACK/passwords"
	within 10 cannot_be_read
	sign_in eve other
}

cannot_be_read() {
	check_as "$cookie"
	log_has 'passwords: cannot be read: No such file'
}

# ---- groups -------------------------------------------------------------

@test "groups come from both files, and change with them" {
	guard_passwords
	printf 'admin: max\nops: eve max\n' >"$STACK/groups"
	guard_start -o "guard.group_file=$STACK/groups"
	sign_in max secret
	check_as "$cookie" -p KR_REQUIRE=group:admin
	expect_header X-Session-Groups admin,ops
	sign_in eve other
	check_as "$cookie"
	expect_header X-Session-Groups admin,staff,ops
	echo 'ops: max' >"$STACK/groups"
	within 10 eve_has admin,staff
	check_as "$cookie" -p KR_REQUIRE=group:ops
	[ "$code" = 403 ]
}

eve_has() { # GROUPS
	check_as "$cookie"
	[ "$(header X-Session-Groups)" = "$1" ]
}

# ---- when the store is away ---------------------------------------------

@test "without its store the guard says so, and nobody gets in" {
	redis_start
	guard_passwords
	guard_start -o store.kind=redis -o session.io_timeout=500ms
	sign_in max secret
	redis_stop_hard
	check_as "$cookie"
	[ "$code" = 503 ]
	expect_no_header X-Session-User
	ask_as "$cookie" "${NAVIGATION[@]}" /auth/login
	[ "$code" = 503 ]
	[[ $body == *'cannot remember who you are'* ]]
	[[ $(header Retry-After) =~ ^[0-9]+$ ]]
	post "${NAVIGATION[@]}" /auth/login user=max password=secret
	[ "$code" = 503 ] && [[ $body == *'<html'* ]]
	expect_no_header Set-Cookie
	ask "${NAVIGATION[@]}" /auth/login
	[ "$code" = 200 ]
	ask /auth/check
	[ "$code" = 401 ]
}
