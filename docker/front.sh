#!/bin/sh
# A front server in a container: lighttpd or nginx, and the health of either.
# BACKENDS names the sockets of krsessiond, of which there may be several.
set -eu

: "${BACKENDS:=/run/krsession/krsession.sock}"

complain() {
	echo "front: $*" >&2
	exit 1
}

check_certificate() {
	for file in tls.crt tls.key; do
		[ -r "/certificates/$file" ] ||
			complain "cannot read /certificates/$file as user $(id -u)"
	done
}

start_lighttpd() {
	for socket in $BACKENDS; do
		printf '\t( "socket" => "%s", "check-local" => "disable",\n' "$socket"
		printf '\t  "fix-root-scriptname" => "enable",\n'
		printf '\t  "disable-time" => 0 ),\n'
	done >/tmp/backends
	{
		echo 'fastcgi.server = ( "/" => ('
		cat /tmp/backends
		echo ') )'
	} >/tmp/backends.conf
	exec lighttpd -D -f /etc/krsession/lighttpd.conf
}

start_nginx() {
	for socket in $BACKENDS; do
		echo "server unix:$socket max_fails=1 fail_timeout=1s;"
	done >/tmp/backends.conf
	exec nginx -e stderr -c /etc/krsession/nginx.conf
}

# -quiet waits for the server to close, which it does after HTTP/1.0.
health() {
	said=$(printf 'GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n' |
		openssl s_client -quiet -connect 127.0.0.1:5000 2>/dev/null |
		sed -n 1p)
	echo "/hello ${said:-no answer}"
	case $said in
	HTTP/1.?' 200'*) ;;
	*) exit 1 ;;
	esac
}

case $1 in
lighttpd | nginx)
	check_certificate
	"start_$1"
	;;
health) health ;;
*) complain "there is no front server '$1'" ;;
esac
