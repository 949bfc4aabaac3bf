# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
# shellcheck disable=SC2154 # $code, $cookie: of the libraries
#
# The sessions of a user in a file of SQLite, where processes share it: a file
# of version 1, the limit, and what ends or fills up in between. The contract
# is tests/conformance.bats' business.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/sqlite.bash
source "$BATS_TEST_DIRNAME/lib/sqlite.bash"
# shellcheck source=lib/limit.bash
source "$BATS_TEST_DIRNAME/lib/limit.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	sqlite_start
}

teardown() {
	kill "${LOGINS[@]}" 2>/dev/null || true
	stack_close
}

sessions_of() { # USER
	sql "SELECT count(*) FROM session_values JOIN sessions USING (id)
		WHERE key = '@user' AND data = x'$(printf %s "$1" | od -An -tx1 |
		tr -d ' \n')' AND ends > unixepoch() * 1000"
}

log_in() { # USER
	ask "/session/login?user=$1"
	[ "$code" = 200 ]
	cookie=$(cookie_value)
}

# ---- a file of version 1 -------------------------------------------------

additions() {
	sql "SELECT count(*) FROM sqlite_master WHERE name IN
		('session_values_user', 'counters', 'counters_ends')"
}

# A file as a program of version 1 leaves it, with sessions of max and eva in
# $cookie and $evas.
make_version_1() {
	sqlite_serve -o session.idle_timeout=20m
	log_in eva
	evas=$cookie
	log_in max
	server_stop krsessiond
	sql 'DROP INDEX session_values_user; DROP TABLE counters'
	[ "$(additions)" -eq 0 ]
	[ "$(sql 'PRAGMA user_version')" -eq 1 ]
}

@test "sessions of a file of version 1 live on and are found by their user" {
	make_version_1
	sqlite_serve -o session.idle_timeout=20m -o session.max_per_user=1
	log_has 1 "sqlite: $SQLITE: its tables are of version 2 now"
	log_tells 'tables of version 2'
	[ "$(additions)" -eq 3 ]
	[ "$(sql 'PRAGMA user_version')" -eq 1 ]
	ask_as "$cookie" /session/whoami
	expect 200 '{"user":"max"}'
	log_in_elsewhere max
	ask_as "$cookie" /session/whoami
	[ "$code" = 401 ]
	ask_as "$evas" /session/whoami
	expect 200 '{"user":"eva"}'
	is_whole
}

log_in_elsewhere() { # USER
	local cookie
	log_in "$1"
}

@test "eight processes that start at once on a file of version 1 add to it once" {
	local i
	make_version_1
	for i in 1 2 3 4 5 6 7 8; do
		mapfile -t options < <(sqlite_options)
		kr_listen "p$i" krsessiond "unix:$STACK/p$i.sock" "${options[@]}"
	done
	for i in 1 2 3 4 5 6 7 8; do
		within 10 kr_answers "$STACK/p$i.sock" /session/counter ||
			fail "$i does not serve"
	done
	[ "$(cat "$STACK"/p?.log | grep -ac 'of version 2 now')" -eq 1 ]
	[ "$(additions)" -eq 3 ]
	is_whole
	for i in 1 2 3 4 5 6 7 8; do
		server_stop "p$i"
	done
}

@test "krsessionctl leaves a file of version 1 as it is, and reads it" {
	local options
	make_version_1
	mapfile -t options < <(sqlite_options)
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" count
	[ "$output" = 2 ]
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" check
	[[ $output == *"tables of version 1, and this program's are of 2"* ]]
	run "$KR_INSTALLED/bin/krsessionctl" "${options[@]}" sweep
	[ "$output" = 'swept 0' ]
	[ "$(additions)" -eq 0 ]
}

@test "where the disk has no room for it, a file of version 1 is left whole" {
	local options
	((EUID == 0)) || skip "only root can mount"
	make_version_1
	sql "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 20000)
		INSERT INTO session_values SELECT printf('%022d', i), '@user', randomblob(60) FROM n;
		PRAGMA wal_checkpoint(TRUNCATE)"
	mapfile -t options < <(sqlite_options)
	# shellcheck disable=SC2016 # for the inner shell
	run unshare -m -- sh -c 'mkdir "$0/small" &&
		mount -t tmpfs -o "size=$(($(stat -c %s "$1") / 1024 + 300))k" tmpfs "$0/small" &&
		cp "$1" "$0/small" &&
		"$2" -l "unix:$0/refused.sock" -o store.kind=sqlite \
			-o "store.path=$0/small/${1##*/}"
		cp "$0/small/${1##*/}" "$0/after.sqlite"' \
		"$STACK" "$SQLITE" "$KR_DAEMON"
	[[ $output == *'sessions.sqlite: the disk is full'* ]]
	SQLITE=$STACK/after.sqlite
	[ "$(additions)" -eq 0 ]
	[ "$(sessions)" -eq 2 ]
	is_whole
}

