# shellcheck shell=bash disable=SC2154,SC2119,SC2120
#
# krsessiond as the service of a booted machine, and the front servers before
# it: what tests ask of them. Comes after lib/stack.bash and lib/machine.bash;
# $CONF, $UNIT and $PORT_NGINX are the suite's.

# ---- front servers ------------------------------------------------------

# In /srv/FRONT, as the head of its file in conf/ says.
front_begin() { # FRONT PORT
	local at=/srv/$1 command
	mkdir -p "$MACHINE$at"
	[[ -e $FRESH/tls.crt ]] || STACK=$FRESH front_certificate
	cp "$KR_ROOT/conf/$1.conf" "$FRESH"/tls.{crt,key} "$MACHINE$at"
	front_listen_lines "$1" 127.0.0.1 "$2" >"$MACHINE$at/$1-listen.conf"
	ln -sf /run/krsession/krsession.sock "$MACHINE$at/krsession.sock"
	inside chown -R www-data: "$at"
	mapfile -t command < <(front_command "$1" "$at")
	inside systemd-run --quiet --unit="front-$1" \
		--property=WorkingDirectory="$at" "${command[@]}"
	within 10 front_listens "$2" || fail "$1 does not start"
}

front_listens() { # PORT
	reader curl -sk --noproxy '*' --output /dev/null \
		"https://127.0.0.1:$1/" --connect-timeout 1
}

# The status, and a space.
browse() { # PATH [CURL OPTION...]
	reader curl --silent --noproxy '*' --max-time 20 --cacert \
		"$FRESH/tls.crt" --write-out '%{http_code} ' --output \
		"$BATS_TEST_TMPDIR/body" "${@:2}" \
		"https://127.0.0.1:$PORT_NGINX$1"
}

# The status and the body.
ask() { # PATH [CURL OPTION...]
	browse "$@"
	cat "$BATS_TEST_TMPDIR/body"
}

expect_hello() {
	local said
	said=$(ask /hello)
	[[ $said == '200 Hello, Session World!' ]] ||
		fail "hello says $said" "$(inside systemctl status 'krsessiond*')"
}

expect_counter() { # N
	local said
	said=$(ask /session/counter --cookie "$BATS_TEST_TMPDIR/jar" \
		--cookie-jar "$BATS_TEST_TMPDIR/jar")
	[[ $said == "200 "*"\"counter\":$1}" ]] || fail "counter says $said"
}

# ---- the service --------------------------------------------------------

property() { # NAME [UNIT]
	inside systemctl show --value --property="$1" "${2:-$UNIT}"
}

has() { # PROPERTY VALUE [UNIT]
	[[ $(property "$1" "${3-}") == "$2" ]]
}

drop_in() { # its lines come in
	put "/etc/systemd/system/$UNIT.d/test.conf"
	inside systemctl daemon-reload
}

configure() { # LINE...
	printf '%s\n' "$@" | put "$CONF"
}

# What the service itself has said, without time and host, from some line on.
# (The cursors of systemd 252 lose an entry when others are left out.)
journal() { # [LINE]
	inside journalctl --quiet --unit="$UNIT" --output=cat \
		SYSLOG_IDENTIFIER=krsessiond | tail -n "+${1:-1}"
}

# The line that comes next.
next_line() {
	echo $(($(journal | wc -l) + 1))
}
