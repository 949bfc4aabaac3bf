#!/bin/sh
# What must be there before the others start, made if it is not: passwords in
# /secrets, a certificate in /certificates. What stands there is left as it
# is, so a folder of one's own can be mounted in place of either volume.
set -eu
umask 077

complain() {
	echo "setup: $*" >&2
	exit 1
}

# A file is written under another name first: what has its own is whole.
secret() { # NAME GROUP
	file=/secrets/$1
	if [ -e "$file" ]; then
		[ -s "$file" ] || complain "the secret $file is empty"
		return
	fi
	openssl rand -hex 32 2>/dev/null >"$file.new" ||
		complain "the secret $file is missing and cannot be made there"
	chgrp "$2" "$file.new"
	chmod 440 "$file.new"
	mv "$file.new" "$file"
	echo "setup: made the secret $file"
}

# Whether both are there. One alone is what a setup left that was ended between
# its last two steps, and else somebody's mistake.
certified() {
	if [ -e tls.key ] && [ ! -e tls.crt ] && [ -e tls.crt.new ]; then
		mv tls.crt.new tls.crt
	fi
	[ -e tls.crt ] || [ -e tls.key ] || return 1
	for file in tls.crt tls.key; do
		[ -e "$file" ] || complain "the certificate lacks /certificates/$file"
	done
}

certificate() {
	cd /certificates 2>/dev/null || complain "cannot look into /certificates"
	! certified || return 0
	openssl req -x509 -nodes -days 825 -newkey ec \
		-pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=krsession \
		-addext "subjectAltName=$CERTIFICATE_NAMES" \
		-keyout tls.key.new -out tls.crt.new 2>/tmp/said ||
		complain "no certificate: $(tail -n 1 /tmp/said)"
	chgrp www-data tls.crt.new tls.key.new
	chmod 440 tls.crt.new tls.key.new
	mv tls.key.new tls.key
	mv tls.crt.new tls.crt
	echo "setup: made a certificate for $CERTIFICATE_NAMES"
}

: "${CERTIFICATE_NAMES:=DNS:localhost,IP:127.0.0.1,IP:::1}"
secret redis-password krsession
secret sentinel-password krsession
secret operator-password redis
certificate
