# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# README.md as it is printed: its commands, and its lines of configuration.
# Nothing in them is changed but what every reader changes: the port of
# ./dev up, and for Redis the addresses and the folder of certificates.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# ---- try it -------------------------------------------------------------

up_start() { # PORT
	server_start up env -u KR_BUILD -u KR_SANITIZE -u URL -u STACK \
		"$KR_ROOT/dev" up --port "$1"
	within 120 up_is_up || fail "./dev up does not come up"
}

up_is_up() {
	grep -q 'answers at' "$STACK/up.log" || ! server_running up
}

# bats test_tags=slow
@test "the commands of 'Try it' print what stands there" {
	free_port port
	up_start "$port"
	readme_try "$port"
	server_stop up || [ $? -eq 143 ]
}

# ---- Redis as it is in the world ----------------------------------------

# A file of these lines with addresses in place of names. A name's own port,
# and its folder, are gone with it.
readme_conf() { # TITLE [SED EXPRESSION...]
	local title=$1 edits=(-e '') edit
	shift
	for edit; do
		edits+=(-e "$edit")
	done
	{
		echo '[cookie]'
		echo 'name = Kr.Session'
		echo '[redis]'
		readme_lines "**$title**" | sed "${edits[@]}"
	} >"$STACK/readme.conf"
	(($(wc -l <"$STACK/readme.conf") > 3)) || fail "README lacks $title"
}

# Serves under that file, and nothing else.
expect_it_works() {
	server_start krsessiond "$KR_DAEMON" -l "unix:$KR_SOCKET" \
		-c "$STACK/readme.conf"
	within 10 kr_answers "$KR_SOCKET" /hello
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	ask_as "$(cookie_value)" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
	run grep -aE ' (warning|error) ' "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# The user of README, made by its own command on every server, with what its
# text adds.
readme_users() { # [RULE...]
	local name
	for name in $(cd "$STACK" && echo redis*.sock); do
		readme_lines '**The user krsession needs**' |
			ncli "${name%.sock}" | grep -qx OK
		[ ! "$*" ] || ncli "${name%.sock}" acl setuser krsession "$@"
		ncli "${name%.sock}" acl setuser default resetpass '>operators-only'
	done
	export REDISCLI_AUTH=operators-only
}

@test "README: a socket" {
	redis_start
	readme_conf 'A socket on the same machine' \
		"s,/run/redis/redis-server.sock,$STACK/redis.sock,"
	expect_it_works
	[ "$(rcli -n 2 dbsize)" -eq 1 ]
}

@test "README: TLS, as a URL and as a configuration string" {
	local title
	tls_make
	redis_start_tls good
	readme_users
	# The system's CAs are these here.
	export SSL_CERT_FILE=$STACK/tls/ca.crt
	for title in 'A hosted Redis over TLS' \
		'The same as a StackExchange.Redis configuration string'; do
		readme_conf "$title" "s/redis.example.com:6379/localhost:$PORT/"
		expect_it_works
		server_stop krsessiond
	done
	[ "$(rcli dbsize)" -eq 2 ]
}

@test "README: a CA of one's own, and a client certificate" {
	tls_make
	redis_start_tls good --tls-auth-clients yes
	readme_users
	echo secret >"$STACK/tls/password"
	readme_conf 'With a CA of your own' \
		"s/redis.example.com:6379/localhost:$PORT/" \
		"s,/etc/krsession/,$STACK/tls/,"
	expect_it_works
	[ "$(rcli dbsize)" -eq 1 ]
}

@test "README: Sentinel" {
	local i
	sentinel_start
	unset REDISCLI_AUTH
	export REDISCLI_AUTH=$OPERATOR
	readme_users +role
	for i in 1 2 3; do
		ncli "sentinel$i" acl deluser watcher
		readme_lines '**The user it needs at the Sentinels**' |
			ncli "sentinel$i" | grep -qx OK
	done
	readme_conf 'Sentinel' 's/sentinel[123].example.com:26379,*//g' \
		"s/@/@$SENTINELS/"
	expect_it_works
	[ "$(rcli dbsize)" -eq 1 ]
}

@test "README: Cluster" {
	cluster_start
	readme_users +asking '+cluster|slots'
	readme_conf 'Cluster' 's/node[123].example.com:6379,*//g' \
		"s/@/@$CLUSTER/"
	expect_it_works
}

@test "README: UPSTASH_REDIS_URL" {
	local url
	tls_make
	redis_start_tls good
	readme_users
	url=$(readme_lines '**A hosted Redis over TLS' | sed -n 's/^endpoint = //p')
	server_start krsessiond env "SSL_CERT_FILE=$STACK/tls/ca.crt" \
		"UPSTASH_REDIS_URL=${url/redis.example.com:6379/localhost:$PORT}" \
		"$KR_DAEMON" -l "unix:$KR_SOCKET"
	within 10 kr_answers "$KR_SOCKET" /session/counter
}

@test "the topologies in conf/ are README's" {
	local file title
	while read -r file title; do
		diff <(grep -vE '^(#|\[|$)' "$KR_ROOT/conf/$file") \
			<(readme_lines "**$title**")
	done <<-'END'
		redis-tls.conf With a CA of your own
		redis-sentinel.conf Sentinel
		redis-cluster.conf Cluster
	END
	for file in sentinel cluster; do
		"$KR_DAEMON" -t -c "$KR_ROOT/conf/redis-$file.conf"
	done
}

@test "README: without Redis" {
	readme_conf 'Without Redis'
	expect_it_works
}
