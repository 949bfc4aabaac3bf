# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031,SC2119,SC2154
#
# The guard's configuration, and saslauthd in the place of a file of passwords.

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
	guard_passwords
}

teardown() {
	stack_close
}

guard() { # ARGUMENT...
	timeout 10 "$KR_GUARD" "$@" </dev/null
}

# -t refuses it and says all these words, and so does a start.
refuses() { # "ARGUMENTS" WORD...
	local arguments word option
	read -ra arguments <<<"$1"
	for option in -t ''; do
		run guard "${arguments[@]}" -l "unix:$KR_SOCKET" \
			${option:+"$option"}
		[ "$status" -eq 2 ] || fail "status $status" "$output"
		for word in "${@:2}"; do
			[[ $output == *"$word"* ]] ||
				fail "no '$word' in:" "$output"
		done
	done
}

@test "-h, -V and -t are those of every program" {
	run guard -h
	[ "$status" -eq 0 ] && [[ $output == *'-t '* ]]
	run guard -V
	[ "$status" -eq 0 ] && [[ $output =~ [0-9]+\.[0-9]+\.[0-9]+ ]]
	run guard -t -o "guard.password_file=$STACK/passwords"
	[ "$status" -eq 0 ] && [[ $output == *'is good'* ]]
}

@test "options come from a file, the environment and the command line" {
	local conf=$STACK/guard.conf
	printf '[guard]\npath = /one\npassword_file = %s\n[store]\nkind = memory\n' \
		"$STACK/passwords" >"$conf"
	run guard -c "$conf" -t
	[ "$status" -eq 0 ]
	KRSESSION_GUARD_PATH=/two run guard -c "$conf" -t
	[ "$status" -eq 0 ]
	KRSESSION_GUARD_PATH=nonsense refuses "-c $conf" 'guard.path = nonsense'
	printf 'pth = /x\n' >>"$conf"
	KRSESSION_GUARD_PATH='' refuses "-c $conf" "$conf:6:"
}

@test "what is no option is explained" {
	refuses '-o guard.pasword_file=x' 'guard.pasword_file: no such option' \
		'did you mean guard.password_file?'
	refuses '-o guard.nothing=x' 'this section has path, url, home'
	refuses '-o gard.x=y' 'no such section' 'guard'
	refuses '-o guard.tries_user=0' 'guard.tries_user=0: must be a number of failures from 1 to 1000000'
	refuses '-o guard.fresh=1w' 'must be a time from 1s to 1d, such as 5m'
	KRSESSION_GUARD_PAHT=/x refuses '' 'KRSESSION_GUARD_PAHT: names no option' \
		'KRSESSION_GUARD_PATH'
}

@test "krsessiond has no section guard" {
	run timeout 10 "$KR_DAEMON" -t -o guard.path=/x
	[ "$status" -eq 2 ] && [[ $output == *'no such section'* ]]
}

@test "rules between options are checked" {
	refuses '' 'guard.password_file, guard.saslauthd_socket: one of them must be given'
	refuses "-o guard.password_file=x -o guard.saslauthd_socket=y" \
		'must not both be given'
	for path in auth /auth/ //auth '/a/../b' '/a"b' '/a?b' '/a*'; do
		refuses "-o guard.password_file=x -o guard.path=$path" \
			'guard.path' 'must be a path such as /auth'
	done
	for home in x //evil.example 'https://evil.example/'; do
		refuses "-o guard.password_file=x -o guard.home=$home" \
			'guard.home' 'must be a path'
	done
	refuses "-o guard.password_file=x -o guard.remember=30d" \
		'must not be more than session.absolute_timeout'
	refuses "-o guard.password_file=$STACK/passwords -o guard.allow_hosts=a/b" \
		'https://a/b is no origin'
	refuses "-o guard.password_file=$STACK/passwords -o guard.url=/login" \
		'/login is no origin'
}

@test "a bad file is named with its line" {
	refuses '-o guard.password_file=/nowhere' \
		'/nowhere: cannot be read: No such file or directory'
	echo 'bob:plain' >>"$STACK/passwords"
	refuses "-o guard.password_file=$STACK/passwords" \
		"$STACK/passwords:3: has no password that crypt(3) holds safe"
	guard_passwords
	echo 'x y' >"$STACK/groups"
	refuses "-o guard.password_file=$STACK/passwords -o guard.group_file=$STACK/groups" \
		"$STACK/groups:1: must be GROUP: NAME NAME"
}

@test "its pages are where guard.path says, and its login where guard.url does" {
	kr_listen krsessiond "$KR_GUARD" "unix:$KR_SOCKET" -o store.kind=memory \
		-o "guard.password_file=$STACK/passwords" -o guard.path=/x/y \
		-o guard.url=https://login.example.com -o guard.title='A & B'
	within 10 kr_answers "$KR_SOCKET" /x/y/login
	ask /auth/login
	[ "$code" = 404 ]
	ask "${NAVIGATION[@]}" -p KR_URI=/z /x/y/challenge
	expect_header Location 'https://login.example.com/x/y/login?rd=/z'
	ask /x/y/login
	[[ $body == *'A &amp; B'* && $body == *'action="/x/y/login"'* ]]
}

