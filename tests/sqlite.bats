# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# What the store in a file of SQLite promises beyond the contract: that what
# was acknowledged is kept, whatever ends, and that processes share a file.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/sqlite.bash
source "$BATS_TEST_DIRNAME/lib/sqlite.bash"
# shellcheck source=lib/checker.bash
source "$BATS_TEST_DIRNAME/lib/checker.bash"

bats_require_minimum_version 1.5.0 # run !

setup() {
	stack_open
	sqlite_start
}

teardown() {
	kill "${COUNTERS[@]}" 2>/dev/null || true
	stack_close
}

# ---- the start -----------------------------------------------------------

@test "the start makes the file, for its owner alone, and names it" {
	sqlite_serve
	log_tells "info sessions are in $SQLITE (SQLite 3."
	warm_session
	[ "$(stat -c %a "$SQLITE" "$SQLITE-wal" "$SQLITE-shm" | xargs)" = \
		'600 600 600' ]
}

# krsessiond refuses that file: with that status and words on one line.
refuses() { # STATUS WORDS [OPTION...]
	local options said status=0
	mapfile -t options < <(sqlite_options)
	said=$("$KR_DAEMON" -l "unix:$STACK/refused.sock" \
		"${options[@]}" "${@:3}" 2>&1) || status=$?
	[[ $status == "$1" && $said == *"$2"* && $said != *$'\n'* ]] ||
		fail "expected $1 and: $2" "got $status and: $said"
}

