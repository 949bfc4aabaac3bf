# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2120
# shellcheck disable=SC2154,SC2030,SC2031 # $code, $cookie: of the libraries
#
# The sessions of a user in PostgreSQL: tables of version 1, who may add what
# they lack, the limit over several programs, and what it costs. All tests share
# one server, which each leaves as it was. The contract is
# tests/conformance.bats' business.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"
# shellcheck source=lib/limit.bash
source "$BATS_TEST_DIRNAME/lib/limit.bash"

bats_require_minimum_version 1.5.0 # run !

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
	kill "${LOGINS[@]}" 2>/dev/null || true
	for name in krsessiond second third fourth; do
		! server_running "$name" || server_stop "$name" || bad=1
	done
	server_running postgresql || postgresql_start_server
	forget_tables
	sql postgres 'DROP ROLE IF EXISTS web' 2>/dev/null
	return "$bad"
}

sessions_of() { # USER
	sql "SELECT count(*) FROM session_values JOIN sessions USING (id)
		WHERE key = '@user' AND data = '$1' AND ends > clock_timestamp()"
}

log_in() { # USER
	ask "/session/login?user=$1"
	[ "$code" = 200 ]
	cookie=$(cookie_value)
}

# ---- tables of version 1 --------------------------------------------------

additions() {
	sql "SELECT count(*) FROM pg_class WHERE relname IN
		('session_values_user', 'counters', 'counters_ends')"
}

# As a program of version 1 made them.
plant_version_1() {
	sql "CREATE SCHEMA krsession;
		CREATE TABLE sessions (
		  id text COLLATE \"C\" PRIMARY KEY,
		  auth bytea NOT NULL,
		  was bytea,
		  was_at timestamptz,
		  born timestamptz NOT NULL,
		  version bigint NOT NULL,
		  seen timestamptz NOT NULL,
		  ends timestamptz NOT NULL,
		  sweep timestamptz NOT NULL GENERATED ALWAYS AS
		    (date_bin('15 minutes', ends, '2000-01-01 00:00:00+00')) STORED
		) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
		CREATE INDEX sessions_sweep ON sessions (sweep);
		CREATE TABLE session_values (
		  id text COLLATE \"C\" REFERENCES sessions ON DELETE CASCADE,
		  key bytea,
		  data bytea NOT NULL,
		  PRIMARY KEY (id, key)
		) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
		CREATE TABLE version (number integer NOT NULL);
		INSERT INTO version VALUES (1)"
}

# Who owns them.
plant_version_1_of() { # ROLE
	plant_version_1
	sql "ALTER SCHEMA krsession OWNER TO $1;
		ALTER TABLE sessions OWNER TO $1;
		ALTER TABLE session_values OWNER TO $1;
		ALTER TABLE version OWNER TO $1"
}

# A session of a user with that proof, 32 times a letter; its cookie in $cookie.
plant_session() { # USER NUMBER
	local id proof
	id=$(printf 'planted%014dA' "$2")
	proof=$(head -c 32 /dev/zero | tr '\0' "$2" | base64 | tr +/ -_ | tr -d =)
	sql "INSERT INTO sessions (id, auth, born, version, seen, ends)
			VALUES ('$id', sha256(convert_to(repeat('$2', 32), 'UTF8')),
			now(), 1, now(), now() + interval '20 s');
		INSERT INTO session_values VALUES ('$id', '@user', '$1'),
			('$id', '@login', extract(epoch FROM now())::bigint::text::bytea)"
	cookie=$id$proof
}

@test "sessions of tables of version 1 live on and are found by their user" {
	local maxs evas
	plant_version_1_of krsession
	plant_session max 1
	maxs=$cookie
	plant_session eva 2
	evas=$cookie
	[ "$(additions)" -eq 0 ]
	postgresql_serve -o session.max_per_user=1
	ask_as "$maxs" /session/whoami
	expect 200 '{"user":"max"}'
	grep -qa 'the tables in schema krsession are of version 2 now' \
		"$STACK/krsessiond.log"
	[ "$(additions)" -eq 3 ]
	[ "$(sql 'SELECT number FROM version')" -eq 1 ]
	log_in max
	ask_as "$maxs" /session/whoami
	[ "$code" = 401 ]
	ask_as "$evas" /session/whoami
	expect 200 '{"user":"eva"}'
}

