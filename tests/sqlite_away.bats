# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# What happens when the file of SQLite cannot be had, is full or damaged, or
# an operator puts his hands on it.

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

# ---- what is in the way --------------------------------------------------

# Another process that has begun to write and does not end.
lock_begin() {
	mkfifo "$STACK/operator"
	sqlite3 -cmd '.timeout 10000' "$SQLITE" <"$STACK/operator" \
		>"$STACK/operator.said" 3>&- 4>&- &
	OPERATOR_PID=$!
	exec 7>"$STACK/operator"
	printf 'BEGIN IMMEDIATE;\n.print held\n' >&7
	within 10 grep -q held "$STACK/operator.said"
}

lock_end() {
	printf 'COMMIT;\n.quit\n' >&7
	exec 7>&-
	wait "$OPERATOR_PID"
}

@test "a lock that another process holds is waited for, for io_timeout" {
	sqlite_serve -o session.io_timeout=500ms
	warm_session
	lock_begin
	ask_as "$cookie" /session/counter
	expect_unavailable
	((ms >= 450 && ms < 5000))
	ask_as "$cookie" '/session/get?key=counter'
	expect 200 '{"key":"counter","value":"2"}'
	for _ in 1 2 3; do
		ask_as "$cookie" /session/counter
		expect_unavailable
	done
	lock_end
	log_has 1 "sqlite: $SQLITE: another process has held it for too long"
	within 10 counts_again || fail "$code $body"
	log_has 1 "sqlite: $SQLITE: works again"
}

counts_again() {
	ask_as "$cookie" /session/counter
	[[ $code == 200 ]]
}

@test "a lock that is given back in time costs nobody an answer" {
	sqlite_serve
	warm_session
	other=$cookie
	warm_session
	lock_begin
	"$KR_BUILD/tests/fcgi_client" -c "Kr.Session=$cookie" "$KR_SOCKET" \
		/session/counter >"$STACK/answer" 3>&- 4>&- &
	client=$!
	ask_as "$other" '/session/get?key=counter'
	expect 200 '{"key":"counter","value":"2"}'
	[ ! -s "$STACK/answer" ]
	lock_end
	wait "$client"
	[[ $(<"$STACK/answer") == 200*'"counter":3}' ]]
}

@test "a file at its limit takes no more; sessions live on and end" {
	sqlite_serve -o store.file_limit=1MiB -o session.idle_timeout=20m
	warm_session
	fill_up
	is_full
	log_has 1 "sqlite: $SQLITE: full: store.file_limit = 1MiB is reached"
	[ "$(stat -c %s "$SQLITE")" -le $((1280 << 10)) ]
	ask_as "$full" /session/logout
	expect 200 '{"message":"Session cleared"}'
	within 10 counts_again || fail "$code $body"
	is_whole
}

BIG=$(printf 'x%.0s' {1..6000})

# Sessions until no more fit; the cookie of the first is left in $full.
fill_up() {
	ask "/session/set?key=k&value=$BIG"
	[ "$code" = 200 ]
	full=$(cookie_value)
	within 60 takes_no_more
}

# Writes are refused, each with its reason, and reads go on.
is_full() {
	expect 503 "$FULL"
	ask_as "$cookie" '/session/get?key=counter'
	expect 200 '{"key":"counter","value":"2"}'
}

FULL='{"error":"Session store is full"}'

# Three in a row, as a full file takes a write now and then.
takes_no_more() {
	for _ in 1 2 3; do
		ask "/session/set?key=k&value=$BIG"
		[[ $code == 503 && $body == "$FULL" ]] || return
	done
}

@test "a full disk costs writes 503, reads go on, and room mends it" {
	((EUID == 0)) || skip "only root can mount"
	small_disk_serve 8m -o session.idle_timeout=20m
	warm_session
	head -c 8m /dev/zero >"$INSIDE/filler" 2>/dev/null || true
	within 60 takes_no_more
	is_full
	log_has 1 'sessions.sqlite: the disk is full'
	rm "$INSIDE/filler"
	within 10 counts_again || fail "$code $body"
	ask_as "$cookie" '/session/get?key=counter'
	expect 200 '{"key":"counter","value":"3"}'
	is_whole
}

# ---- what operators do ---------------------------------------------------

is_new_and_counted() {
	counts_again && [[ -e $SQLITE && $(sessions) -ge 1 ]]
}

@test "a file that is deleted under load is made anew" {
	sqlite_serve
	sqlite_serve_as second
	warm_session
	counting_start 4
	rm "$SQLITE"
	counting_goes_on_somehow
	within 10 is_new_and_counted || fail "$code $body"
	kr_answers "$STACK/second.sock" /session/counter
	counting_stop
	log_has 1 "sqlite: $SQLITE: was deleted or replaced under us"
	[ "$(stat -c %a "$SQLITE")" = 600 ]
	is_whole
	server_stop second
}

# The clients' sessions are gone: each gets another.
counting_goes_on_somehow() {
	local name
	for name in $(counting); do
		within 20 grep -q ' new ' "$STACK/acks/$name" ||
			fail "$name is not answered any more"
	done
}

@test "a file that is replaced by another is used from then on" {
	sqlite_serve
	warm_session
	sql "VACUUM INTO '$STACK/backup'"
	ask_as "$cookie" /session/counter
	ask_as "$cookie" /session/logout
	mv "$STACK/backup" "$SQLITE"
	ask_as "$cookie" /session/counter
	expect 200 '{"message":"Counter incremented","counter":3}'
	log_has 1 "sqlite: $SQLITE: was deleted or replaced under us"
	is_whole
}

@test "a damaged page fails the sessions on it, and nothing crashes" {
	sqlite_serve
	warm_session
	for _ in {1..30}; do
		ask "/session/set?key=k&value=$BIG"
		[ "$code" = 200 ]
	done
	server_stop krsessiond
	# All but the first pages: the tables' roots.
	dd if=/dev/urandom of="$SQLITE" bs=4096 seek=5 count=20 \
		conv=notrunc status=none
	sqlite_serve
	for _ in {1..5}; do
		ask_as "$cookie" /session/counter
		ask "/session/set?key=k&value=$BIG"
		[[ $code == 200 || $code == 503 ]]
		ask /hello
		expect 200 'Hello, Session World!'
	done
}

# The commands of docs/stores.md, in the folder of the file.
rescue() {
	sed -n '/^    (umask 077/,/^    }/p' "$KR_ROOT/docs/stores.md" |
		(cd "$STACK/store" && bash)
}

@test "what docs/stores.md prints saves what can be read of a damaged file" {
	sqlite_serve
	for _ in {1..30}; do
		ask "/session/set?key=k&value=$BIG"
		[ "$code" = 200 ]
	done
	warm_session
	server_stop krsessiond
	dd if=/dev/urandom of="$SQLITE" bs=4096 seek=5 count=20 \
		conv=notrunc status=none
	run -1 is_whole
	[ "$(basename "$SQLITE")" = sessions.sqlite ]
	rescue
	mv "$STACK/store/new.sqlite" "$SQLITE"
	[ "$(stat -c %a "$SQLITE")" = 600 ]
	is_whole
	(($(sessions) > 0))
	sqlite_serve
	ask_as "$cookie" /session/counter
	[ "$code" = 200 ]
}