@test "a path that cannot be meant is refused, by -t too" {
	local test
	for test in -V -t; do
		[[ $test == -t ]] || test=-ostore.kind=sqlite
		SQLITE=sessions.sqlite refuses 2 'store.path = sessions.sqlite:'`
			`' must begin with /' "$test"
		SQLITE=$STACK/no/sessions refuses 2 "store.path = $STACK/no/sessions:`
			` its folder is not there" "$test"
		SQLITE=$STACK/secrets/x refuses 2 'its folder is none' "$test"
		SQLITE=$STACK refuses 2 "store.path = $STACK: must be a file" "$test"
	done
}

@test "-t makes no file" {
	local options
	mapfile -t options < <(sqlite_options)
	"$KR_DAEMON" "${options[@]}" -t
	[ ! -e "$SQLITE" ]
}

@test "a file of a newer krsession is refused and left as it is" {
	sqlite_serve
	server_stop krsessiond
	sql 'PRAGMA user_version = 7'
	refuses 1 "store.path = $SQLITE: made by a newer krsession: its tables`
		` are of version 7, and this program knows 2 at most"
	[ "$(sql 'PRAGMA user_version')" -eq 7 ]
}

@test "a database of another program is refused and left as it is" {
	sql 'CREATE TABLE precious (n)'
	refuses 1 "store.path = $SQLITE: a database of another program"
	[ "$(sql 'SELECT name FROM sqlite_master')" = precious ]
}

@test "a file that is no database is refused and left as it is" {
	yes precious | head -n 1000 >"$SQLITE" || true
	cp "$SQLITE" "$STACK/before"
	refuses 1 "store.path = $SQLITE: file is not a database"
	cmp "$SQLITE" "$STACK/before"
}

@test "a folder that may not be written is refused at the start" {
	((EUID == 0)) || skip "only root can mount"
	mapfile -t options < <(sqlite_options)
	# shellcheck disable=SC2016 # for the inner shell
	run unshare -m -- sh -c 'mount --bind -o ro "$0" "$0" &&
		mount -o remount,bind,ro "$0" && shift && exec "$@"' \
		"$STACK/store" -- "$KR_DAEMON" \
		-l "unix:$STACK/refused.sock" "${options[@]}"
	[ "$status" -eq 1 ]
	[[ $output == *"store.path = $SQLITE: Read-only file system"* ]]
}

@test "others who may see the file are warned of" {
	sqlite_serve
	server_stop krsessiond
	chmod 640 "$SQLITE"
	sqlite_serve
	log_tells "sqlite: $SQLITE: its mode is 0640"
}

# ---- what is kept --------------------------------------------------------

@test "sessions outlive a restart" {
	sqlite_serve
	warm_session
	server_stop krsessiond
	[ ! -e "$SQLITE-wal" ]
	sqlite_serve
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
}

# Each session's counter in the file is the last that was acknowledged, or
# one more, whose answer did not arrive.
acknowledged_is_kept() {
	local name last kept
	for name in $(counting); do
		last=$(grep ' 200 ' "$STACK/acks/$name" | tail -n 1 |
			sed 's/.*"counter":\([0-9]*\)}$/\1/')
		kept=$(store_value "$name" counter)
		((kept == last || kept == last + 1)) ||
			fail "$name: acknowledged $last, kept $kept"
	done
}

@test "what was acknowledged is there after kill -9, three times over" {
	for _ in 1 2 3; do
		rm -rf "$STACK/acks"
		sqlite_serve
		counting_start 8
		counting_goes_on 50
		server_kill krsessiond
		counting_stop
		is_whole
		acknowledged_is_kept
	done
	sqlite_serve
	[ "$(sessions)" -ge 8 ]
}

@test "no session's secret is in the file or its log of writes" {
	sqlite_serve
	warm_session
	ask_as "$cookie" '/session/login?user=max'
	[ -s "$SQLITE-wal" ]
	! grep -aF -e "${cookie:22}" "$STACK/store/"* || fail "it is"
	sql .dump >"$STACK/dumped"
	grep -qF -e "${cookie:0:22}" "$STACK/dumped"
	! grep -F -f "$STACK/secrets" "$STACK/dumped" || fail "it is dumped"
}

# ---- parallel ------------------------------------------------------------

# So many requests of one session at each address; their counts, sorted.
count_at() { # N ADDRESS...
	local n=$1 address pids=() pid
	shift
	for address; do
		"$KR_BUILD/tests/fcgi_client" --trace -n 20 -r $((n / 20)) \
			-c "Kr.Session=$cookie" "$address" /session/counter \
			>"$STACK/counts.${address##*/}" 3>&- 4>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	cat "$STACK"/counts.* | sed -n 's/.* 200 .*"counter":\([0-9]*\)}$/\1/p' |
		sort -n
}

@test "1,000 parallel requests of one session count exactly 1,000" {
	sqlite_serve
	warm_session # counts to 2
	diff <(count_at 1000 "$KR_SOCKET") <(seq 3 1002)
	[ "$(store_value "$cookie" counter)" -eq 1002 ]
	is_whole
}

@test "two processes on one file count exactly" {
	sqlite_serve
	sqlite_serve_as second
	warm_session
	diff <(count_at 400 "$KR_SOCKET" "$STACK/second.sock") <(seq 3 802)
	[ "$(store_value "$cookie" counter)" -eq 802 ]
	is_whole
	server_stop second
}

@test "eight processes that start at once make one file" {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		mapfile -t options < <(sqlite_options)
		kr_listen "p$i" krsessiond "unix:$STACK/p$i.sock" "${options[@]}"
	done
	for i in 1 2 3 4 5 6 7 8; do
		within 10 kr_answers "$STACK/p$i.sock" /session/counter ||
			fail "$i does not serve"
	done
	[ "$(sessions)" -ge 8 ]
	is_whole
	for i in 1 2 3 4 5 6 7 8; do
		server_stop "p$i"
	done
}

@test "a pool full of blocking handlers does not hold up the store" {
	local options
	mapfile -t options < <(sqlite_options)
	sqlite_serve
	slow_start "${options[@]}" -o server.threads=1
	warm_session
	slow_begin "$cookie" '/slow/set?key=k&value=v'
	"$KR_BUILD/tests/fcgi_client" -q "$STACK/slow.sock" \
		"/slow/count?gate=$STACK/other" >"$STACK/other.answer" 3>&- 4>&- &
	slow_go_on
	slow_end
	[ "$SLOW_CODE" = 200 ] # while the other has the pool's only thread
	[ ! -s "$STACK/other.answer" ]
	printf x >"$STACK/other"
	wait $!
	[[ $(<"$STACK/other.answer") == '200 '* ]]
}

@test "as a plain CGI program it keeps sessions" {
	local answer cookie n
	for n in 1 2 3; do
		answer=$(env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET \
			PATH_INFO=/session/counter KRSESSION_STORE_KIND=sqlite \
			"KRSESSION_STORE_PATH=$SQLITE" "HTTP_COOKIE=${cookie-}" \
			"$KR_DAEMON" </dev/null 2>"$STACK/cgi.log")
		[[ $answer == *"\"counter\":$n}" ]]
		[ ! -s "$STACK/cgi.log" ]
		((n > 1)) || cookie=$(sed -n \
			's/^Set-Cookie: \([^;]*\);.*/\1/Ip' <<<"$answer")
	done
	is_whole
}

@test "a plain CGI program that only reads keeps its session alive" {
	local ends
	sqlite_serve
	warm_session
	sql "UPDATE sessions SET seen = seen - 15000, ends = ends - 15000"
	ends=$(sql 'SELECT ends FROM sessions')
	env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET \
		PATH_INFO=/session/whoami KRSESSION_STORE_KIND=sqlite \
		"KRSESSION_STORE_PATH=$SQLITE" KRSESSION_COOKIE_NAME=Kr.Session \
		KRSESSION_SESSION_IDLE_TIMEOUT=20s "HTTP_COOKIE=Kr.Session=$cookie" \
		"$KR_DAEMON" </dev/null
	[ "$(sql 'SELECT ends FROM sessions')" -ge $((ends + 14000)) ]
}

# ---- time ----------------------------------------------------------------

@test "reading a session writes nothing, and then prolongs it once" {
	local ends
	sqlite_serve -o session.idle_timeout=20m
	warm_session
	ends=$(sql 'SELECT ends FROM sessions')
	for _ in 1 2 3; do
		ask_as "$cookie" /session/whoami
	done
	[ "$(sql 'SELECT ends FROM sessions')" -eq "$ends" ]
	sql 'UPDATE sessions SET seen = seen - 80000'
	ask_as "$cookie" /session/whoami
	within 10 [ "$(sql "SELECT ends > $ends FROM sessions")" ]
	within 10 is_prolonged "$ends"
	[ "$(sql 'SELECT version FROM sessions')" -eq 2 ]
}

is_prolonged() { # ENDS
	(($(sql 'SELECT ends FROM sessions') > $1))
}

none_is_left() {
	[[ $(sql 'SELECT (SELECT count(*) FROM sessions) +
		(SELECT count(*) FROM session_values)') == 0 ]]
}

@test "a session that has ended is not found, and is swept" {
	sqlite_serve -o session.idle_timeout=1s
	"$KR_BUILD/tests/fcgi_client" -q -n 32 -r 20 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 640 ]
	within 20 none_is_left || fail "$(sessions) are left"
	is_whole
}

# ---- what operators look at ------------------------------------------------

# The commands of docs/stores.md, on the file as it is called there.
documented() {
	grep '^    sqlite3 sessions.sqlite ' "$KR_ROOT/docs/stores.md"
}

@test "the looks that docs/stores.md prints work while it serves" {
	sqlite_serve
	warm_session
	ask_as "$cookie" '/session/login?user=max'
	cd "$STACK/store"
	[ "$(documented | bash -e)" = "${cookie:0:22}|max"$'\n1' ]
	[ "$(sqlite3 backup.sqlite 'SELECT count(*) FROM sessions')" -eq 1 ]
}

# Does what docs/stores.md prints for a damaged file, and puts the new one in
# its place.
recover() {
	sed -n '/^Of a damaged file/,/^Never/s/^    //p' "$KR_ROOT/docs/stores.md" \
		>"$STACK/recover"
	grep -q sqlite3 "$STACK/recover"
	(cd "$STACK/store" && bash "$STACK/recover")
	rm -f "$SQLITE" "$SQLITE"-*
	mv "$STACK/store/new.sqlite" "$SQLITE"
}

@test "what docs/stores.md saves of a file serves in its place" {
	sqlite_serve
	warm_session
	server_stop krsessiond
	recover
	sqlite_serve
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
	[ "$(stat -c %a "$SQLITE")" = 600 ]
	run ! grep -a warning "$STACK/krsessiond.log"
}

@test "what docs/stores.md saves of a damaged file is most of it" {
	sqlite_serve
	server_stop krsessiond
	sql "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 2000)
		INSERT INTO sessions SELECT printf('%022d', i), x'00', NULL, 0, 1, 1, 1,
			(unixepoch() + 3600) * 1000 + i FROM n;
		INSERT INTO session_values SELECT id, 'k', 'value' FROM sessions;
		PRAGMA wal_checkpoint(TRUNCATE)"
	yes | dd of="$SQLITE" bs=4096 seek=40 count=1 iflag=fullblock conv=notrunc status=none
	[ "$(sql 'PRAGMA integrity_check')" != ok ]
	recover
	is_whole
	(($(sql 'SELECT count(*) FROM sessions') > 1000))
	(($(sql 'SELECT count(*) FROM session_values') > 1000))
	sqlite_serve
	warm_session
}