@test "programs that start at once on tables of version 1 all serve" {
	local name pids=()
	plant_version_1_of krsession
	for name in second third fourth; do
		postgresql_serve_as "$name" -o server.workers=4
	done
	for name in second third fourth; do
		"$KR_BUILD/tests/fcgi_client" -q -n 16 "$STACK/$name.sock" \
			/session/counter >"$STACK/began.$name" 3>&- 4>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	grep -qa 'of version 2 now' "$STACK"/{second,third,fourth}.log
	[ "$(additions)" -eq 3 ]
	[ "$(cat "$STACK"/began.* | grep -cv '^200')" -eq 0 ] ||
		fail "$(cat "$STACK"/began.*)"
}

@test "who does not own tables of version 1 says what their owner is to run" {
	sql postgres 'CREATE ROLE web LOGIN'
	plant_version_1
	plant_session max 1
	sql 'GRANT USAGE ON SCHEMA krsession TO web;
		GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, session_values TO web;
		GRANT SELECT ON version TO web'
	serve_briefly -o "postgresql.conninfo=$(conninfo_of "$PG" web)"
	ask_as "$cookie" /session/whoami
	expect_unavailable
	expect_logged 'must be owner of table session_values'
	# What the line prints is right, and enough.
	grep -a 'let their owner run' "$STACK/krsessiond.log" | head -n 1 |
		sed 's/.*stores.md: //; s/;).*/;/' >"$STACK/remedy.sql"
	sql "$(<"$STACK/remedy.sql")"
	[ "$(additions)" -eq 3 ]
	within 5 opens_for_max || fail "$code $body"
}

opens_for_max() {
	ask_as "$cookie" /session/whoami
	[[ $code == 200 && $body == '{"user":"max"}' ]]
}

