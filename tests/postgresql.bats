# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120
# shellcheck disable=SC2154,SC2030,SC2031 # $code, $cookie: of the libraries
#
# The store in PostgreSQL: what it costs, who may use it, what it leaves behind.
# All tests share one server, which each leaves as it was. That the contract
# holds is tests/conformance.bats' business, the routes are
# routes_postgresql.bats', and failures postgresql_away.bats'.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"

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

# ---- what it costs -------------------------------------------------------

log_statements() {
	sql postgres 'ALTER ROLE krsession SET log_statement TO "all"'
}

# The statements of a request, such as "kr_lock=1 kr_update=1".
cost_of() { # ASK ARGUMENT...
	: >"$STACK/postgresql.log"
	ask "$@"
	[ "$code" = 200 ] || [ "$code" = 401 ] || echo "answered $code"
	grep -aoE 'execute kr_[a-z]+' "$STACK/postgresql.log" |
		grep -v kr_sweep | cut -d' ' -f2 | sort | uniq -c |
		awk '{ print $2 "=" $1 }' | paste -sd' '
}

@test "hello, strangers and malformed cookies cost nothing" {
	log_statements
	start
	[ -z "$(cost_of /hello)" ]
	[ -z "$(cost_of /session/whoami)" ]
	[ -z "$(cost_of -c 'Kr.Session=short' /session/whoami)" ]
}

@test "a read is one statement, a write two more in one piece" {
	log_statements
	start -o session.idle_timeout=20m
	[ "$(cost_of -c "Kr.Session=$cookie" /session/whoami)" = kr_load=1 ]
	[ "$(cost_of -c "Kr.Session=$cookie" /session/counter)" = \
		'kr_load=1 kr_lock=1 kr_update=1' ]
	[ "$(cost_of /session/counter)" = 'kr_create=1 kr_end=1 kr_lock=1' ]
	[ "$(cost_of -c "Kr.Session=$cookie" /session/logout)" = \
		'kr_end=1 kr_load=1 kr_lock=1' ]
	sql postgres 'ALTER ROLE krsession RESET ALL'
}

# Each way through the relay takes 50 ms; the least of several tries.
least_ms() { # PATH
	for _ in {1..5}; do
		ask_as "$cookie" "$1"
		[ "$code" = 200 ]
		echo "$ms"
	done | sort -n | head -n 1
}

@test "a read is one round trip, a write two" {
	local read write
	start_behind_relay -o session.io_timeout=5s \
		-o postgresql.connect_timeout=5s -o session.idle_timeout=20m
	relay_mode delay 50
	read=$(least_ms '/session/get?key=color')
	write=$(least_ms /session/counter)
	((read >= 100 && read < 200)) || fail "a read took $read ms"
	((write >= 200 && write < 300)) || fail "a write took $write ms"
}

clients_came() { # N
	(($(grep -c "$KR_SOCKET" /proc/net/unix) > $1))
}

@test "requests of one batch share their statement" {
	local loads
	log_statements
	start -o server.workers=1
	kill -STOP "$(server_pid krsessiond)"
	: >"$STACK/postgresql.log"
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" '/session/get?key=color' \
		>"$STACK/answers" 3>&- 4>&- &
	within 10 clients_came 32
	kill -CONT "$(server_pid krsessiond)"
	wait "$!"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 32 ]
	loads=$(grep -ac 'execute kr_load' "$STACK/postgresql.log")
	((loads >= 1 && loads <= 4)) || fail "$loads loads"
	sql postgres 'ALTER ROLE krsession RESET ALL'
}

hot_updates() {
	sql "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
		WHERE relname = 'sessions'"
}

# $1 updates at least, and of those all but a few; a few go from one quarter of
# an hour to the next.
are_hot() {
	local all hot
	IFS='|' read -r all hot < <(hot_updates)
	((all >= $1 && hot * 10 >= all * 9))
}

touched() { # SEEN BEFORE
	ask_as "$cookie" '/session/get?key=color'
	[[ $(seen) != "$1" ]]
}

seen() {
	sql "SELECT seen FROM sessions WHERE id = '${cookie:0:22}'"
}

@test "a touch leaves indexes alone and nothing to clean up" {
	start -o session.idle_timeout=4s
	for _ in {1..10}; do
		within 5 touched "$(seen)"
	done
	within 5 are_hot 5 || fail "$(hot_updates)"
}

