# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# How Redis may be named: as a URL, as a StackExchange.Redis configuration
# string, in the environment; and what each part of the name does.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

kr_start_at() { # ENDPOINT [OPTION...]
	kr_start -o "redis.endpoint=$1" "${@:2}"
}

expect_counter() { # N
	ask /session/counter
	expect 200 "{\"message\":\"Counter incremented\",\"counter\":$1}"
}

# A start that must fail; what it says is left in $said.
kr_refuses() { # ENDPOINT [OPTION...]
	local status=0
	said=$("$KR_DAEMON" -t -o "redis.endpoint=$1" "${@:2}" 2>&1) ||
		status=$?
	[ "$status" -eq 2 ] || fail "status $status for $1" "$said"
}

# What Redis' list of clients says of us in that field.
listed() { # FIELD
	rcli client list | tr ' ' '\n' | sed -n "s/^$1=//p" | grep -v '^$'
}

warnings() {
	grep -a ' warning ' "$STACK/krsessiond.log"
}

# ---- URLs ---------------------------------------------------------------

@test "a URL names host, port and database" {
	redis_start_tcp
	kr_start_at "redis://127.0.0.1:$PORT/5"
	expect_counter 1
	[ "$(rcli -n 5 dbsize)" -eq 1 ]
	[[ $(listed db) == *5* ]]
}

@test "a host may be a name" {
	redis_start_tcp
	kr_start_at "redis://localhost:$PORT"
	expect_counter 1
}

@test "an IPv6 address stands in brackets" {
	(: <>/dev/tcp/::1/1) 2>&1 | grep -q refused || skip 'no ::1 here'
	free_port PORT
	redis_start --bind ::1 --port "$PORT"
	kr_start_at "redis://[::1]:$PORT/1"
	expect_counter 1
	server_stop krsessiond
	kr_start_at "[::1]:$PORT,defaultDatabase=2"
	expect_counter 1
	[ "$(rcli -n 1 dbsize)" -eq 1 ]
	[ "$(rcli -n 2 dbsize)" -eq 1 ]
}

@test "a unix: URL names a socket, percent-encoded, and a database" {
	redis_start
	mkdir "$STACK/a b"
	ln -s ../redis.sock "$STACK/a b/redis.sock"
	kr_start_at "unix://$STACK/a%20b/redis.sock?db=7"
	expect_counter 1
	[ "$(rcli -n 7 dbsize)" -eq 1 ]
}

@test "of several hosts the first that answers is taken" {
	local nobody
	free_port nobody
	redis_start_tcp
	kr_start_at "redis://127.0.0.1:$nobody,127.0.0.1:$PORT/3"
	expect_counter 1
	[ "$(rcli -n 3 dbsize)" -eq 1 ]
}

@test "of several hosts the one that takes writes is found" {
	local second
	redis_start_tcp --repl-diskless-sync-delay 0
	free_port second
	node_start redis2 "$second" --replicaof "127.0.0.1 $PORT"
	within 10 node_follows redis2
	kr_start_at "redis://127.0.0.1:$second,127.0.0.1:$PORT"
	within 3 kr_answers "$KR_SOCKET" /session/counter
	[ "$(rcli dbsize)" -ge 1 ]
}

@test "the other host takes over when the first goes away" {
	local second
	redis_start_tcp
	free_port second
	node_start redis2 "$second"
	kr_start_at "redis://127.0.0.1:$PORT,127.0.0.1:$second"
	expect_counter 1
	redis_stop_hard
	within 3 kr_answers "$KR_SOCKET" /session/counter
	[ "$(ncli redis2 dbsize)" -ge 1 ]
}