# Its second block of SQL.
documented_additions() {
	awk '/^SET search_path TO krsession;$/ { blocks++ }
		/^```$/ { on = 0 }
		/^SET search_path TO krsession;$/ && blocks == 2 { on = 1 }
		on' "$KR_ROOT/docs/stores.md"
}

@test "what docs/stores.md prints makes version 2 of tables of version 1" {
	local role=web
	sql postgres 'CREATE ROLE web LOGIN'
	postgresql_serve
	log_in max
	server_stop krsessiond
	postgresql_dump -s -x -O -n krsession >"$STACK/made.sql"
	forget_tables
	plant_version_1
	plant_session max 1
	documented_additions | psql -qX -v ON_ERROR_STOP=1 -h "$PG" -p "$PORT" \
		-U operator krsession
	postgresql_dump -s -x -O -n krsession >"$STACK/added.sql"
	diff <(statements "$STACK/made.sql") <(statements "$STACK/added.sql")
	sql "GRANT USAGE ON SCHEMA krsession TO $role;
		GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, session_values TO $role;
		GRANT SELECT ON version TO $role"
	postgresql_serve -o "postgresql.conninfo=$(conninfo_of "$PG" $role)"
	opens_for_max
	run "$KR_INSTALLED/bin/krsessionctl" -o store.kind=postgresql \
		-o "postgresql.conninfo=$(conninfo_of "$PG" $role)" check
	[[ $output == *"user $role has the rights that it needs"* ]]
}

# Without what differs from dump to dump.
statements() { # DUMP
	grep -vE -e '^--' -e '^.(un)?restrict ' "$1"
}

# A tenth of session.io_timeout, for which rows are waited for, is over by then.
@test "who waited for another's additions waits for nobody who uses them" {
	sql postgres 'CREATE ROLE web'
	plant_version_1_of krsession
	plant_session max 1
	hold "SELECT pg_advisory_lock($TURN)"
	postgresql_serve
	"$KR_BUILD/tests/fcgi_client" -q -c "Kr.Session=$cookie" "$KR_SOCKET" \
		/session/whoami >"$STACK/asked" 3>&- 4>&- &
	within 10 waits_its_turn
	sleep 1
	documented_additions | psql -qX -v ON_ERROR_STOP=1 -h "$PG" -p "$PORT" \
		-U operator krsession
	echo "LOCK TABLE krsession.session_values IN ROW EXCLUSIVE MODE;
		SELECT pg_advisory_unlock($TURN);" >&"$hold"
	wait "$!"
	release
	grep -q '^200' "$STACK/asked" || fail "$(<"$STACK/asked")" \
		"$(<"$STACK/krsessiond.log")"
}

@test "krsessionctl leaves tables of version 1 as they are, and reads them" {
	local options
	plant_version_1_of krsession
	plant_session max 1
	mapfile -t options < <(postgresql_options)
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" count
	[ "$output" = 1 ]
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" check
	[[ $output == *'its tables are of version 1: there are no counters'* ]]
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" sweep
	[ "$output" = 'swept 0' ]
	[ "$(additions)" -eq 0 ]
}

# A session in psql, as a program of version 1 has it.
@test "an index that takes its time is made all the same, and waited for" {
	plant_version_1_of krsession
	plant_session max 1
	sql "INSERT INTO sessions (id, auth, born, version, seen, ends)
			SELECT 'many' || lpad(i::text, 18, '0'), '', now(), 1, now(),
			now() + interval '1 hour' FROM generate_series(1, 100000) i;
		INSERT INTO session_values SELECT id, '@user', id::bytea FROM sessions
			WHERE id LIKE 'many%'"
	postgresql_serve -o session.io_timeout=100ms \
		-o postgresql.connect_timeout=100ms
	within 20 opens_for_max || fail "$code $body"
	[ "$(additions)" -eq 3 ]
	sql 'DELETE FROM sessions'
}

# ---- the limit -----------------------------------------------------------

reaches_its_tables() { # SOCKET
	KR_SOCKET=$1 ask_as "$FORGED" /session/whoami
	[[ $code == 401 ]]
}

serve_two() { # [OPTION...]
	postgresql_serve "$@"
	postgresql_serve_as second "$@"
	within 20 reaches_its_tables "$KR_SOCKET"
	within 20 reaches_its_tables "$STACK/second.sock"
}

@test "by the rule to refuse, two programs let three in and no more" {
	serve_two -o session.max_per_user=3 -o session.max_per_user_rule=refuse
	logins_at 25 "$KR_SOCKET" "$STACK/second.sock"
	[ "$(answers 200)" -eq 3 ] || fail "$(cat "$STACK"/logins.* | sort | uniq -c)"
	[ "$(answers 403)" -eq 197 ]
	[ "$(sessions_of max)" -eq 3 ]
	[ "$(sessions)" -eq 3 ]
	log_in eva
}

@test "by the rule to end the oldest, three are left of two programs' logins" {
	serve_two -o session.max_per_user=3
	logins_start "$KR_SOCKET" "$STACK/second.sock"
	stays_within 3 40
	logins_stop
	[ "$(sessions_of max)" -eq 3 ]
	[ "$(sql 'SELECT count(DISTINCT id) FROM session_values')" -eq 3 ]
	[ "$(answers 200)" -gt 50 ]
	[ "$(cat "$STACK"/logins.* | grep -cE '^(5|4)')" -eq 0 ] ||
		fail "$(cat "$STACK"/logins.* | cut -d' ' -f1 | sort | uniq -c)"
	log_in max
	ask_as "$cookie" /session/whoami
	expect 200 '{"user":"max"}'
}

@test "a program or a server that is killed in between leaves no more than the limit" {
	serve_two -o session.max_per_user=2
	logins_start "$KR_SOCKET" "$STACK/second.sock"
	stays_within 2 10
	server_kill second
	stays_within 2 10
	postgresql_crash
	logins_stop
	postgresql_start_server
	[ "$(sessions_of max)" -le 2 ]
	within 5 may_log_in || fail "$code $body" "$(grep -av debug "$STACK/krsessiond.log")"
	log_in max
	[ "$(sessions_of max)" -eq 2 ]
}

may_log_in() {
	ask '/session/login?user=max'
	[[ $code == 200 ]]
}

@test "a login waits for a row that somebody holds, and ends nothing in vain" {
	local first
	serve_briefly -o session.max_per_user=1
	log_in max
	first=$cookie
	hold_row
	ask '/session/login?user=max'
	expect_unavailable
	[ "$(sessions_of max)" -eq 1 ]
	release
	ask_as "$first" /session/whoami
	expect 200 '{"user":"max"}'
	log_in max
	ask_as "$first" /session/whoami
	[ "$code" = 401 ]
}

@test "an end of all outlasts a row that somebody holds for longer than locks may take" {
	local options ending
	mapfile -t options < <(postgresql_options)
	serve_briefly
	log_in max
	hold_row
	"$KR_INSTALLED/bin/krsessionctl" "${options[@]}" end --user max &
	ending=$!
	within 5 grep -aq 'due to lock timeout' "$STACK/postgresql.log"
	release
	wait "$ending"
	ask_as "$cookie" /session/whoami
	[ "$code" = 401 ]
}

# ---- what it costs --------------------------------------------------------

logged_statements() {
	grep -aoE 'execute kr_[a-z_]+' "$STACK/postgresql.log" |
		grep -v kr_sweep | cut -d' ' -f2 | xargs
}

@test "a login costs what a write does, and with a limit two or three more statements" {
	sql postgres 'ALTER ROLE krsession SET log_statement TO "all"'
	postgresql_serve
	log_in eva
	: >"$STACK/postgresql.log"
	log_in max
	[ "$(logged_statements)" = 'kr_lock kr_end kr_create' ]
	server_stop krsessiond
	postgresql_serve -o session.max_per_user=9
	log_in eva
	: >"$STACK/postgresql.log"
	log_in max
	[ "$(logged_statements)" = \
		'kr_enter kr_lock_user kr_end kr_create_within kr_limit' ]
	: >"$STACK/postgresql.log"
	ask_as "$cookie" '/session/login?user=eva'
	[ "$(logged_statements)" = \
		'kr_load kr_enter kr_lock_user kr_update_within kr_limit' ]
	: >"$STACK/postgresql.log"
	ask /session/counter
	[ "$(logged_statements)" = 'kr_lock kr_end kr_create' ]
	server_stop krsessiond
	postgresql_serve -o session.max_per_user=9 \
		-o session.max_per_user_rule=refuse
	log_in eva
	: >"$STACK/postgresql.log"
	log_in max
	[ "$(logged_statements)" = 'kr_enter kr_lock kr_end kr_create_within' ]
	sql postgres 'ALTER ROLE krsession RESET ALL'
}

scans() {
	sql "SELECT (SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes
			WHERE indexrelname = 'session_values_user'),
		(SELECT sum(seq_scan) FROM pg_stat_user_tables
			WHERE relname IN ('sessions', 'session_values'))"
}

are_by_the_index() { # SEQUENTIAL SCANS BEFORE
	local by_index whole
	IFS='|' read -r by_index whole < <(scans)
	((by_index > 0 && whole == $1))
}

values_are_hot() { # N
	local all hot
	IFS='|' read -r all hot < <(sql "SELECT n_tup_upd, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relname = 'session_values'")
	((all >= $1 && hot * 10 >= all * 9))
}

@test "a value that changes leaves the index by user alone" {
	postgresql_serve
	log_in max
	for _ in {1..30}; do
		ask_as "$cookie" /session/counter
		[ "$code" = 200 ]
	done
	server_stop krsessiond
	within 5 values_are_hot 29
}

@test "who may not touch counters sweeps sessions all the same" {
	postgresql_serve
	log_in max
	server_stop krsessiond
	sql "ALTER TABLE counters OWNER TO operator;
		UPDATE sessions SET ends = now() - interval '1 hour'"
	postgresql_serve
	log_in eva
	within 10 sessions_are 1 || fail "$(sessions) are left"
	expect_logged 'permission denied for table counters'
}

sessions_are() { # N
	ask_as "$cookie" /session/counter
	[[ $(sessions) == "$1" ]]
}

@test "a user's sessions are found by their index, and no table is read whole" {
	local before
	postgresql_serve -o session.max_per_user=1
	log_in max
	server_stop krsessiond # its counts are the server's now
	before=$(scans)
	postgresql_serve -o session.max_per_user=1
	log_in max
	log_in max
	server_stop krsessiond
	within 5 are_by_the_index "${before#*|}" || fail "$before" "$(scans)"
}

# ---- counters -------------------------------------------------------------

@test "counters that have ended are swept as others write" {
	postgresql_serve
	log_in max
	server_stop krsessiond
	sql "INSERT INTO counters SELECT i::text::bytea, i, now() - interval '1 s'
			FROM generate_series(1, 1000) i;
		INSERT INTO counters VALUES ('lives', 1, now() + interval '10 min')"
	postgresql_serve
	within 20 counters_are 1
	[ "$(sql 'SELECT name FROM counters')" = lives ]
}

counters_are() { # N
	ask_as "$cookie" /session/counter
	[[ $(sql 'SELECT count(*) FROM counters') == "$1" ]]
}
