# shellcheck shell=bash disable=SC2154
#
# Several browsers, each with a cookie of its own in COOKIES, at the processes of
# tests/users_app.c. Comes after lib/client.bash.

# Asks a process, and keeps the cookie.
surf() { # BROWSER PROCESS PATH
	local next
	ask_at "$2" ${COOKIES[$1]:+-c "Kr.Session=${COOKIES[$1]}"} "$3"
	next=$(cookie_value)
	[[ ! $next ]] || COOKIES[$1]=$next
}

log_in() { # BROWSER USER [PROCESS]
	surf "$1" "${3-$HERE}" "/login?user=$2&label=$1"
	expect 200 in
}
