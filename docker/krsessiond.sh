#!/bin/sh
# krsessiond in a container: its start through spawn-fcgi, and its health.
# SOCKET is where it listens, in the volume that the front server sees too.
set -eu

: "${SOCKET:=/run/krsession/krsession.sock}"

serve() {
	exec spawn-fcgi -n -s "$SOCKET" -M 0660 -- \
		/usr/bin/krsessiond -c /etc/krsession/krsessiond.conf "$@"
}

# One request as a front server would make it. The cookie is one that nobody
# ever got: well formed, so it is looked up.
ask() { # PATH
	env -i REQUEST_METHOD=GET "PATH_INFO=$1" "HTTP_COOKIE=Kr.Session=$cookie" \
		/usr/bin/cgi-fcgi -bind -connect "$SOCKET" 2>&1 |
		tr -d '\r' | sed -n 's/^Status: //p'
}

# It must answer, and Redis must answer it: a wrong password shows here.
health() {
	cookie=$(printf 'A%.0s' $(seq 65))
	hello=$(ask /hello)
	whoami=$(ask /session/whoami)
	echo "/hello ${hello:-no answer}, /session/whoami ${whoami:-no answer}"
	case $hello:$whoami in
	200*:401*) ;;
	*) exit 1 ;;
	esac
}

command=$1
shift
case $command in
serve | health) "$command" "$@" ;;
*) exec "$command" "$@" ;;
esac
