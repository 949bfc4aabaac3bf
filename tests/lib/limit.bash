# shellcheck shell=bash
#
# Many logins of one user at once, at several programs of one store, and a look
# at how many sessions the user has meanwhile. Comes after lib/stack.bash; the
# store's library has sessions_of USER.

# Logs max in without pause, on four connections at each address, until
# logins_stop. What was answered is in $STACK/logins.*.
logins_start() { # ADDRESS...
	local address
	LOGINS=()
	for address; do
		"$KR_BUILD/tests/fcgi_client" -q -k -n 4 -r 1000000 -s 2 "$address" \
			'/session/login?user=max' \
			>"$STACK/logins.${address##*/}" 3>&- 4>&- &
		LOGINS+=($!)
	done
	for address; do
		within 10 grep -q '^200' "$STACK/logins.${address##*/}" ||
			fail "nobody can log in at $address"
	done
}

logins_stop() {
	kill "${LOGINS[@]}" 2>/dev/null || true
	wait "${LOGINS[@]}" 2>/dev/null || true
	LOGINS=()
}

# A bound of all requests: so many on each connection, and waits for them.
logins_at() { # N ADDRESS...
	local n=$1 address
	shift
	LOGINS=()
	for address; do
		"$KR_BUILD/tests/fcgi_client" -q -k -n 4 -r "$n" "$address" \
			'/session/login?user=max' \
			>"$STACK/logins.${address##*/}" 3>&- 4>&- &
		LOGINS+=($!)
	done
	wait "${LOGINS[@]}"
}

answers() { # STATUS
	cat "$STACK"/logins.* | grep -c "^$1 " || true
}

# Looks again and again, so often, that there are never more than that.
stays_within() { # MOST LOOKS
	local n
	for ((look = 0; look < $2; look++)); do
		n=$(sessions_of max)
		((n <= $1)) || fail "max has $n sessions"
	done
}
