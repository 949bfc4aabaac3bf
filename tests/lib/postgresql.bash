# shellcheck shell=bash disable=SC2119,SC2120,SC2154 # $code is of client.bash
#
# A PostgreSQL of a test's own, in a folder that the user who runs it may
# enter: $PG, with its socket. Comes after lib/stack.bash and
# lib/topologies.bash; whoever starts one ends it with postgresql_end, before
# stack_close.
#
# PostgreSQL refuses root, so root's tests run it as the user of Debian's
# package. The tests' own looks are those of the superuser "operator"; the
# program is "krsession", who owns the database of that name.

PG_BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres() { # COMMAND...
	if ((EUID == 0)); then
		(cd / && setpriv --reuid=postgres --regid=postgres \
			--clear-groups "$@")
	else
		"$@"
	fi
}

# A new server's data, made once in a run of bats and copied from then on.
postgresql_data() {
	local template=$BATS_RUN_TMPDIR/postgresql folder
	exec {template_lock}>"$template.lock"
	flock "$template_lock"
	if [[ ! -d $template ]]; then
		folder=$PG/template
		as_postgres "$PG_BIN/initdb" -D "$folder" -U operator -A trust \
			--locale=C -E UTF8 --no-sync --no-instructions \
			>"$STACK/initdb.log" 2>&1 ||
			fail "initdb" "$(<"$STACK/initdb.log")" || return
		mv "$folder" "$template"
	fi
	exec {template_lock}>&-
	cp -a "$template" "$PG/data"
}

# The data of a new server, with its users and the database.
postgresql_make() {
	free_port PORT
	PG=$(mktemp -d "${TMPDIR:-/tmp}/krsession-pg-XXXXXX")
	export PG PG_SOCKET=$PG/.s.PGSQL.$PORT
	chmod 755 "$PG"
	((EUID != 0)) || chown postgres:postgres "$PG"
	postgresql_data
	postgresql_start_server
	sql postgres 'CREATE USER krsession'
	sql postgres 'CREATE DATABASE krsession OWNER krsession'
}

# Without fsync, which only a machine that goes down would need.
postgresql_start_server() { # [POSTGRES OPTION...]
	local run=(as_postgres)
	((EUID != 0)) || run=(setpriv --reuid=postgres --regid=postgres
		--clear-groups)
	((EUID == 0)) || run=()
	server_start postgresql "${run[@]}" "$PG_BIN/postgres" -D "$PG/data" \
		-k "$PG" -c port="$PORT" -c listen_addresses= -c fsync=off \
		-c max_connections=40 -c shared_buffers=16MB \
		-c unix_socket_permissions=0777 -c log_checkpoints=off "$@"
	within 20 postgresql_answers || fail "PostgreSQL does not start" \
		"$(tail -n 5 "$STACK/postgresql.log")"
}

postgresql_answers() {
	sql postgres 'SELECT 1' >/dev/null 2>&1
}

# What world_start wants.
postgresql_start() {
	postgresql_make
}

postgresql_options() {
	printf '%s\n' -o store.kind=postgresql \
		-o "postgresql.conninfo=$(conninfo_of "$PG" krsession)"
}

conninfo_of() { # HOST USER [WORD...]
	local host=$1 user=$2
	shift 2
	echo "host=$host port=$PORT user=$user dbname=krsession $*"
}

# krsessiond on it, started as kr_start does.
postgresql_serve() { # [KRSESSIOND OPTION...]
	local options
	mapfile -t options < <(postgresql_options)
	kr_start "${options[@]}" "$@"
}

# A second one, at $STACK/NAME.sock.
postgresql_serve_as() { # NAME [KRSESSIOND OPTION...]
	local name=$1 options
	shift
	mapfile -t options < <(postgresql_options)
	kr_listen "$name" krsessiond "unix:$STACK/$name.sock" \
		"${options[@]}" "$@"
	within 10 kr_answers "$STACK/$name.sock" /hello ||
		fail "$name does not start"
}

# Over TCP, with such lines in pg_hba.conf.
restart_with() { # LINES [POSTGRES OPTION...]
	postgresql_stop
	printf '%s\n' 'local all all trust' "$1" >"$PG/hba.conf"
	postgresql_start_server -c hba_file="$PG/hba.conf" \
		-c listen_addresses=127.0.0.1 "${@:2}"
}

# Ends it at once, but in order; its sessions are in the next start.
postgresql_stop() {
	kill -INT "$(server_pid postgresql)"
	server_wait postgresql 20 2>/dev/null || true
}

# Its processes; those that it has made are of its own group.
postgresql_pids() {
	local pid
	pid=$(server_pid postgresql)
	echo "$pid"
	pgrep -P "$pid"
}

# Kills all of it, as if the machine had gone down.
postgresql_crash() {
	local pids
	mapfile -t pids < <(postgresql_pids)
	kill -KILL "${pids[@]}" 2>/dev/null || true
	server_wait postgresql 10 2>/dev/null || true
	within 10 all_gone "${pids[@]}" || fail "PostgreSQL stays"
}

all_gone() { # PID...
	! kill -0 "$@" 2>/dev/null
}

