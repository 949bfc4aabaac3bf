# shellcheck shell=bash
#
# The store in a file of SQLite, in a folder of its own: $STACK/store, where
# stack_close looks for secrets. Comes after lib/stack.bash.

# Sets SQLITE.
sqlite_start() {
	mkdir "$STACK/store"
	export SQLITE=$STACK/store/sessions.sqlite
}

sqlite_options() {
	printf '%s\n' -o store.kind=sqlite -o "store.path=$SQLITE"
}

# krsessiond on it, started as kr_start does.
sqlite_serve() { # [KRSESSIOND OPTION...]
	local options
	mapfile -t options < <(sqlite_options)
	kr_start "${options[@]}" "$@"
}

# A second one, at $STACK/NAME.sock.
sqlite_serve_as() { # NAME [KRSESSIOND OPTION...]
	local name=$1 options
	shift
	mapfile -t options < <(sqlite_options)
	kr_listen "$name" krsessiond "unix:$STACK/$name.sock" \
		"${options[@]}" "$@"
	within 10 kr_answers "$STACK/$name.sock" /hello ||
		fail "$name does not start"
}

# krsessiond in a mount namespace of its own, where $STACK/store is a disk of
# that size. $INSIDE is that folder as seen from here; looks are from there.
small_disk_serve() { # SIZE [OPTION...]
	local options
	mapfile -t options < <(kr_options && sqlite_options)
	# shellcheck disable=SC2016 # for the inner shell
	server_start krsessiond unshare -m -- sh -c \
		'mount -t tmpfs -o "size=$0" tmpfs "$1" && shift && exec "$@"' \
		"$1" "$STACK/store" "$KR_DAEMON" \
		-l "unix:$KR_SOCKET" "${options[@]}" "${@:2}"
	within 10 kr_answers "$KR_SOCKET" /hello ||
		fail "krsessiond does not start"
	INSIDE=/proc/$(server_pid krsessiond)/root$STACK/store
	LOOK=(nsenter --mount --target "$(server_pid krsessiond)")
}

# The operator's look, which waits for a writer like everybody.
sql() { # STATEMENT
	"${LOOK[@]}" sqlite3 -cmd '.timeout 10000' "$SQLITE" "$1"
}

is_whole() {
	[[ $(sql 'PRAGMA integrity_check') == ok ]] || fail "the file is damaged"
}

# Those that have ended are to be swept sooner or later.
sessions() {
	sql 'SELECT count(*) FROM sessions'
}

# ---- looks at a session, as lib/stack.bash has them ----------------------

store_has() { # COOKIE VALUE
	[[ $(sql "SELECT count(*) FROM sessions WHERE id = '${1:0:22}'") == 1 ]]
}

store_value() { # COOKIE VALUE, KEY
	sql "SELECT data FROM session_values
		WHERE id = '${1:0:22}' AND key = '$2'"
}

store_keys() { # COOKIE VALUE
	sql "SELECT key FROM session_values WHERE id = '${1:0:22}'" |
		grep -v '^@' | sort | paste -sd' '
}

# By the names that they have in Redis.
store_own() { # COOKIE VALUE
	{
		sql "SELECT iif(length(auth) = 32, '@auth ', '') ||
			iif(born > 1e9, '@born ', '') || iif(seen > 1e12, '@seen ', '') ||
			iif(version > 0, '@ver', '')
			FROM sessions WHERE id = '${1:0:22}'"
		sql "SELECT key FROM session_values WHERE id = '${1:0:22}'" |
			grep '^@'
	} | tr ' ' '\n' | sort | paste -sd' '
}

# ---- the log -------------------------------------------------------------

# Whether the log has so many lines with that text.
log_has() { # N TEXT
	[[ $(grep -acF "$2" "$STACK/krsessiond.log") == "$1" ]] ||
		fail "not $1 times in the log: $2"
}

log_tells() { # TEXT
	grep -aqF "$1" "$STACK/krsessiond.log"
}