# ---- many at once --------------------------------------------------------

@test "1,000 counters at once over two programs count exactly 1,000" {
	postgresql_serve
	postgresql_serve_as second
	new_session
	"$KR_BUILD/tests/fcgi_client" -q -n 20 -r 25 -c "Kr.Session=$cookie" \
		"$KR_SOCKET" /session/counter >"$STACK/answers1" 3>&- 4>&- &
	"$KR_BUILD/tests/fcgi_client" -q -n 20 -r 25 -c "Kr.Session=$cookie" \
		"$STACK/second.sock" /session/counter >"$STACK/answers2"
	wait "$!"
	[ "$(cat "$STACK"/answers[12] | grep -c '^200')" -eq 1000 ]
	[ "$(store_value "$cookie" counter)" = 1000 ]
}

# ---- who may -------------------------------------------------------------

serve_at() { # CONNINFO [OPTION...]
	kr_start -o store.kind=postgresql -o "postgresql.conninfo=$1" "${@:2}"
}

@test "a wrong password is one clear line without the password" {
	restart_with 'host all all 127.0.0.1/32 scram-sha-256'
	sql "ALTER ROLE krsession PASSWORD 'right-one'"
	echo wrong-one >"$STACK/password"
	serve_at "$(conninfo_of 127.0.0.1 krsession)" \
		-o "postgresql.password_file=$STACK/password"
	for _ in 1 2 3; do
		ask /session/counter
		expect_unavailable
	done
	expect_logged 'password authentication failed for user "krsession"'
	[ "$(grep -ac ' error ' "$STACK/krsessiond.log")" -eq 1 ]
	run grep -a wrong-one "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
	server_stop krsessiond
	echo right-one >"$STACK/password"
	serve_at "postgresql://krsession@127.0.0.1:$PORT/krsession" \
		-o "postgresql.password_file=$STACK/password"
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
}

restart_with_tls() { # CERTIFICATE
	local at=$PG/$1
	install -m 600 "$STACK/tls/$1.key" "$at.key"
	install -m 644 "$STACK/tls/$1.crt" "$at.crt"
	((EUID != 0)) || chown postgres:postgres "$at.key"
	restart_with 'hostssl all all 127.0.0.1/32 trust' -c ssl=on \
		-c ssl_cert_file="$at.crt" -c ssl_key_file="$at.key"
}

serve_tls() { # AUTHORITY
	serve_at "$(conninfo_of localhost krsession sslmode=verify-full \
		"sslrootcert=$STACK/tls/$1.crt")"
}

encrypted() {
	sql "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
		WHERE usename = 'krsession' AND ssl"
}

# More than a piece that TLS decrypts at a time.
expect_large_values() {
	local value cookie n
	value=$(printf '%08000d' 0)
	new_session
	for n in 1 2 3 4 5 6; do
		ask_as "$cookie" "/session/set?key=k$n&value=$value"
		[ "$code" = 200 ]
	done
	ask_as "$cookie" '/session/get?key=k1'
	expect 200 "{\"key\":\"k1\",\"value\":\"$value\"}"
}

@test "TLS is checked against our authority and the host's name" {
	tls_make
	restart_with_tls good
	serve_tls ca
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	(($(encrypted) >= 1))
	expect_large_values
	server_stop krsessiond
	serve_tls other-ca
	ask /session/counter
	expect_unavailable
	expect_logged 'certificate verify failed'
	server_stop krsessiond
	restart_with_tls wrong
	serve_tls ca
	ask /session/counter
	expect_unavailable
	expect_logged 'certificate for "redis.example.com" does not match'
}