postgresql_pause() {
	local pids
	mapfile -t pids < <(postgresql_pids)
	kill -STOP "${pids[@]}"
	: >"$STACK/postgresql.paused"
}

postgresql_continue() {
	local pids
	mapfile -t pids < <(postgresql_pids)
	rm -f "$STACK/postgresql.paused"
	kill -CONT "${pids[@]}"
}

postgresql_dump() { # [PG_DUMP OPTION...]
	"$PG_BIN/pg_dump" -h "$PG" -p "$PORT" -U operator "$@" krsession
}

# What is stored goes where stack_close looks for secrets.
postgresql_end() {
	[[ ${PG-} ]] || return 0
	if server_running postgresql; then
		[[ ! -e $STACK/postgresql.paused ]] || postgresql_continue
		! postgresql_answers || postgresql_dump >"$STACK/dump.sql"
		postgresql_stop
	fi
	rm -rf "$PG"
	unset PG
}

# The operator's look; a database before it if it is another.
sql() { # [DATABASE] STATEMENT
	local database=krsession
	(($# == 1)) || { database=$1 && shift; }
	PGOPTIONS='-c search_path=krsession -c bytea_output=escape' \
		psql -qXAt -v ON_ERROR_STOP=1 -h "$PG" -p "$PORT" -U operator \
		"$database" -c "$1"
}

sessions() {
	sql 'SELECT count(*) FROM sessions'
}

# ---- what tests expect; needs lib/client.bash ----------------------------

forget_tables() {
	sql 'DROP SCHEMA IF EXISTS krsession CASCADE' 2>/dev/null
}

# krsessiond with short times.
serve_briefly() { # [KRSESSIOND OPTION...]
	postgresql_serve -o session.io_timeout=500ms \
		-o postgresql.connect_timeout=500ms "$@"
}

# And a session with color=purple, in $cookie.
start() { # [KRSESSIOND OPTION...]
	serve_briefly "$@"
	new_session
}

new_session() {
	ask '/session/set?key=color&value=purple'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
}

# The same over TCP, with the relay in between.
start_behind_relay() { # [KRSESSIOND OPTION...]
	free_port RELAY
	relay_mode pass
	server_start relay "$KR_BUILD/tests/relay" "$RELAY" \
		"$PG_SOCKET" "$STACK/relay.mode"
	within 10 port_answers "$RELAY"
	start -o "postgresql.conninfo=$(PORT=$RELAY conninfo_of 127.0.0.1 \
		krsession sslmode=disable)" "$@"
}

expect_hello() {
	ask /hello
	expect 200 'Hello, Session World!'
	((ms < 500)) || fail "hello took $ms ms"
}

# What needs the store is 503 with Retry-After, in time; hello is not.
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
	[ "$(store_value "$cookie" size)" = big ]
}

expect_logged() { # REGULAR EXPRESSION
	grep -qaE -e " (error|warning) postgresql.*: .*$1" \
		"$STACK/krsessiond.log" || fail "not logged: $1" \
		"$(grep -a postgresql "$STACK/krsessiond.log")"
}

# Somebody in psql has begun a transaction with these statements, and does not
# end it. What is written to the descriptor $hold goes on with it.
hold() { # STATEMENTS
	mkfifo "$STACK/hold"
	psql -qXAt -h "$PG" -p "$PORT" -U operator krsession <"$STACK/hold" \
		>"$STACK/held" 3>&- 4>&- &
	HOLDER=$!
	exec {hold}>"$STACK/hold"
	echo "BEGIN; $1; SELECT 'held';" >&"$hold"
	within 5 grep -q held "$STACK/held"
}

# Has locked the row of our session.
hold_row() {
	hold "SELECT FROM krsession.sessions WHERE id = '${cookie:0:22}' FOR UPDATE"
}

# Who has this lock has the turn to make tables.
# shellcheck disable=SC2034 # read by suites
TURN="7813309, hashtext('krsession')"

waits_its_turn() {
	sql "SELECT 'waits' FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted" | grep -q waits
}

# Servers that were started meanwhile hold the pipe open, too.
release() {
	echo '\q' >&"$hold"
	exec {hold}>&-
	wait "$HOLDER"
	rm "$STACK/hold"
}

# ---- looks at a session, as lib/stack.bash has them ----------------------

store_has() { # COOKIE VALUE
	[[ $(sql "SELECT count(*) FROM sessions WHERE id = '${1:0:22}'") == 1 ]]
}

store_value() { # COOKIE VALUE, KEY
	sql "SELECT data FROM session_values
		WHERE id = '${1:0:22}' AND key = '$2'"
}

store_keys() { # COOKIE VALUE
	sql "SELECT key FROM session_values WHERE id = '${1:0:22}'" |
		grep -v '^@' | sort | paste -sd' '
}

store_own() { # COOKIE VALUE
	{
		sql "SELECT CASE WHEN was IS NULL AND length(auth) = 32 AND version > 0
				AND born < now() AND seen < now() AND ends > now()
			THEN '@auth @born @seen @ver' END
			FROM sessions WHERE id = '${1:0:22}'"
		sql "SELECT key FROM session_values WHERE id = '${1:0:22}'" |
			grep '^@'
	} | tr ' ' '\n' | sort | paste -sd' '
}
