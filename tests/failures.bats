# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
# shellcheck disable=SC2016,SC2120 # $ is RESP's; some need no options
#
# Redis failing in every way it has: each has one right answer, /hello works
# all along, and service returns by itself within 3 s of Redis.

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

# Redis and krsessiond, with a session whose counter is 1, in $cookie.
start() { # [KRSESSIOND OPTION...]
	redis_start_tcp
	start_on "redis://127.0.0.1:$PORT" "$@"
}

# The same with the relay in between.
start_behind_relay() { # [KRSESSIOND OPTION...]
	redis_start
	relay_start
	start_on "redis://127.0.0.1:$RELAY" "$@"
}

start_on() { # ENDPOINT [KRSESSIOND OPTION...]
	kr_start -o session.io_timeout=500ms -o redis.connect_timeout=500ms \
		-o "redis.endpoint=$1" "${@:2}"
	ask '/session/set?key=color&value=purple'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
}

# What depends on Redis is 503 with Retry-After, in time; hello is not.
expect_away() {
	local path
	for path in /session/counter '/session/get?key=color' /session/logout; do
		ask_as "$cookie" "$path"
		expect_unavailable
		((ms < 1500)) || fail "$path took $ms ms"
		expect_hello
	done
	ask /session/counter
	expect_unavailable
	expect_no_header Set-Cookie
	expect_hello
}

expect_hello() {
	ask /hello
	expect 200 'Hello, Session World!'
	((ms < 500)) || fail "hello took $ms ms"
}

session_opens() {
	ask_as "$cookie" '/session/get?key=color'
	[ "$code" = 200 ]
}

# By itself, within 3 s, and the session is what it was.
expect_back() {
	within 3 session_opens || fail "not back" "$code $body"
	expect 200 '{"key":"color","value":"purple"}'
	ask_as "$cookie" '/session/set?key=size&value=big'
	[ "$code" = 200 ]
	[ "$(rcli hget "$(redis_key "$cookie")" size)" = big ]
}

expect_logged() { # REGULAR EXPRESSION
	grep -qaE -e " error .*redis.*: .*$1" "$STACK/krsessiond.log" ||
		fail "not logged: $1" "$(grep -a redis "$STACK/krsessiond.log")"
}

# ---- it stands still ----------------------------------------------------

@test "CLIENT PAUSE is 503 after io_timeout" {
	local pause=3000
	[[ ! $KR_SANITIZE ]] || pause=12000
	start
	rcli client pause "$pause" all
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450))
	expect_away
	expect_logged 'no answer in time'
	rcli ping # not answered before the end of it
	expect_back
}

@test "CLIENT PAUSE of writes lets sessions be read" {
	start
	rcli client pause 60000 write
	ask_as "$cookie" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	ask_as "$cookie" /session/counter
	expect_unavailable
	expect_hello
	rcli client unpause
	expect_back
}

@test "a stopped process (SIGSTOP) is 503 after io_timeout" {
	start
	redis_pause
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450))
	expect_away
	expect_logged 'no answer in time'
	redis_continue
	expect_back
}

@test "a half-open connection is 503 after io_timeout, then a new one" {
	start_behind_relay
	relay_mode hole
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450))
	expect_away
	relay_mode pass
	expect_back
}

# A script that never ends, until it is killed.
busy_start() {
	rcli config set busy-reply-threshold 50
	rcli eval 'while true do end' 0 >"$STACK/busy.out" 2>&1 3>&- 4>&- &
	within 5 redis_is_busy
}

redis_is_busy() {
	[[ $(rcli ping 2>&1) == *BUSY* ]]
}

@test "a Redis that is busy with a script is 503" {
	start
	busy_start
	expect_away
	expect_logged BUSY
	rcli script kill
	expect_back
}

# ---- it is slow ---------------------------------------------------------

@test "a Redis that is slow, but in time, serves" {
	start_behind_relay
	relay_mode delay 60
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	((ms >= 200)) # two round trips, each slowed down both ways
	relay_mode pass
	expect_back
}

@test "hello does not wait behind sessions of a slow Redis" {
	local slowest
	start_behind_relay -o server.workers=2 -o session.io_timeout=5s
	relay_mode delay 200
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" /session/whoami >"$STACK/answers" 3>&- 4>&- &
	slowest=$("$KR_BUILD/tests/fcgi_client" -q -r 50 "$KR_SOCKET" /hello |
		awk '$1 != 200 { print 99999 } { print $2 }' | sort -n | tail -n 1)
	wait $!
	((slowest < 200)) || fail "hello took $slowest ms"
	[ "$(grep -c '^401' "$STACK/answers")" -eq 32 ]
}