# ---- the limit -----------------------------------------------------------

serve_two() { # [OPTION...]
	sqlite_serve -o session.idle_timeout=20m "$@"
	sqlite_serve_as second -o session.idle_timeout=20m "$@"
}

@test "by the rule to refuse, two processes let three in and no more" {
	serve_two -o session.max_per_user=3 -o session.max_per_user_rule=refuse
	logins_at 25 "$KR_SOCKET" "$STACK/second.sock"
	[ "$(answers 200)" -eq 3 ]
	[ "$(answers 403)" -eq 197 ]
	[ "$(sessions_of max)" -eq 3 ]
	[ "$(sessions)" -eq 3 ]
	log_in eva
	server_stop second
}

@test "by the rule to end the oldest, three are left of two processes' logins" {
	serve_two -o session.max_per_user=3
	logins_start "$KR_SOCKET" "$STACK/second.sock"
	stays_within 3 40
	logins_stop
	[ "$(sessions_of max)" -eq 3 ]
	[ "$(sql 'SELECT count(DISTINCT id) FROM session_values')" -eq 3 ]
	log_in max
	ask_as "$cookie" /session/whoami
	expect 200 '{"user":"max"}'
	is_whole
	server_stop second
}

@test "a process that is killed in between leaves no more than the limit, and whole" {
	serve_two -o session.max_per_user=2
	for _ in 1 2 3; do
		logins_start "$KR_SOCKET" "$STACK/second.sock"
		stays_within 2 5
		server_kill second
		stays_within 2 5
		logins_stop
		is_whole
		[ "$(sql 'SELECT count(*) FROM session_values
			WHERE id NOT IN (SELECT id FROM sessions)')" -eq 0 ]
		sqlite_serve_as second -o session.idle_timeout=20m \
			-o session.max_per_user=2
	done
	log_in max
	[ "$(sessions_of max)" -eq 2 ]
	server_stop second
}

is_refused() {
	ask '/session/login?user=max'
	[[ $code == 503 ]]
}

may_log_in() {
	ask '/session/login?user=max'
	[[ $code == 200 ]]
}

@test "a login that finds the disk full ends nobody's session" {
	local first second each value
	((EUID == 0)) || skip "only root can mount"
	small_disk_serve 8m -o session.idle_timeout=20m -o session.max_per_user=2
	log_in max
	first=$cookie
	log_in max
	second=$cookie
	for value in a b c d e f; do
		ask_as "$second" "/session/set?key=$value&value=$(printf '%08000d' 0)"
	done
	head -c 8m /dev/zero >"$INSIDE/filler" 2>/dev/null || true
	"$KR_BUILD/tests/fcgi_client" -q -n 4 -r 200 "$KR_SOCKET" \
		/session/counter >"$STACK/fill"
	within 30 is_refused
	for _ in 1 2 3 4 5; do
		is_refused
	done
	for each in "$first" "$second"; do
		ask_as "$each" /session/whoami
		expect 200 '{"user":"max"}'
	done
	rm "$INSIDE/filler"
	within 10 may_log_in || fail "$code $body"
	[ "$(sessions_of max)" -eq 2 ]
	ask_as "$first" /session/whoami
	[ "$code" = 401 ]
	is_whole
}

# ---- counters -------------------------------------------------------------

@test "counters that have ended are swept as it serves" {
	sqlite_serve
	sql "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1000)
		INSERT INTO counters SELECT 'c' || i, i, i FROM n;
		INSERT INTO counters VALUES ('lives', 1, (unixepoch() + 600) * 1000)"
	within 15 counters_are 1 || fail "$(sql 'SELECT count(*) FROM counters')"
	[ "$(sql 'SELECT name FROM counters')" = lives ]
}

counters_are() { # N
	[[ $(sql 'SELECT count(*) FROM counters') == "$1" ]]
}
