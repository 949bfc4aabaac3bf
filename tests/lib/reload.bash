# shellcheck shell=bash disable=SC2154 # $code is of client.bash
#
# Reloads (SIGHUP) of the server $RELOADED, krsessiond unless a test says
# otherwise, and what it has after them. Comes after lib/client.bash.

RELOADED=krsessiond

# ---- the configuration --------------------------------------------------

# Writes $STACK/kr.conf: what every test wants, and over that what it says.
conf_write() { # [SECTION.KEY=VALUE...]
	local -A options=(
		[cookie.name]=Kr.Session
		[redis.instance_name]=KestrunSession_
		[redis.endpoint]=unix://$STACK/redis.sock
		[server.listen]=unix:$KR_SOCKET
		[server.socket_mode]=0666
		[server.workers]=2
	)
	local option
	for option; do
		options[${option%%=*}]=${option#*=}
	done
	for option in "${!options[@]}"; do
		printf '[%s]\n%s = %s\n' "${option%%.*}" "${option#*.}" \
			"${options[$option]}"
	done >"$STACK/kr.conf"
}

# With that file, at $KR_SOCKET.
conf_start() { # [SECTION.KEY=VALUE...]
	conf_write "$@"
	server_start krsessiond "$KR_DAEMON" -c "$STACK/kr.conf"
	within 10 serves || fail "krsessiond does not start"
}

# The program of tests/slow_app.c instead.
conf_start_slow() { # [SECTION.KEY=VALUE...]
	RELOADED=slow
	conf_write "server.listen=unix:$STACK/slow.sock" "$@"
	server_start slow "$KR_BUILD/tests/slow_app" -c "$STACK/kr.conf"
	within 10 slow_serves || fail "slow_app does not start"
}

serves() {
	kr_answers "$KR_SOCKET" /hello
}

slow_serves() {
	kr_answers "$STACK/slow.sock" /nowhere 404
}

# ---- reloads ------------------------------------------------------------

hang_up() {
	kill -HUP "$(server_pid "$RELOADED")"
}

# Reloads and waits until nothing of it is under way any more.
reload() {
	local n
	n=$(log_count 'info reloaded in')
	hang_up
	within 60 has_reloaded $((n + 1)) || fail "it was not reloaded" \
		"$(tail -n 20 "$STACK/$RELOADED.log")"
}

has_reloaded() { # N
	(($(log_count 'info reloaded in') >= $1)) && is_alone
}

# Reloads, and expects to be refused for that.
reload_refused() { # PATTERN
	local n
	n=$(log_count "error SIGHUP: not reloaded: ")
	hang_up
	within 60 was_refused $((n + 1)) || fail "nothing was refused" \
		"$(tail -n 20 "$STACK/$RELOADED.log")" || return
	grep -a 'error SIGHUP: not reloaded: ' "$STACK/$RELOADED.log" |
		tail -n 1 | grep -q "$1.*; the old configuration goes on$" ||
		fail "refused for another reason" \
			"$(tail -n 5 "$STACK/$RELOADED.log")"
}

was_refused() { # N
	(($(log_count 'error SIGHUP: not reloaded: ') >= $1)) && is_alone
}

log_has() { # PATTERN
	grep -aqE "$1" "$STACK/$RELOADED.log"
}

log_count() { # PATTERN
	grep -acE "$1" "$STACK/$RELOADED.log" || true # none is no failure
}

# ---- the processes ------------------------------------------------------

# Whether the server has no child.
is_alone() {
	! pgrep -P "$(server_pid "$RELOADED")" >/dev/null
}

# The one that was started last.
standin_pid() {
	sed -n 's/.*process \([0-9]*\) is to stand in$/\1/p' \
		"$STACK/$RELOADED.log" | tail -n 1
}

has_standin() {
	[[ $(standin_pid) ]] && kill -0 "$(standin_pid)" 2>/dev/null
}

standin_gone() {
	! has_standin
}

standin_serves() {
	log_has "process $(standin_pid) stands in"
}

# Begins a reload of slow_app that cannot end: a handler is at the gate, and
# the stand-in serves meanwhile.
reload_halfway() {
	slow_begin '' '/slow/hello?'
	hang_up
	within 20 standin_serves || fail "no stand-in"
	within 10 slow_serves
}

# ---- what it has --------------------------------------------------------

# What its descriptors are, sorted: "3 socket".
descriptors() {
	find "/proc/$(server_pid "$RELOADED")/fd" -mindepth 1 \
		-printf '%l\n' 2>/dev/null | sed 's/:\?\[.*//' | sort | uniq -c
}

descriptor_count() {
	find "/proc/$(server_pid "$RELOADED")/fd" -mindepth 1 | wc -l
}

# KiB that it has in memory.
resident() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(server_pid "$RELOADED")/status"
}