# The statements of docs/stores.md between two of its lines.
documented() { # FIRST WORDS
	awk -v first="$1" '
		/^ *```/ { inside = 0 }
		inside || index($0, first) { inside = 1; print }
	' "$KR_ROOT/docs/stores.md"
}

@test "tables that another has made need no more than the documented rights" {
	documented 'CREATE SCHEMA krsession;' >"$STACK/tables.sql"
	[ "$(wc -l <"$STACK/tables.sql")" -gt 20 ]
	sql postgres 'CREATE ROLE web LOGIN'
	sql 'REVOKE ALL ON SCHEMA public FROM public'
	sql "$(<"$STACK/tables.sql")"
	postgresql_serve -o "postgresql.conninfo=$(conninfo_of "$PG" web)"
	ask '/session/login?user=max'
	expect 200 '{"message":"Logged in","user":"max"}'
	cookie=$(cookie_value)
	ask_as "$cookie" '/session/login?user=eva'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
	ask_as "$cookie" /session/whoami
	expect 200 '{"user":"eva"}'
	ask_as "$cookie" /session/logout
	[ "$code" = 200 ]
	[ "$(sessions)" -eq 0 ]
	server_stop krsessiond
	forget_tables
	sql postgres 'DROP ROLE web'
}

# The statements of docs/stores.md that are indented below a line.
looks() { # BEGINNING OF A LINE
	awk -v begin="$1" '
		index($0, begin) == 1 { on = 1; next }
		on && /^    / { print substr($0, 5); seen = 1; next }
		on && seen { exit }' "$KR_ROOT/docs/stores.md"
}

@test "the looks that docs/stores.md prints work, and end all sessions" {
	start
	ask_as "$cookie" '/session/login?user=max'
	cookie=$(cookie_value)
	looks 'A look, in psql' | sed "s/'\.\.\.'/'${cookie:0:22}'/" >"$STACK/looks.sql"
	[ "$(wc -l <"$STACK/looks.sql")" -eq 4 ]
	psql -qXAt -v ON_ERROR_STOP=1 -h "$PG" -p "$PORT" -U operator krsession \
		<"$STACK/looks.sql" >"$STACK/seen"
	head -n 1 "$STACK/seen" | grep -qE "^${cookie:0:22}\|max\|-?00:00:0"
	grep -qx 'color|purple' "$STACK/seen"
	[ "$(sessions)" -eq 0 ]
	ask_as "$cookie" /session/whoami
	expect 401 '{"error":"No active session or user not set"}'
}

@test "the tables may be made UNLOGGED as docs/stores.md prints it" {
	local statement
	start
	statement=$(grep -o 'ALTER TABLE session_values SET UNLOGGED' \
		"$KR_ROOT/docs/stores.md")
	sql "$statement"
	sql "${statement/session_values/sessions}"
	[ "$(sql "SELECT count(*) FROM pg_class WHERE relpersistence = 'u'
		AND relname IN ('sessions', 'session_values')")" -eq 2 ]
	session_opens
}

# Without what differs from dump to dump.
statements() { # DUMP
	grep -vE -e '^--' -e '^.(un)?restrict ' "$1"
}

@test "the documented tables are those that the program makes" {
	start
	postgresql_dump -s -x -O -n krsession >"$STACK/made.sql"
	server_stop krsessiond
	forget_tables
	sql postgres 'CREATE ROLE web'
	sql "$(documented 'CREATE SCHEMA krsession;')"
	postgresql_dump -s -x -O -n krsession >"$STACK/documented.sql"
	forget_tables
	sql postgres 'DROP ROLE web'
	diff <(statements "$STACK/made.sql") \
		<(statements "$STACK/documented.sql")
}

@test "no tables, and no right to make them, is said" {
	sql postgres 'CREATE ROLE web LOGIN'
	postgresql_serve -o "postgresql.conninfo=$(conninfo_of "$PG" web)"
	ask /session/counter
	expect_unavailable
	expect_logged 'permission denied for database krsession \(schema krsession has no tables yet'
	server_stop krsessiond
	sql postgres 'DROP ROLE web'
}

@test "tables of a later version are refused and left as they are" {
	start
	server_stop krsessiond
	sql 'UPDATE version SET number = 7'
	postgresql_serve
	ask_as "$cookie" '/session/get?key=color'
	expect_unavailable
	expect_logged "the tables in schema krsession are of version 7, newer \
than this program's 2"
	[ "$(sessions)" -eq 1 ]
}

@test "tables that were dropped are made again" {
	start
	forget_tables
	within 3 kr_answers "$KR_SOCKET" /session/counter
	[ "$(sessions)" -ge 1 ]
}

# Both found none; when its turn comes, the other's are in use already.
@test "who waited for the tables of another waits for nobody who uses them" {
	start
	sql 'ALTER TABLE version RENAME TO away'
	hold "SELECT pg_advisory_lock($TURN);
		LOCK TABLE krsession.sessions IN ROW EXCLUSIVE MODE"
	postgresql_serve_as second -o session.io_timeout=30s
	"$KR_BUILD/tests/fcgi_client" -q "$STACK/second.sock" /session/counter \
		>"$STACK/counted" 3>&- 4>&- &
	within 10 waits_its_turn
	sql 'ALTER TABLE away RENAME TO version'
	echo "SELECT pg_advisory_unlock($TURN);" >&"$hold"
	wait "$!"
	release
	grep -q '^200' "$STACK/counted" || fail "$(<"$STACK/counted")" \
		"$(<"$STACK/second.log")"
}

@test "README: in PostgreSQL" {
	restart_with 'host all all 127.0.0.1/32 scram-sha-256'
	sql postgres "ALTER ROLE krsession PASSWORD 'let me in'"
	echo 'let me in' >"$STACK/password"
	chmod 600 "$STACK/password"
	readme_lines '**In PostgreSQL**' | sed "s/db.example.com/127.0.0.1:$PORT/
		s,/etc/krsession/,$STACK/," >"$STACK/readme.conf"
	kr_start -c "$STACK/readme.conf" -o cookie.name=Kr.Session
	ask /session/counter
	expect 200 '{"message":"Counter incremented","counter":1}'
	ask_as "$(cookie_value)" /session/counter
	expect 200 '{"message":"Counter incremented","counter":2}'
	[ "$(sessions)" -eq 1 ]
}

@test "abort_on_connect_fail makes a start without it fail and say why" {
	local status=0
	mapfile -t options < <(kr_options)
	"$KR_DAEMON" "${options[@]}" -l "unix:$STACK/other.sock" \
		-o store.kind=postgresql -o postgresql.abort_on_connect_fail=yes \
		-o "postgresql.conninfo=host=$STACK user=nobody dbname=nothing" \
		>"$STACK/krsessiond.log" 2>&1 || status=$?
	[ "$status" -eq 1 ]
	grep -a 'postgresql.abort_on_connect_fail is on' "$STACK/krsessiond.log"
}

@test "a conninfo that makes no sense is refused without being shown" {
	local status=0
	"$KR_DAEMON" -l "unix:$STACK/other.sock" \
		-o store.kind=postgresql \
		-o 'postgresql.conninfo=password=hush hush' \
		>"$STACK/krsessiond.log" 2>&1 || status=$?
	[ "$status" -ne 0 ]
	grep -a 'postgresql.conninfo: must be' "$STACK/krsessiond.log"
	run grep -a hush "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# ---- what is left in the database ----------------------------------------

# Sessions that ended so long ago, by the operator's hand.
make_ended() { # N INTERVAL
	sql "INSERT INTO sessions (id, auth, born, version, seen, ends)
		SELECT 'ended' || lpad(i::text, 17, '0'), '', now(), 1, now(),
			now() - interval '$2' FROM generate_series(1, $1) i"
	sql "INSERT INTO session_values SELECT id, 'k', 'v' FROM sessions
		WHERE id LIKE 'ended%'"
}

ended_are() { # N
	ask_as "$cookie" /session/counter
	[[ $(sql "SELECT count(*) FROM sessions WHERE id LIKE 'ended%'") == "$1" ]]
}

@test "what has ended is swept in bites as others write" {
	start
	server_stop krsessiond
	make_ended 1000 '1 hour'
	postgresql_serve
	within 20 ended_are 0
	[ "$(sql 'SELECT count(*) FROM session_values')" -eq 2 ]
	expect 200 "$body"
	session_opens
}

@test "what somebody has locked is swept by and by, the rest at once" {
	local purple
	start
	server_stop krsessiond
	make_ended 10 '1 hour'
	purple=$cookie cookie=ended00000000000000001
	hold_row
	cookie=$purple
	postgresql_serve
	within 10 ended_are 1
	release
}

@test "a dump of the database opens no session" {
	start
	ask '/session/login?user=max'
	cookie=$(cookie_value)
	postgresql_dump >"$STACK/dump-now.sql"
	grep -q -e "${cookie:0:22}" "$STACK/dump-now.sql"
	run grep -F -e "${cookie:22}" "$STACK/dump-now.sql"
	[ "$status" -eq 1 ]
}
