# shellcheck shell=bash
#
# An ear in the place of a service manager's, and what it has heard: lines of
# "PID MESSAGE", see tests/notify_listen.c. Comes after lib/stack.bash.

# Whatever starts from now on is told of it.
ear_start() { # PATH|@NAME
	server_start ear "$KR_BUILD/tests/notify_listen" "$1"
	within 10 grep -q '^ready' "$STACK/ear.log" || fail "no ear"
	export NOTIFY_SOCKET=$1
}

heard() {
	sed 1d "$STACK/ear.log"
}

told() { # PATTERN
	heard | grep -q "$1"
}

heard_count() { # PATTERN
	heard | grep -c "$1" || true # none is no failure
}

told_often() { # PATTERN N
	(($(heard_count "$1") >= $2))
}
