# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120
# shellcheck disable=SC2154,SC2030,SC2031 # $code, $cookie: of the libraries
#
# PostgreSQL away, hanging, full, or taking no writes: each has one right answer,
# /hello works all along, and service returns by itself.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"

setup_file() {
	stack_open
	postgresql_make
}

teardown_file() {
	postgresql_end
	stack_close
}

setup() {
	: >"$STACK/krsessiond.log"
}

teardown() {
	local name bad=0
	[[ ! -e $STACK/postgresql.paused ]] || postgresql_continue
	for name in krsessiond second; do
		! server_running "$name" || server_stop "$name" || bad=1
	done
	for name in relay pgbouncer standby; do
		! server_running "$name" || server_end "$name"
	done
	server_running postgresql || postgresql_start_server
	forget_tables
	return "$bad"
}

# ---- it is away ----------------------------------------------------------

@test "a server that has ended is 503, and its return is found" {
	start
	postgresql_stop
	expect_away
	expect_logged 'No such file or directory; sessions answer 503'
	postgresql_start_server
	expect_back
	expect_logged 'back after [0-9]+ ms'
}

@test "a server that hangs is 503 after io_timeout" {
	start
	postgresql_pause
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450))
	expect_away
	expect_logged 'no answer in time'
	postgresql_continue
	expect_back
}

@test "a connection that is closed while idle is not noticed" {
	start
	for _ in 1 2 3; do
		sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE usename = 'krsession'" >"$STACK/ended"
		ask_as "$cookie" '/session/get?key=color'
		expect 200 '{"key":"color","value":"purple"}'
	done
}

# Something of ours lies in the socket of a process of the server's.
lies_unread() {
	ss -xHn src "unix:$PG_SOCKET" | awk '$3 > 0 { found = 1 } END { exit !found }'
}

@test "a server that dies with a request unread is noticed at once" {
	start -o session.io_timeout=5s -o postgresql.connect_timeout=5s
	postgresql_pause
	"$KR_BUILD/tests/fcgi_client" -q -c "Kr.Session=$cookie" "$KR_SOCKET" \
		/session/counter >"$STACK/answer" 3>&- 4>&- &
	client=$!
	within 4 lies_unread
	rm "$STACK/postgresql.paused"
	postgresql_crash
	wait "$client"
	read -r code ms _ <"$STACK/answer"
	[ "$code" = 503 ]
	((ms < 4500)) || fail "took $ms ms"
	grep -qa 'closed the connection' "$STACK/krsessiond.log"
	postgresql_start_server
	expect_back
}

@test "an answer that trickles in, or none at all, is 503 in time" {
	start_behind_relay
	relay_mode drip 100
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450 && ms < 1500)) || fail "took $ms ms"
	expect_hello
	relay_mode pass
	expect_back
	relay_mode hole
	expect_away
	relay_mode pass
	expect_back
}

@test "a server that closes in mid-answer, or is none, is 503" {
	start_behind_relay
	relay_mode cut 10
	expect_away
	relay_mode pass
	expect_back
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'krsession'" >"$STACK/ended"
	relay_mode say 'HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n'
	expect_away
	relay_mode pass
	expect_back
}

# What was acknowledged is there after all of it was killed, and one more may
# be: the one whose answer was lost.
@test "what was acknowledged outlives kill -9" {
	local acknowledged stored
	postgresql_stop
	postgresql_start_server -c fsync=on
	serve_briefly
	within 10 takes_writes || fail "$code $body"
	new_session
	"$KR_BUILD/tests/fcgi_client" -q -r 1000 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" /session/counter >"$STACK/answers" 3>&- 4>&- &
	within 10 counted_up_to 100
	postgresql_crash
	wait "$!" || true # its connection was not: it has had its 503s
	acknowledged=$(grep -c '^200' "$STACK/answers")
	postgresql_start_server -c fsync=on
	stored=$(store_value "$cookie" counter)
	((stored >= acknowledged && stored <= acknowledged + 1)) ||
		fail "$acknowledged acknowledged, $stored stored"
	within 5 session_opens
}

# The tables are made by the first who needs them; on a busy disk they may take
# longer than a request has.
takes_writes() {
	ask '/session/set?key=color&value=purple'
	[[ $code == 200 ]]
}

counted_up_to() { # N
	(($(store_value "$cookie" counter) >= $1))
}

# ---- it refuses ----------------------------------------------------------

set_read_only() { # on|off
	sql "ALTER SYSTEM SET default_transaction_read_only TO $1"
	sql 'SELECT pg_reload_conf()' >"$STACK/reloaded"
	within 5 is_read_only "$1"
}

is_read_only() {
	[[ $(sql 'SHOW default_transaction_read_only') == "$1" ]]
}

