# shellcheck shell=bash disable=SC2034,SC2154
#
# krsession-guard and its visitors: asked over FastCGI, as front servers ask.
# For suites that have lib/stack.bash and lib/client.bash. Its cookie is named
# as in conf/tutorial.conf.

KR_GUARD=$KR_INSTALLED/bin/krsession-guard

# max, whose password is "secret"; eve: "other", of admin and staff; both as
# cheap as bcrypt can be.
guard_passwords() {
	cat >"$STACK/passwords" <<'FILE'
max:$2y$04$2XA4Lm5SoS93jBUlWHV0feUfGedXxQlrF7zXVhu6WJs2rx.slLKZm
eve:$2y$04$zvjLvFuEo0RE8opl9W2TletSCwnvrq0OOFyU.1f0E404kiNwV9ona:admin,staff
FILE
}

# On a store in memory, unless the options say otherwise.
guard_start() { # [OPTION...]
	[[ -e $STACK/passwords ]] || guard_passwords
	kr_listen krsessiond "$KR_GUARD" "unix:$KR_SOCKET" \
		-o store.kind=memory -o session.idle_timeout=20m \
		-o "guard.password_file=$STACK/passwords" "$@"
	within 10 kr_answers "$KR_SOCKET" /auth/login ||
		fail "krsession-guard does not start" "$(guard_log)"
}

guard_log() {
	cat "$STACK/krsessiond.log"
}

# Whether the log has a line of that kind, with these words in it.
audited() { # EVENT [WORD...]
	local lines word
	lines=$(grep -a " audit event=$1 " "$STACK/krsessiond.log") || return
	for word in "${@:2}"; do
		lines=$(grep -aF -- "$word" <<<"$lines") || return
	done
}

# As text in a form or a query string.
escaped() { # TEXT
	jq -rn --arg text "$1" '$text | @uri'
}

form_of() { # [NAME=VALUE...]
	local field form=
	for field; do
		form+="&${field%%=*}=$(escaped "${field#*=}")"
	done
	printf '%s' "${form:1}"
}

# Sends a form. Options of the client stand before the path.
post() { # [FCGI_CLIENT OPTION...] PATH [NAME=VALUE...]
	local options=()
	while [[ $1 == -* ]]; do
		case $1 in
		-k | --*) options+=("$1") && shift ;;
		*) options+=("$1" "$2") && shift 2 ;;
		esac
	done
	ask -m POST -b "$(form_of "${@:2}")" \
		-p CONTENT_TYPE=application/x-www-form-urlencoded \
		-p REMOTE_ADDR="${ADDRESS:-192.0.2.1}" "${options[@]}" "$1"
}

# Leaves the session's cookie in $cookie and the device's in $device.
sign_in() { # USER PASSWORD [FCGI_CLIENT OPTION...]
	post "${@:3}" /auth/login "user=$1" "password=$2"
	[[ $code == 303 ]] || fail "cannot sign in" "$code $body" "$headers"
	cookie=$(cookie_value)
	device=$(device_value)
}

device_value() {
	header Set-Cookie | sed -n 's/^Kr\.Session-device=\([^;]*\).*/\1/p'
}

# A wrong password.
fail_in() { # USER [FCGI_CLIENT OPTION...]
	post "${@:2}" /auth/login "user=$1" password=wrong
	[[ $code == 401 ]] || fail "expected 401" "$code $body" "$headers"
}

check_as() { # VALUE [FCGI_CLIENT OPTION...]
	ask_as "$@" /auth/check
}

expect_user() { # USER
	[[ $code == 204 && $(header X-Session-User) == "$1" ]] ||
		fail "expected 204 for $1" "$code $body" "$headers"
}

expect_nobody() {
	[[ $code == 401 ]] || fail "expected 401" "$code $body" "$headers"
	expect_no_header Set-Cookie
}

# A page being loaded, and what a page's script fetches.
NAVIGATION=(-p HTTP_SEC_FETCH_MODE=navigate -p HTTP_ACCEPT=text/html)
SCRIPT=(-p HTTP_SEC_FETCH_MODE=cors -p HTTP_ACCEPT=application/json)
JSON=(-p HTTP_ACCEPT=application/json)
