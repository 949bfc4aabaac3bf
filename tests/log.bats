# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# What the daemon says on stderr, and what it never says.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

log_has() { # PATTERN
	grep -aqE "$1" "$STACK/krsessiond.log"
}

@test "at debug a request is one line that tells where its time went" {
	local value line
	redis_start
	kr_start
	ask -p REQUEST_ID=first /session/counter
	value=$(cookie_value)
	ask_as "$value" -p REQUEST_ID=req-42 '/session/get?key=counter'
	[ "$code" = 200 ]
	within 5 log_has req-42
	[ "$(grep -c req-42 "$STACK/krsessiond.log")" -eq 1 ]
	line=$(grep req-42 "$STACK/krsessiond.log")
	[[ $line == *" debug "*"${value:0:22}"* ]]
	[[ $line =~ GET\ /session/get.*200 ]]
	[[ $line =~ load[^0-9]+[0-9]+ ]]
	[[ $line =~ handle[^0-9]+[0-9]+ ]]
	[[ $line =~ commit[^0-9]+[0-9]+ ]]
}

@test "the log can be JSON, one object a line" {
	local value
	redis_start
	kr_start -o log.format=json
	ask -p REQUEST_ID=req-42 /session/counter
	value=$(cookie_value)
	within 5 log_has req-42
	jq -es --arg id "${value:0:22}" 'map(select(.request == "req-42"))
		| length == 1 and .[0].level == "debug"
		and .[0].session == $id' "$STACK/krsessiond.log"
}

@test "at info requests leave no line" {
	redis_start
	kr_start -o log.level=info
	ask -p REQUEST_ID=req-42 /session/counter
	[ "$code" = 200 ]
	server_stop krsessiond
	run grep -a req-42 "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

@test "the log holds no query, no value and no secret" {
	local value
	redis_start
	kr_start
	ask -p REQUEST_ID=first '/session/set?key=color&value=hush-hush'
	value=$(cookie_value)
	ask_as "$value" -p REQUEST_ID=last '/session/login?user=max-power'
	within 5 log_has last
	for word in "${value:22}" "$(cookie_value | cut -c23-)" hush-hush \
		max-power; do
		run grep -aF -e "$word" "$STACK/krsessiond.log"
		[ "$status" -eq 1 ]
	done
}

@test "a request cannot forge a log line" {
	redis_start
	kr_start
	ask -p REQUEST_ID=$'x\nforged' /hello
	ask -p REQUEST_ID=last $'/hello\nforged'
	[ "$code" = 404 ]
	within 5 log_has last
	run grep -a ^forged "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# ---- the journal --------------------------------------------------------

# Standard error is a file that is called the journal's.
journal_start() { # JOURNAL_STREAM [OPTION...]
	server_start krsessiond env "JOURNAL_STREAM=$1" "$KR_INSTALLED/bin/krsessiond" \
		-l "unix:$KR_SOCKET" "${@:2}" \
		-o "redis.endpoint=unix://$STACK/nobody.sock"
	within 10 kr_answers "$KR_SOCKET" /session/counter 503
	server_stop krsessiond
}

@test "the journal is told how important a line is, as text and as JSON" {
	local journal
	: >"$STACK/krsessiond.log"
	journal=$(stat -c %d:%i "$STACK/krsessiond.log")
	journal_start "$journal"
	journal_start "$journal" -o log.format=json
	[ "$(grep -c '^<3>.* error redis ' "$STACK/krsessiond.log")" -eq 1 ]
	[ "$(grep -c '^<3>{.*"level":"error"' "$STACK/krsessiond.log")" -eq 1 ]
	[ "$(grep -c '^<6>.* info serving on' "$STACK/krsessiond.log")" -eq 1 ]
	run grep -v '^<[346]>[2{]' "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

@test "a file that is not the journal is told nothing" {
	journal_start 1:1
	run grep '^<' "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# ---- a log that nobody reads --------------------------------------------

# Standard error is a pipe that stays open and is not read.
start_unread() {
	local options
	mkfifo "$STACK/pipe"
	mapfile -t options < <(kr_options)
	# shellcheck disable=SC2016 # expanded by the inner shell
	server_start krsessiond bash -c 'exec "$@" 2<>"$0"' "$STACK/pipe" \
		"$KR_DAEMON" -l "unix:$KR_SOCKET" "${options[@]}"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "krsessiond does not start"
}

# At debug: more lines than the pipe and the queue take.
write_many() {
	"$KR_BUILD/tests/fcgi_client" -q -k -n 8 -r 1000 "$KR_SOCKET" /hello \
		>"$STACK/answers"
	[ "$(grep -c '^200' "$STACK/answers")" -eq 8000 ]
}

lost_is_said() {
	grep -q ' warning .* log lines were lost' "$STACK/read.log"
}

@test "a log that nobody reads holds up neither requests nor the end" {
	redis_start
	start_unread
	write_many
	for _ in {1..20}; do
		ask /session/counter
		[ "$code" = 200 ] && ((ms < 1000))
		ask /hello
		[ "$code" = 200 ] && ((ms < 1000))
	done
	kill -TERM "$(server_pid krsessiond)"
	server_wait krsessiond 5
}

@test "log lines that were lost are counted, and said when there is room" {
	local read lost reader
	start_unread
	write_many
	timeout 30 cat "$STACK/pipe" >"$STACK/read.log" 3>&- 4>&- &
	reader=$!
	within 10 lost_is_said
	ask -p REQUEST_ID=last /hello
	within 10 grep -q request=last "$STACK/read.log"
	kill "$reader"
	read=$(grep -c ' debug .*GET /hello' "$STACK/read.log")
	lost=$(sed -n 's/.* warning \([0-9]*\) log lines* w.*/\1/p' \
		"$STACK/read.log" | awk '{ n += $1 } END { print n + 0 }')
	# With those of start_unread and the last.
	((read + lost >= 8002 && read + lost < 8020))
}
