# shellcheck shell=bash
#
# The front servers of a stack: each started with its file in conf/ as it
# stands. Comes with lib/stack.bash, whose folder holds all of it.

# shellcheck source=tools/fronts.sh
source "$KR_ROOT/tools/fronts.sh"

# Sets URL. The certificate is made for this stack alone, so whoever answers
# under it is our server, whatever else runs on this machine. A test may have
# sed change the file in $FRONT_EDIT, and name in $FRONT_PROBE what answers.
front_start() { # FRONT [NAME]
	local name=${2:-front}
	[[ -e $STACK/tls.crt ]] || front_certificate
	sed "${FRONT_EDIT-}" "$KR_ROOT/conf/$1.conf" >"$STACK/$1.conf"
	for _ in {1..5}; do
		front_try "$1" "$name" $((RANDOM % 10000 + 20000)) && return
		! server_running "$name" || server_kill "$name"
	done
	fail "no front server on any port"
}

front_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 2 -subj /CN=localhost -addext \
		subjectAltName=DNS:localhost,IP:127.0.0.1 -addext \
		basicConstraints=critical,CA:TRUE \
		-keyout "$STACK/tls.key" -out "$STACK/tls.crt" 2>"$STACK/openssl.log"
}

front_try() { # FRONT NAME PORT
	local command
	export URL=https://127.0.0.1:$3
	front_listen_lines "$1" 127.0.0.1 "$3" >"$STACK/$1-listen.conf"
	mapfile -t command < <(front_command "$1" "$STACK")
	server_start "$2" "${command[@]}"
	within 10 front_settled "$2" && server_running "$2"
}

# Either answers or has given up, as it does when the port is taken.
front_settled() { # NAME
	! server_running "$1" || curl --silent --fail --noproxy "*" \
		--max-time 1 --cacert "$STACK/tls.crt" --output /dev/null \
		"$URL${FRONT_PROBE:-/hello}"
}