@test "a Redis that is too slow is 503 in time" {
	start_behind_relay
	relay_mode delay 400
	expect_away
	relay_mode pass
	expect_back
}

@test "a reply that trickles in is 503 after io_timeout" {
	start_behind_relay
	relay_mode drip 100
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450 && ms < 1500)) || fail "took $ms ms"
	expect_hello
	relay_mode pass
	expect_back
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
}

@test "a Redis 160 ms away serves many at once" {
	redis_start
	relay_start
	kr_start -o "redis.endpoint=redis://127.0.0.1:$RELAY" -o session.io_timeout=5s
	relay_mode delay 80
	"$KR_BUILD/tests/fcgi_client" -q -k -n 256 -r 6 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 1536 ]
	relay_mode pass
}

# ---- it is full ---------------------------------------------------------

expect_full() { # ASK ARGUMENT...
	"$@"
	expect_json 503 '{"error":"Session store is full"}'
	expect_header Retry-After 1
	expect_no_header Set-Cookie
}

@test "a full Redis reads and ends sessions, and says that it is full" {
	start
	rcli config set maxmemory-policy noeviction
	rcli config set maxmemory 1
	expect_full ask_as "$cookie" /session/counter
	expect_full ask_as "$cookie" '/session/set?key=size&value=big'
	expect_full ask_as "$cookie" '/session/login?user=max'
	expect_full ask /session/counter
	ask_as "$cookie" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	expect_hello
	expect_logged OOM
	rcli config set maxmemory 0
	expect_back
}

@test "logout works on a full Redis" {
	start
	rcli config set maxmemory 1
	ask_as "$cookie" /session/logout
	expect 200 '{"message":"Session cleared"}'
	[ "$(rcli dbsize)" -eq 0 ]
}

@test "one full answer does not hold up the next requests" {
	start
	rcli config set maxmemory 1
	for _ in {1..20}; do
		expect_full ask_as "$cookie" /session/counter
		ask_as "$cookie" '/session/get?key=color'
		[ "$code" = 200 ]
	done
	[ "$(grep -ac 'error redis: .*OOM' "$STACK/krsessiond.log")" -le 3 ]
}

@test "too many clients are 503" {
	start
	rcli config set maxclients 2
	rcli client kill type normal
	# One is taken by hand and one by Redis' own count.
	exec {one}<>"/dev/tcp/127.0.0.1/$PORT"
	exec {two}<>"/dev/tcp/127.0.0.1/$PORT"
	expect_away
	expect_logged 'max number of clients'
	exec {one}>&- {two}>&-
	within 3 session_opens
}

# ---- it comes and goes --------------------------------------------------

@test "LOADING after a restart is 503" {
	start
	redis_restart_loading
	ask_as "$cookie" /session/counter
	expect_unavailable
	expect_hello
	ask /session/counter
	expect_unavailable
	redis_is_loading
	expect_logged LOADING
	within 20 redis_answers redis
	expect_back
}

# A load writes nothing, and so a replica that serves what it has will do.
@test "READONLY, of what has become a replica, is 503 to a change" {
	local path
	start
	rcli replicaof 127.0.0.1 1
	for path in /session/counter /session/logout; do
		ask_as "$cookie" "$path"
		expect_unavailable
		expect_hello
	done
	ask /session/counter
	expect_unavailable
	expect_no_header Set-Cookie
	expect_logged READONLY
	rcli replicaof no one
	expect_back
}

@test "MASTERDOWN, of a replica that has lost its primary, is 503" {
	start
	rcli config set replica-serve-stale-data no
	rcli replicaof 127.0.0.1 1
	expect_away
	expect_logged MASTERDOWN
	rcli replicaof no one
	expect_back
}

@test "NOREPLICAS, of a primary that wants some, is 503" {
	start
	rcli config set min-replicas-to-write 1
	ask_as "$cookie" /session/counter
	expect_unavailable
	expect_hello
	expect_logged NOREPLICAS
	rcli config set min-replicas-to-write 0
	expect_back
}

@test "MISCONF, of a Redis that cannot save, is 503" {
	mkdir "$STACK/gone"
	redis_start_tcp --dir "$STACK/gone" --save '3600 1'
	start_on "redis://127.0.0.1:$PORT"
	rmdir "$STACK/gone"
	rcli bgsave
	within 5 redis_cannot_save
	ask_as "$cookie" /session/counter
	expect_unavailable
	expect_hello
	expect_logged MISCONF
	rcli config set save '' # it would not end otherwise
	rcli config set stop-writes-on-bgsave-error no
	expect_back
}

