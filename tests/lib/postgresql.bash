# shellcheck shell=bash disable=SC2119,SC2120
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

# The data of a new server, with its users and the database.
postgresql_make() {
	free_port PORT
	PG=$(mktemp -d "${TMPDIR:-/tmp}/krsession-pg-XXXXXX")
	export PG PG_SOCKET=$PG/.s.PGSQL.$PORT
	chmod 755 "$PG"
	((EUID != 0)) || chown postgres:postgres "$PG"
	as_postgres "$PG_BIN/initdb" -D "$PG/data" -U operator -A trust \
		--locale=C -E UTF8 --no-sync --no-instructions \
		>"$STACK/initdb.log" 2>&1 || fail "initdb" "$(<"$STACK/initdb.log")"
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

# ---- looks at a session, as lib/stack.bash has them ----------------------

store_has() { # COOKIE VALUE
	[[ $(sql "SELECT count(*) FROM sessions WHERE id = '${1:0:22}'") == 1 ]]
}

store_value() { # COOKIE VALUE, KEY
	sql "SELECT data FROM session_values
		WHERE id = '${1:0:22}' AND key = '$2'"
}

store_keys() { # COOKIE VALUE
	sql "SELECT key FROM session_values WHERE id = '${1:0:22}'" | sort |
		paste -sd' '
}

store_own() { # COOKIE VALUE
	sql "SELECT CASE WHEN was IS NULL AND length(auth) = 32 AND version > 0
			AND born < now() AND seen < now() AND ends > now()
		THEN '@auth @born @seen @ver' END
		FROM sessions WHERE id = '${1:0:22}'"
}