@test "it has a cookie and keys of its own" {
	redis_start
	server_start krsessiond "$KR_GUARD" -l "unix:$KR_SOCKET" \
		-o "redis.endpoint=unix://$STACK/redis.sock" \
		-o "guard.password_file=$STACK/passwords"
	within 10 kr_answers "$KR_SOCKET" /auth/login
	post /auth/login user=max password=secret
	[[ $(header Set-Cookie) == *'__Host-krguard='*'Secure'* ]]
	rcli --scan | grep -q '^krguard_'
	if rcli --scan | grep -v '^krguard_'; then false; fi
}

@test "krsessionctl --guard has its defaults and passes over its section" {
	local guard=$KR_INSTALLED/bin/krsessionctl
	redis_start
	printf '[guard]\npassword_file = %s\n[redis]\nendpoint = unix://%s\n' \
		"$STACK/passwords" "$STACK/redis.sock" >"$STACK/guard.conf"
	server_start krsessiond "$KR_GUARD" -c "$STACK/guard.conf" \
		-l "unix:$KR_SOCKET"
	within 10 kr_answers "$KR_SOCKET" /auth/login
	post /auth/login user=max password=secret
	run "$guard" --guard -c "$STACK/guard.conf" count --user max
	[ "$status" -eq 0 ] && [ "$output" = 1 ]
	run "$guard" --guard -c "$STACK/guard.conf" end --user max
	[ "$status" -eq 0 ]
	run "$guard" --guard -c "$STACK/guard.conf" count
	[ "$output" = 0 ]
	run "$guard" -c "$STACK/guard.conf" count
	[ "$status" -eq 2 ] && [[ $output == *guard* ]]
	grep -qx '#     store.path          = /var/lib/krsession-guard/sessions.sqlite' \
		"$KR_ROOT/conf/krsession-guard.conf"
	run "$guard" --guard -o store.kind=sqlite count
	[[ $output == *'/var/lib/krsession-guard/sessions.sqlite'* ]]
}

@test "a reload keeps sessions, and takes the configuration as it is then" {
	redis_start
	printf '[guard]\ntitle = Before\npassword_file = %s\n' \
		"$STACK/passwords" >"$STACK/guard.conf"
	server_start krsessiond "$KR_GUARD" -c "$STACK/guard.conf" \
		-l "unix:$KR_SOCKET" -o cookie.name=Kr.Session \
		-o "redis.endpoint=unix://$STACK/redis.sock"
	within 10 kr_answers "$KR_SOCKET" /auth/login
	sign_in max secret
	sed -i 's/Before/After/' "$STACK/guard.conf"
	kill -HUP "$(server_pid krsessiond)"
	within 20 says_after
	check_as "$cookie"
	expect_user max
	echo nonsense >>"$STACK/passwords"
	kill -HUP "$(server_pid krsessiond)"
	within 20 log_has 'passwords:3: must be NAME:HASH'
	check_as "$cookie"
	expect_user max
}

says_after() {
	ask /auth/login
	[[ $body == *After* ]]
}

# ---- saslauthd ----------------------------------------------------------

# A real one, on a shadow file of its own.
saslauthd_start() {
	mkdir "$STACK/sasl"
	{ cat /etc/passwd && echo 'kim:x:64321:64321::/:/bin/false'; } \
		>"$STACK/etc-passwd"
	echo "kim:$(mkpasswd -m sha512crypt pw):19000:0:99999:7:::" \
		>"$STACK/etc-shadow"
	# shellcheck disable=SC2016 # that shell expands it
	server_start saslauthd unshare -rm sh -c '
		mount --bind "$0/etc-passwd" /etc/passwd &&
		mount --bind "$0/etc-shadow" /etc/shadow &&
		exec saslauthd -a shadow -m "$0/sasl" -n 1 -d' "$STACK"
	within 10 test -S "$STACK/sasl/mux" || fail "saslauthd does not start" \
		"$(cat "$STACK/saslauthd.log")"
}

sasl_start() { # [OPTION...]
	kr_listen krsessiond "$KR_GUARD" "unix:$KR_SOCKET" -o store.kind=memory \
		-o "guard.saslauthd_socket=$STACK/sasl/mux" "$@"
	within 10 kr_answers "$KR_SOCKET" /auth/login
}

@test "saslauthd says whose passwords are right" {
	saslauthd_start
	printf 'ops: kim\n' >"$STACK/groups"
	sasl_start -o "guard.group_file=$STACK/groups"
	sign_in kim pw
	check_as "$cookie"
	expect_user kim
	expect_header X-Session-Groups ops
	post /auth/login user=kim password=wrong
	[ "$code" = 401 ]
	post /auth/login user=nobody-there password=pw
	[ "$code" = 401 ]
	post /auth/login user=kim password=
	[ "$code" = 401 ]
}

@test "without saslauthd the login says so, and sessions go on" {
	saslauthd_start
	sasl_start -o guard.tries_user_address=1
	sign_in kim pw
	server_kill saslauthd
	rm -f "$STACK/sasl/mux"
	post /auth/login user=kim password=pw
	[ "$code" = 503 ] && [[ $body == *'cannot be checked'* ]]
	post "${JSON[@]}" /auth/login user=kim password=pw
	[ "$code" = 503 ] # and is no failure of the user's
	audited failure 'user="kim"' reason=away
	log_has 'saslauthd at .*sasl/mux: No such file'
	check_as "$cookie"
	expect_user kim
}
