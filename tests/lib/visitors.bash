# shellcheck shell=bash disable=SC2154
#
# Visitors of a site of lib/doors.bash: people who log in, and those who try
# without. Requests leave $code, $headers and $body, raw ones $answer.

# ---- people -------------------------------------------------------------

# Leaves the cookie's value in $guard_cookie.
log_in() { # USER [RD]
	fetch --data-urlencode "user=$1" --data-urlencode "password=$1-word" \
		--data-urlencode "rd=${2-/}" /auth/login
	[[ $code == 303 ]] || fail "login of $1: $code" "$headers" "$body"
	guard_cookie=$(header Set-Cookie |
		sed -n 's/^__Host-krguard=\([^;]\{65\}\);.*/\1/p')
	[[ $guard_cookie ]] || fail "no cookie" "$headers"
	echo "${guard_cookie:22}" >>"$STACK/secrets"
}

as() { # NAME [CURL OPTION...] PATH
	local name=$1
	shift
	fetch --header "Cookie: __Host-krguard=$(<"$STACK/$name.cookie")" "$@"
}

# As a browser that loads a page.
browse() { # [CURL OPTION...] PATH
	fetch --header 'Accept: text/html,application/xhtml+xml,*/*;q=0.8' \
		--header 'Sec-Fetch-Mode: navigate' \
		--header 'Sec-Fetch-Dest: document' "$@"
}

browse_as() { # NAME [CURL OPTION...] PATH
	as "$1" --header 'Accept: text/html' \
		--header 'Sec-Fetch-Mode: navigate' "${@:2}"
}

gets_in() { # PATH
	as max "$1" && [[ $code == 200 ]]
}

# What an application was told, over HTTP or FastCGI.
learnt() { # User|Groups|Id|Login
	sed -n -e "s/^X-Session-$1: *//Ip" -e "s/^HTTP_X_SESSION_${1^^}=//p" \
		<<<"$body"
}

# ---- what is expected ---------------------------------------------------

expect_inside() {
	[[ $code == 200 && $body == *"$INSIDE"* ]] ||
		fail "expected to be inside" "$code" "$headers" "$body"
}

expect_login() {
	[[ $code == 30[23] && $(header Location) == /auth/login* ]] ||
		fail "expected the login" "$code" "$headers" "$body"
}

expect_denied() {
	[[ $code == 403 && $body != *"$ADMINS"* ]] ||
		fail "expected 403" "$code" "$headers" "$body"
}

expect_closed() {
	[[ $code == 50[0-4] && $body != *"$INSIDE"* && $body != *"HTTP/1"* &&
		$body != *REQUEST_METHOD* ]] ||
		fail "expected it closed" "$code" "$headers" "$body"
}

# Who brings no cookie can be told so without a store.
expect_closed_or_login() {
	[[ $code == 30[23] ]] || expect_closed
}

# Of a raw answer: neither files nor what an application says.
expect_outside() { # WHAT
	[[ $answer != *"$INSIDE"* && $answer != *"$ADMINS"* &&
		$answer != *$'\nbody '[0-9]* && $answer != *REQUEST_METHOD=* &&
		$answer != 'HTTP/1.1 2'* ]] || fail "$1 got in:" "$answer"
}

# No application has got anything; asked after $STACK/got was removed, or of
# an answer that is none of an application's.
not_asked() {
	[[ ! -e $STACK/got ]] || [[ $body != *$'\nbody '[0-9]* ]]
}

aim_of_login() {
	header Location
}

# What the login page's form would send as rd.
rd_of_page() {
	sed -n 's/.*<input[^>]*name="rd"[^>]*value="\([^"]*\)".*/\1/p' \
		<<<"$body" | head -n 1 | sed 's/&amp;/\&/g'
}

# ---- those who try ------------------------------------------------------