@test "what is no endpoint is refused, and no password is shown" {
	local bad
	for bad in http://127.0.0.1 redis:// redis://h:0 redis://h:65536 \
		redis://h/x redis://h/-1 redis://h?db=1 unix://h/path unix:path \
		redis://user:hun%zzter@h redis://user:hun%00ter@h \
		redis://:hun@ter@h redis://h,,h2 redis://h:1,:2 \
		h:x h:0 :1 '' h,hun-ter=1; do
		kr_refuses "$bad"
		[[ $said == *redis.endpoint* ]] || fail "$bad: $said"
		[[ $said != *hun* ]] || fail "$bad: $said"
	done
}

# ---- the environment ----------------------------------------------------

kr_start_in() { # VARIABLE=VALUE...
	server_start krsessiond env "$@" "$KR_DAEMON" \
		-l "unix:$KR_SOCKET" -o cookie.name=Kr.Session
	within 10 kr_answers "$KR_SOCKET" /hello
}

@test "UPSTASH_REDIS_URL goes before REDIS_URL, and the option before both" {
	redis_start_tcp
	kr_start_in "REDIS_URL=redis://127.0.0.1:$PORT/1"
	expect_counter 1
	server_stop krsessiond
	kr_start_in "UPSTASH_REDIS_URL=redis://127.0.0.1:$PORT/2" \
		"REDIS_URL=redis://127.0.0.1:$PORT/1"
	expect_counter 1
	server_stop krsessiond
	kr_start_in "UPSTASH_REDIS_URL=redis://127.0.0.1:$PORT/2" \
		"KRSESSION_REDIS_ENDPOINT=redis://127.0.0.1:$PORT/3"
	expect_counter 1
	[ "$(rcli -n 1 dbsize)" -eq 1 ]
	[ "$(rcli -n 2 dbsize)" -eq 1 ]
	[ "$(rcli -n 3 dbsize)" -eq 1 ]
}

@test "UPSTASH_REDIS_URL may be a configuration string" {
	redis_start_tcp
	kr_start_in "UPSTASH_REDIS_URL=127.0.0.1:$PORT,defaultDatabase=4"
	expect_counter 1
	[ "$(rcli -n 4 dbsize)" -eq 1 ]
}

# ---- StackExchange.Redis ------------------------------------------------

@test "the tutorial's configuration string works as it is" {
	redis_start_tcp --requirepass secret
	kr_start_at "localhost:$PORT,ssl=false,password=secret,\
abortConnect=false,connectTimeout=5000,syncTimeout=5000"
	export REDISCLI_AUTH=secret
	expect_counter 1
	[ "$(rcli dbsize)" -eq 1 ]
	run warnings
	[ "$status" -eq 1 ]
}

@test "name, user, password and defaultDatabase are what they are there" {
	redis_start_tcp --user max on '>a=b c' '~*' +@all
	kr_start_at "127.0.0.1:$PORT,NAME=shop,user=max,password=a=b c,\
defaultDatabase=6"
	expect_counter 1
	[ "$(rcli -n 6 dbsize)" -eq 1 ]
	[[ $(listed name) == shop && $(listed user) == *max* ]]
}

@test "several servers of a configuration string are tried in turn" {
	local nobody
	free_port nobody
	redis_start_tcp
	kr_start_at "127.0.0.1:$nobody,127.0.0.1:$PORT,connectTimeout=1000"
	expect_counter 1
}

@test "connectTimeout is in milliseconds" {
	relay_start
	relay_mode hole
	kr_start_at "127.0.0.1:$RELAY,connectTimeout=400" \
		-o redis.connect_timeout=5s
	ask /session/counter
	expect_unavailable
	((ms >= 350 && ms < 2000))
}

@test "syncTimeout is in milliseconds, and goes before io_timeout" {
	redis_start_tcp
	kr_start_at "127.0.0.1:$PORT,syncTimeout=400"
	expect_counter 1
	redis_pause
	ask /session/counter
	expect_unavailable
	((ms >= 350 && ms < 2000))
}