# ---- it makes no sense --------------------------------------------------

@test "a server that closes in mid-reply is 503" {
	start_behind_relay
	relay_mode cut 10
	expect_away
	relay_mode pass
	expect_back
}

@test "one reply cut short loses no session and repeats no write" {
	start_behind_relay
	ask_as "$cookie" /session/counter
	relay_mode cut 3
	ask_as "$cookie" /session/counter
	expect_unavailable
	relay_mode pass
	expect_back
	ask_as "$cookie" /session/counter
	# The one that failed in its load was not counted.
	expect 200 '{"message":"Counter incremented","counter":2}'
}

@test "a connection that is closed while idle is not noticed" {
	start_behind_relay
	for _ in 1 2 3; do
		rcli client kill type normal
		ask_as "$cookie" '/session/get?key=color'
		[ "$code" = 200 ]
	done
}

@test "a server that is not Redis (HTTP) is 503 and the log shows it" {
	start_behind_relay
	rcli client kill type normal
	relay_mode say 'HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n'
	expect_away
	expect_logged 'Protocol error, got "H"'
	relay_mode pass
	expect_back
}

garbage=('\r\n\r\n' '$-2\r\n' '*-2\r\n' '*4294967296\r\n' '$4294967296\r\n'
	':x\r\n' '*1000000\r\n' '$9\r\nab' '*1\r\n*1\r\n*1' '\r' '-\r\n' '+\r\n')

expect_garbage_is_unavailable() { # COMMAND BEFORE EACH
	local text
	for text in "${garbage[@]}"; do
		within 3 session_opens
		relay_mode say "$text"
		"$@"
		ask_as "$cookie" /session/counter
		expect_unavailable || fail "to $text"
		((ms < 1500)) || fail "$text took $ms ms"
		expect_hello
		relay_mode pass
	done
	expect_back
}

@test "a server that answers a request with garbage is 503" {
	start_behind_relay
	expect_garbage_is_unavailable true
}

@test "a server that answers a login with garbage is 503" {
	start_behind_relay
	expect_garbage_is_unavailable rcli client kill type normal
}

@test "replies of the wrong type are 503" {
	local reply
	start_behind_relay
	for reply in '+OK\r\n+OK\r\n' ':1\r\n:1\r\n' '$-1\r\n$-1\r\n' \
		'*1\r\n$1\r\na\r\n:1\r\n' '*2\r\n:1\r\n:1\r\n:1\r\n' \
		'*0\r\n*0\r\n' '-ERR no\r\n-ERR no\r\n'; do
		relay_mode say "$reply"
		ask_as "$cookie" /session/counter
		expect_unavailable
		expect_hello
		relay_mode pass
		within 3 session_opens
	done
	expect_back
}

@test "a reply too many does not shift those that follow" {
	start_behind_relay -o server.workers=1
	rcli client kill type normal
	relay_mode say '+OK\r\n+OK\r\n'
	ask_as "$cookie" /session/counter
	expect_unavailable
	relay_mode pass
	expect_back
}

# ---- all at once --------------------------------------------------------

# bats test_tags=slow
@test "under load every failure gives only 200 and 503, in time" {
	local mode load
	start_behind_relay -o log.level=warning
	"$KR_BUILD/tests/fcgi_client" -q -k -n 16 -r 1000000 \
		-c "Kr.Session=$cookie" "$KR_SOCKET" /session/counter \
		>"$STACK/load" 3>&- 4>&- &
	load=$!
	for mode in hole close 'cut 7' 'say +OK\r\n' 'delay 400'; do
		within 5 load_gives 200
		relay_mode "$mode"
		within 5 load_gives 503
		expect_hello
		relay_mode pass
		within 3 load_gives 200
	done
	kill "$load"
	wait "$load" || true
	sed '$d' "$STACK/load" | awk '
		!($1 == 200 && $3 == "-" || $1 == 503 && $3 ~ /^[0-9]+$/) ||
			$2 > 2500 { print "bad answer: " $0; bad = 1 }
		END { exit bad || NR == 0 }'
}

# Whether such an answer comes from now on.
load_gives() { # STATUS
	local from
	from=$(stat -c %s "$STACK/load")
	within 1 load_gave "$1" "$from"
}

load_gave() { # STATUS OFFSET
	tail -c +$(($2 + 1)) "$STACK/load" | sed 1d | grep -q "^$1 "
}
