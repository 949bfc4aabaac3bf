# shellcheck shell=bash disable=SC2119,SC2120,SC2154,SC2034
#
# krsessionctl on a store of any kind: how it is run, and how a test puts
# sessions where it finds them. The suite's name ends with the kind: redis,
# sqlite, postgresql; its own functions are those that end in its name.

KR_LIB=${BASH_SOURCE[0]%/*}
# shellcheck source=tests/lib/stack.bash
source "$KR_LIB/stack.bash"
# shellcheck source=tests/lib/client.bash
source "$KR_LIB/client.bash"
# shellcheck source=tests/lib/topologies.bash
source "$KR_LIB/topologies.bash"

ctl_open() {
	STORE=${BATS_TEST_FILENAME##*_}
	STORE=${STORE%.bats}
	stack_open
	case $STORE in
	sqlite)
		# shellcheck source=tests/lib/sqlite.bash
		source "$KR_ROOT/tests/lib/sqlite.bash"
		;;
	postgresql)
		# shellcheck source=tests/lib/postgresql.bash
		source "$KR_ROOT/tests/lib/postgresql.bash"
		;;
	esac
	"${STORE}_start"
	OPTIONS=()
	[[ $STORE == redis ]] ||
		mapfile -t OPTIONS < <("${STORE}_options")
}

ctl_close() {
	[[ ${STORE-} != postgresql ]] || postgresql_end
	stack_close
}

# krsessiond on the store.
serve() { # [KRSESSIOND OPTION...]
	kr_start "${OPTIONS[@]}" "$@"
	# It makes the tables when it first needs them.
	ask_as "$FORGED" /session/whoami
}

# The line that runs it with krsessiond's options, in CTL.
ctl_line() {
	local options
	mapfile -t options < <(kr_options)
	CTL=("$KR_INSTALLED/bin/krsessionctl" "${options[@]}" "${OPTIONS[@]}")
}

# Its answer is in $output, what it says besides in $stderr and $STACK/ctl.log,
# its status in $status.
ctl() { # ARGUMENT...
	ctl_line
	run --separate-stderr "${CTL[@]}" "$@"
	printf '%s\n' "$stderr" >>"$STACK/ctl.log"
}

expect_output() { # STATUS OUTPUT
	[[ $status == "$1" && $output == "$2" ]] ||
		fail "expected status $1: $2" "got $status: $output" "$stderr"
}

finding() { # KIND TEXT
	grep -qE "^$1 +$2" <<<"$output" ||
		fail "no finding: $1 $2" "$output" "$stderr"
}

# Logs in; the session's id and cookie are left in $id and $cookie.
log_in() { # USER
	ask "/session/login?user=$1"
	expect 200 "{\"message\":\"Logged in\",\"user\":\"$1\"}"
	cookie=$(cookie_value)
	id=${cookie:0:22}
}

is_gone() { # COOKIE
	ask_as "$1" /session/whoami
	expect 401 '{"error":"No active session or user not set"}'
}

is_there() { # COOKIE
	ask_as "$1" /session/whoami
	[ "$code" = 200 ]
}

# The id of a planted session.
planted() { # NUMBER
	printf '%021dA' "$1"
}

# ---- Redis --------------------------------------------------------------

# So many sessions of the user max that live for ten minutes.
plant_redis() { # N
	rcli eval "for i = 1, $1 do
		local key = 'KestrunSession_' .. string.format('%021d', i) .. 'A'
		redis.call('HSET', key, '@ver', 1, '@born', 1, '@seen', 1,
			'@auth', string.rep('x', 32), '@user', 'max',
			'text', string.rep('v', 100))
		redis.call('PEXPIRE', key, 600000) end" 0
}

# Bytes that are given in hexadecimal.
put_redis() { # ID KEY HEX
	printf '%b' "${3//??/\\x&}" | rcli -x hset "KestrunSession_$1" "$2"
}

seen_redis() { # ID
	rcli hget "KestrunSession_$1" @seen
}

hang_redis() {
	redis_pause
}

release_redis() {
	redis_continue
}

# ---- SQLite -------------------------------------------------------------

# The tables are there once krsessiond has been.
plant_sqlite() { # N [MS TO LIVE]
	sql "BEGIN;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
			SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO sessions (id, auth, born, version, seen, ends)
			SELECT printf('%021dA', i), zeroblob(32), 1, 1, 1,
				unixepoch() * 1000 + ${2:-600000} FROM n;
		INSERT INTO session_values SELECT id, '@user', CAST('max' AS BLOB)
			FROM sessions WHERE id LIKE '0%';
		INSERT INTO session_values SELECT id, 'text', zeroblob(100)
			FROM sessions WHERE id LIKE '0%';
		COMMIT"
}

put_sqlite() { # ID KEY HEX
	sql "INSERT OR REPLACE INTO session_values VALUES ('$1', '$2', x'$3')"
}

seen_sqlite() { # ID
	sql "SELECT seen FROM sessions WHERE id = '$1'"
}

# Somebody writes, and does not come to an end.
hang_sqlite() {
	mkfifo "$STACK/hold"
	sqlite3 "$SQLITE" <"$STACK/hold" >"$STACK/held" 3>&- 4>&- &
	HOLDER=$!
	exec {hold}>"$STACK/hold"
	printf 'BEGIN IMMEDIATE;\n.print held\n' >&"$hold"
	within 5 grep -q held "$STACK/held"
}

release_sqlite() {
	exec {hold}>&-
	wait "$HOLDER"
}

# ---- PostgreSQL ---------------------------------------------------------

plant_postgresql() { # N [MS TO LIVE]
	sql "WITH made AS (
			INSERT INTO sessions (id, auth, born, version, seen, ends)
			SELECT to_char(i, 'FM000000000000000000000') || 'A',
				repeat('x', 32)::bytea, now(), 1, now(),
				now() + ${2:-600000} * interval '1 ms'
			FROM generate_series(1, $1) i RETURNING id)
		INSERT INTO session_values SELECT id, '@user'::bytea, 'max'::bytea
			FROM made
		UNION ALL SELECT id, 'text', repeat('v', 100)::bytea FROM made"
}

put_postgresql() { # ID KEY HEX
	sql "INSERT INTO session_values VALUES ('$1', '$2', '\\x$3')
		ON CONFLICT (id, key) DO UPDATE SET data = excluded.data"
}

seen_postgresql() { # ID
	sql "SELECT seen FROM sessions WHERE id = '$1'"
}

hang_postgresql() {
	postgresql_pause
}

release_postgresql() {
	postgresql_continue
}
