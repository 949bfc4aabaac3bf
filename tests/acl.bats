# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Users of Redis: who may do what, and what happens to us when we may not.
# That every route works under the smallest ACL is seen in routes_tls.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
	acl_read_options single
	redis_start_tcp "${ACL[@]}"
}

teardown() {
	stack_close
}

kr_start_as() { # [USER:PASSWORD, as in a URL [OPTION...]]
	kr_start -o "redis.endpoint=redis://${1-$LOGIN:$ESCAPED}@127.0.0.1:$PORT" \
		"${@:2}"
}

counter_works() {
	kr_answers "$KR_SOCKET" /session/counter
}

# Makes a session with a counter of 1; its cookie is left in $cookie.
new_session() {
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	cookie=$(cookie_value)
}

expect_logged() { # TEXT
	grep -qaF -e "$1" "$STACK/krsessiond.log" ||
		fail "not logged: $1" "$(grep -a redis "$STACK/krsessiond.log")"
}

# Neither spelling of the password may be anywhere.
expect_no_password_logged() {
	run grep -aF -e "$SECRET" -e "$ESCAPED" "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

@test "user and password of a URL are percent-decoded" {
	kr_start_as
	new_session
	[[ $(rcli client list) == *"user=$LOGIN "* ]]
	expect_no_password_logged
}

@test "a user without a password is the one that Redis knows us as" {
	rcli acl setuser visitor on nopass '~*' '&*' +@all >/dev/null
	kr_start_as visitor
	new_session
	[[ $(rcli client list) == *"user=visitor "* ]]
}

@test "a user without the password that it needs is refused, not left out" {
	kr_start_as "$LOGIN"
	ask /session/counter
	expect 503 '{"error":"Session store unavailable"}'
	expect_logged WRONGPASS
}

@test "the smallest ACL leaves nothing for the ACL log" {
	kr_start_as "$LOGIN:$ESCAPED" -o session.max_per_user=1
	new_session
	ask_as "$cookie" /session/counter
	rcli script flush
	ask_as "$cookie" '/session/login?user=max'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	ask '/session/login?user=max'
	[ "$code" = 200 ]
	ask_as "$cookie" /session/whoami
	[ "$code" = 401 ]
	ask '/session/login?user=moritz'
	ask_as "$(cookie_value)" /session/logout
	[ "$code" = 200 ]
	[ -z "$(rcli acl log)" ]
}

@test "the smallest ACL has no rule to spare" {
	local rule rules
	kr_start_as "$LOGIN:$ESCAPED" -o session.max_per_user=1
	read -ra rules < <(acl_rules single)
	for rule in "${rules[@]}"; do
		# A name is not worth a failure, no route removes a value, and
		# none counts.
		[[ $rule != -* && $rule != *setname && $rule != +hdel &&
			$rule != +incrby ]] || continue
		within 5 counter_works
		new_session
		ask '/session/login?user=max'
		rcli del KestrunSession_@ended
		rcli acl setuser "$LOGIN" "-${rule#+}"
		rcli acl log reset
		rcli script flush
		ask_as "$cookie" /session/counter
		ask_as "$cookie" /session/logout
		ask /session/counter
		ask '/session/login?user=max'
		ask_as "$(cookie_value)" /session/whoami
		ask_as "$(cookie_value)" /session/logout
		[ -n "$(rcli acl log)" ] || fail "$rule is not needed"
		rcli acl setuser "$LOGIN" "$rule"
	done
}

served_from_memory() {
	ask_as "$cookie" /session/whoami
	[[ $(kr_metric krsession_cache_hits_total) -gt 0 ]]
}

kr_metric() { # NAME
	"$KR_BUILD/tests/fcgi_client" "$KR_SOCKET" /metrics |
		sed -n "s/^$1 //p"
}

@test "session.cache takes what README says, and says so without one of them" {
	local rule rules
	WITH_CACHE=yes read -ra rules < <(readme_cache_rules)
	[ "${#rules[@]}" -eq 3 ]
	rcli acl setuser "$LOGIN" "${rules[@]}"
	rcli acl log reset
	kr_start_as "$LOGIN:$ESCAPED" -o session.cache=50ms
	new_session
	within 10 served_from_memory
	[ -z "$(rcli acl log)" ]
	for rule in "${rules[@]}"; do
		server_stop krsessiond
		rm "$STACK/krsessiond.log"
		rcli acl setuser "$LOGIN" "-${rule#+}"
		kr_start_as "$LOGIN:$ESCAPED" -o session.cache=50ms
		new_session
		within 10 says_no_cache
		[ "$(kr_metric krsession_cache_hits_total)" -eq 0 ]
		rcli acl setuser "$LOGIN" "$rule"
	done
}

says_no_cache() {
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
	grep -qa 'cannot tell what changes' "$STACK/krsessiond.log"
}

@test "without the rights for logins sessions go on, and logins say why not" {
	local rule
	kr_start_as
	new_session
	ask '/session/login?user=max'
	in=$(cookie_value)
	for rule in +{pttl,time,incrby,xadd,xread,xrevrange} \
		+z{add,card,range,rem,remrangebyscore,score}; do
		rcli acl setuser "$LOGIN" "-${rule#+}"
	done
	for _ in {1..3}; do
		ask '/session/login?user=max'
		expect_unavailable
		expect_no_header Set-Cookie
		ask_as "$in" /session/whoami
		expect_unavailable
		ask_as "$cookie" '/session/login?user=max'
		expect_unavailable
		ask_as "$cookie" /session/counter
		[ "$code" = 200 ]
		ask_as "$cookie" /session/whoami
		[ "$code" = 401 ]
	done
	expect 401 '{"error":"No active session or user not set"}'
	expect_logged 'logins and what they made answer 503 until our user may'
	[ "$(rcli --scan --pattern 'KestrunSession_??????????????????????' |
		wc -l)" -eq 2 ]
	[ "$(grep -ac 'until our user may' "$STACK/krsessiond.log")" -le 2 ]
}

@test "a database takes +select, and abort_on_connect_fail +ping" {
	kr_start_as "$LOGIN:$ESCAPED" \
		-o "redis.endpoint=redis://$LOGIN:$ESCAPED@127.0.0.1:$PORT/2"
	ask /session/counter
	expect_unavailable
	expect_logged "no permissions to run the 'select' command"
	server_stop krsessiond
	rcli acl setuser "$LOGIN" +select +ping
	kr_start_as "$LOGIN:$ESCAPED" -o redis.abort_on_connect_fail=yes \
		-o "redis.endpoint=redis://$LOGIN:$ESCAPED@127.0.0.1:$PORT/2"
	new_session
	[ "$(rcli -n 2 dbsize)" -eq 1 ]
}

@test "a user that may not set its name works all the same" {
	rcli acl setuser "$LOGIN" '-client|setname'
	kr_start_as
	new_session
}

@test "a user that may not set a time to live leaves no session behind" {
	rcli acl setuser "$LOGIN" -pexpire
	kr_start_as
	ask /session/counter
	expect_unavailable
	[ "$(rcli dbsize)" -eq 0 ]
}

@test "keys of another instance are refused" {
	kr_start_as "$LOGIN:$ESCAPED" -o redis.instance_name=other:
	ask /session/counter
	expect_unavailable
	expect_logged 'NOPERM'
}

# ---- refused, and not at full speed -------------------------------------

# Sessions are 503 with a reason in the log, once, and hello is 200.
expect_denied() { # REASON
	local before
	ask /session/counter
	expect_unavailable
	before=$(grep -ac "error redis .*$1" "$STACK/krsessiond.log")
	[ "$before" -eq 1 ] || fail "logged $before times: $1"
	ask /hello
	[ "$code" = 200 ]
}

stat_of() { # FIELD
	node_info redis stats "$1"
}

# How often we come back in a second of requests at full speed.
attempts_in_a_second() {
	local before end
	before=$(stat_of total_connections_received)
	end=$(($(now_us) + 1000000))
	while (($(now_us) < end)); do
		"$KR_BUILD/tests/fcgi_client" -q -k -n 16 -r 500 "$KR_SOCKET" \
			/session/counter >>"$STACK/answers"
	done
	# Two of them are redis-cli's.
	echo $(($(stat_of total_connections_received) - before - 1))
}

expect_calm() {
	local attempts
	attempts=$(attempts_in_a_second)
	echo "$(wc -l <"$STACK/answers") requests, $attempts attempts"
	(($(wc -l <"$STACK/answers") >= 500))
	((attempts >= 1 && attempts <= 15))
	run grep -v '^503 [0-9]* [0-9]' "$STACK/answers"
	[ "$status" -eq 1 ]
}

@test "a wrong password is 503, logged once, and tried again calmly" {
	kr_start_as "$LOGIN:swordfish" -o log.level=warning
	expect_denied WRONGPASS
	expect_calm
	run grep -a swordfish "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# bats test_tags=slow
@test "an unknown user is 503, logged once, and tried again calmly" {
	kr_start_as "nobody:$ESCAPED" -o log.level=warning
	expect_denied WRONGPASS
	expect_calm
	expect_no_password_logged
}

# bats test_tags=slow
@test "no password where one is needed is 503 and says so" {
	kr_start -o "redis.endpoint=redis://127.0.0.1:$PORT" -o log.level=warning
	expect_denied NOAUTH
	expect_calm
}

@test "a forbidden command is 503, logged once, and tried again calmly" {
	rcli acl setuser "$LOGIN" -evalsha
	kr_start_as "$LOGIN:$ESCAPED" -o log.level=warning
	expect_denied "NOPERM.*'evalsha'"
	expect_calm
}

@test "a user who is put right works again within 3 s" {
	rcli acl setuser "$LOGIN" off
	kr_start_as
	expect_denied WRONGPASS
	rcli acl setuser "$LOGIN" on
	within 3 counter_works
}

@test "a user who is deleted under us is 503, and comes back" {
	kr_start_as
	new_session
	rcli acl setuser "$LOGIN" off
	rcli client kill user "$LOGIN"
	ask_as "$cookie" /session/whoami
	expect_unavailable
	rcli acl setuser "$LOGIN" on
	within 3 counter_works
}