# Seconds until the kernel asks whether the peer of a silent connection is
# there (proc_pid_net(5): a timer of kind 2), the longest of all.
keep_alive() { # PORT
	local port
	printf -v port %04X "$1"
	awk -v port=":$port" -v hertz="$(getconf CLK_TCK)" '
		function number(text, n, i) {
			for (i = 1; i <= length(text); i++)
				n = n * 16 + index("0123456789ABCDEF",
					substr(text, i, 1)) - 1
			return n
		}
		substr($3, 9) == port && $4 == "01" {
			split($6, timer, ":")
			if (timer[1] == "02" && number(timer[2]) > most)
				most = number(timer[2])
		}
		END { print int(most / hertz + 0.99) }' /proc/net/tcp
}

@test "keepAlive is the silence in seconds before the kernel asks" {
	redis_start_tcp
	kr_start_at "127.0.0.1:$PORT,keepAlive=17"
	expect_counter 1
	[ "$(keep_alive "$PORT")" -eq 17 ]
	server_stop krsessiond
	kr_start_at "127.0.0.1:$PORT" -o redis.keep_alive=23s
	expect_counter 1
	[ "$(keep_alive "$PORT")" -eq 23 ]
}

@test "abortConnect=true refuses to start without Redis" {
	local status=0
	local nobody
	free_port nobody
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET" -o \
		"redis.endpoint=127.0.0.1:$nobody,abortConnect=true,connectRetry=2"
	server_wait krsessiond 10 || status=$?
	[ "$status" -eq 1 ]
	grep -qa "redis 127.0.0.1:$nobody: Connection refused" \
		"$STACK/krsessiond.log"
}

@test "abortConnect=false starts without Redis" {
	local nobody
	free_port nobody
	kr_start_at "127.0.0.1:$nobody,abortConnect=false" \
		-o redis.abort_on_connect_fail=yes
	ask /session/counter
	expect_unavailable
}

@test "keys without meaning here are named in one warning" {
	redis_start_tcp
	kr_start_at "127.0.0.1:$PORT,allowAdmin=true,resolvedns=false,\
tiebreaker=x,version=7.0,proxy=None,configChannel="
	expect_counter 1
	[ "$(warnings | wc -l)" -eq 1 ]
	warnings | grep -q 'meaning here: allowAdmin, resolvedns, tiebreaker,'\
' version, proxy, configChannel'
}

@test "an unknown key is an error that names it" {
	kr_refuses '127.0.0.1,abortConect=false'
	[[ $said == *"unknown key 'abortConect'"* ]]
	[[ $said == *abortConnect*sentinelPassword* ]]
}

@test "a value that cannot be is an error that names its key" {
	local bad
	for bad in abortConnect=maybe connectRetry=-1 connectTimeout=soon \
		syncTimeout=0 keepAlive=x defaultDatabase=first ssl=1 \
		sslProtocols=ssl3 name= serviceName=; do
		kr_refuses "127.0.0.1,$bad"
		[[ $said == *"${bad%%=*} must be"* ]] || fail "$bad: $said"
	done
}

# ---- what Redis sees of us ----------------------------------------------

@test "every new connection logs in, selects and tells its name again" {
	redis_start_tcp --user max on '>secret' '~*' +@all
	kr_start_at "redis://max:secret@127.0.0.1:$PORT/9" \
		-o redis.client_name=shop
	for _ in 1 2 3; do
		ask /session/counter
		[ "$code" = 200 ]
		[[ $(listed name) == shop ]]
		rcli client kill type normal skipme yes
	done
	[ "$(rcli dbsize)" -eq 0 ]
	[ "$(rcli -n 9 dbsize)" -eq 3 ]
}

@test "user and password given apart go before those of the endpoint" {
	redis_start_tcp --user max on '>secret' '~*' +@all
	kr_start_at "redis://eve:guess@127.0.0.1:$PORT" -o redis.user=max \
		-o redis.password=secret
	expect_counter 1
	[[ $(listed user) == *max* ]]
}