@test "a server that takes no writes is 503 until it does" {
	start
	set_read_only on
	ask_as "$cookie" /session/counter
	expect_unavailable
	expect_hello
	expect_logged 'session is read-only'
	PGOPTIONS='-c default_transaction_read_only=off' \
		psql -qXAt -h "$PG" -p "$PORT" -U operator krsession \
		-c 'ALTER SYSTEM RESET default_transaction_read_only' \
		-c 'SELECT pg_reload_conf()' >"$STACK/reloaded"
	within 5 is_read_only off
	expect_back
}

full() {
	sql "CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN RAISE 'No space left on device' USING ERRCODE = '53100';
		END \$\$"
	sql 'CREATE TRIGGER full_ BEFORE INSERT ON session_values
		FOR EACH ROW EXECUTE FUNCTION full_()'
}

@test "a full disk is told from one that is away, and hurts nobody else" {
	start
	full
	ask_as "$cookie" '/session/set?key=size&value=big'
	expect_json 503 '{"error":"Session store is full"}'
	ask_as "$cookie" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	ask_as "$cookie" /session/logout
	[ "$code" = 200 ]
	expect_logged 'No space left on device'
}

@test "a row that an operator has locked holds up its own session alone" {
	local first=
	start -o session.io_timeout=2s -o server.workers=1
	first=$cookie
	hold_row
	ask_as "$first" /session/counter
	expect_unavailable
	((ms < 1000)) || fail "took $ms ms"
	ask_as "$first" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	new_session
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
	release
	ask_as "$first" /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
}

# ---- in company ----------------------------------------------------------

pgbouncer_start() { # MODE [SERVER CONNECTIONS]
	local run=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	((EUID == 0)) || run=()
	free_port BOUNCER
	cat >"$PG/pgbouncer.ini" <<-INI
		[databases]
		krsession = host=$PG port=$PORT user=krsession
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $BOUNCER
		unix_socket_dir =
		auth_type = any
		pool_mode = $1
		default_pool_size = ${2:-4}
		server_idle_timeout = 1
	INI
	server_start pgbouncer "${run[@]}" /usr/sbin/pgbouncer \
		"$PG/pgbouncer.ini"
	within 10 port_answers "$BOUNCER" || fail "pgbouncer does not start" \
		"$(<"$STACK/pgbouncer.log")"
}

@test "behind PgBouncer it works, with a session a client" {
	pgbouncer_start session
	start -o "postgresql.conninfo=$(PORT=$BOUNCER conninfo_of 127.0.0.1 \
		krsession)"
	ask_as "$cookie" '/session/set?key=size&value=big'
	[ "$code" = 200 ]
	[ "$(store_value "$cookie" size)" = big ]
}

@test "PgBouncer that shares sessions among clients is told from one that works" {
	local conninfo
	pgbouncer_start transaction 1
	conninfo=$(PORT=$BOUNCER conninfo_of 127.0.0.1 krsession)
	start -o "postgresql.conninfo=$conninfo"
	postgresql_serve_as second -o "postgresql.conninfo=$conninfo"
	ask_at "$STACK/second.sock" /session/counter
	expect_unavailable
	grep -a 'a pooler in transaction mode cannot be used' \
		"$STACK/second.log"
}

# bats test_tags=slow
@test "a standby is passed by, and used once it is the primary" {
	restart_with "local replication all trust" -c wal_level=replica
	as_postgres "$PG_BIN/pg_basebackup" -h "$PG" -p "$PORT" -U operator \
		-R -D "$PG/standby" -c fast --no-sync
	mkdir "$PG/second"
	((EUID != 0)) || chown postgres:postgres "$PG/second"
	standby_start
	start -o "postgresql.conninfo=$(conninfo_of "$PG/second,$PG" krsession)"
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
	within 10 second_has "${cookie:0:22}"
	postgresql_stop
	ask_as "$cookie" '/session/get?key=color'
	expect_unavailable
	second 'SELECT pg_promote()' >"$STACK/promoted"
	within 10 session_opens
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
	server_stop krsessiond
	kill -INT "$(server_pid standby)"
	server_wait standby 20
}

standby_start() {
	local run=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	((EUID == 0)) || run=()
	server_start standby "${run[@]}" "$PG_BIN/postgres" -D "$PG/standby" \
		-k "$PG/second" -c port="$PORT" -c listen_addresses= \
		-c fsync=off -c hba_file="$PG/hba.conf" \
		-c unix_socket_permissions=0777 -c shared_buffers=16MB
	within 20 second_follows
}

second() { # STATEMENT
	psql -qXAt -h "$PG/second" -p "$PORT" -U operator krsession -c "$1" \
		2>/dev/null
}

second_follows() {
	[[ $(second 'SELECT pg_is_in_recovery()') == t ]]
}

second_has() { # ID
	[[ $(second "SELECT count(*) FROM krsession.session_values
		WHERE id = '$1' AND key = 'counter'") == 1 ]]
}