# One request as it is written, on a connection of its own.
raw() { # REQUEST-LINE [HEADER...]
	local line=$1 host=
	shift
	[[ "$*" == *Host:* ]] || host=$'Host: localhost\r\n'
	answer=$(
		{
			printf '%s\r\n%s' "$line" "$host"
			(($# == 0)) || printf '%s\r\n' "$@"
			printf 'Connection: close\r\n\r\n'
		} | timeout 10 openssl s_client -quiet -no_ign_eof \
			-connect "${URL#https://}" 2>/dev/null | tr -d '\0'
	)
}

spoofs=()
for name in User Groups Id Login; do
	for spelling in "X-Session-$name" "X_Session_$name" "X-Session_$name" \
		"X_Session-$name" "x-session-${name,,}" "X_SESSION_${name^^}" \
		"x_session-${name,,}"; do
		spoofs+=(--header "$spelling: evil-$name")
	done
	spoofs+=(--header "X-Session-$name: evil-again")
done
unset name spelling

crooked_paths() {
	cat <<-'END'
		/auth/../admin/
		/auth/./../admin/index.html
		/auth/%2e%2e/admin/
		/auth/%2E%2E/admin/index.html
		/auth/.%2e/admin/
		/auth/..%2fadmin/
		/auth/..%2fadmin/index.html
		/auth/%2e%2e%2fadmin/index.html
		/auth/..;/admin/
		/auth/;/../admin/
		/auth;/../admin/
		/auth/..%5cadmin/
		/auth/..\admin/
		/auth/%00/../admin/
		/auth/%252e%252e/admin/
		//admin/
		//admin//index.html
		///admin/
		/./admin/
		/%61dmin/
		/%61%64%6d%69%6e/index.html
		/admin/%69ndex.html
		/admin%2findex.html
		/admin%2f
		/admin/.
		/admin/./index.html
		/admin//
		/admin;/
		/admin/;x=1
		/admin/index.html;
		/admin/index.html%00
		/admin/index.html%00.css
		/admin/index.html%20
		/admin/index.html/
		/admin/index.html?/auth/login
		/admin/?/../auth/
		/admin/#/auth/
		/x/../admin/
		/sub/../admin/index.html
		/sub/%2e%2e/admin/index.html
		/ADMIN/
		/AUTH/../admin/
		/Auth/../index.html
		/index.html%3f/auth/
		/app/../admin/
		/app//auth/../../admin/
		/auth//../admin/
		//auth/../admin/index.html
		/auth/login/../../admin/index.html
		/auth/style.css/../../admin/index.html
		/admin%c0%af
		admin/
		*
		/..%c0%af/admin/
		/sub/..;/admin/
		/auth/check/../../admin/
		/auth/check/user:max/../../../admin/
	END
}

# Requests on one connection, all with the session of NAME but those that name
# another; the statuses in $codes.
on_one_connection() { # NAME [OTHER:]METHOD:PATH...
	local name=$1 step options=() files=0
	shift
	for step; do
		[[ $step == *:*:* ]] || step=$name:$step
		options+=(--next --silent --noproxy '*' --http1.1 --cacert
			"$STACK/tls.crt" --output "$BATS_TEST_TMPDIR/one.$((files++))"
			--write-out '%{http_code}:%{num_connects} '
			--header "Cookie: __Host-krguard=$(
				<"$STACK/${step%%:*}.cookie")")
		[[ $step != *:POST:* ]] || options+=(--data x=)
		options+=("$URL${step##*:}")
	done
	codes=$(curl "${options[@]:1}")
	codes=${codes% }
	[[ $codes == ???:1' '* && ${codes#*:1} != *:1* ]] ||
		fail "not on one connection: $codes"
	codes=${codes//:[01]/}
}

speaks_http2() {
	[[ $(curl --silent --noproxy '*' --cacert "$STACK/tls.crt" --http2 \
		--output /dev/null --write-out '%{http_version}' "$URL/") == 2 ]]
}

# Asks for a WebSocket at /app/socket, and if it is let in says something
# over it.
web_socket() { # HEADER
	local out=$STACK/socket.out in=$STACK/socket.in
	rm -f "$out" "$in"
	mkfifo "$in"
	timeout 10 openssl s_client -quiet -connect "${URL#https://}" \
		<"$in" >"$out" 2>/dev/null 3>&- 4>&- &
	exec 9>"$in"
	printf '%s\r\n' 'GET /app/socket HTTP/1.1' 'Host: localhost' \
		'Upgrade: websocket' 'Connection: Upgrade' \
		'Sec-WebSocket-Version: 13' \
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$1" '' >&9
	within 10 grep -qa '^.$' "$out"
	! grep -qa '^HTTP/1.1 101' "$out" || {
		printf 'hello-over-it\n' >&9
		within 10 grep -qa hello-over-it "$out" || true
	}
	exec 9>&-
	kill $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	answer=$(tr -d '\0' <"$out")
}

doors_close() {
	local bad=0
	! server_running guard || guard_stop || bad=1
	stack_close && ((bad == 0))
}
