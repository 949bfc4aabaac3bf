# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# TLS to Redis: whom we trust, as whom we come, and what the log says when it
# does not work.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
	tls_make
}

teardown() {
	stack_close
}

# krsessiond on $PORT over TLS, by the name of localhost.
kr_start_tls() { # [OPTION...]
	kr_start -o "redis.endpoint=rediss://localhost:$PORT" \
		-o "redis.tls_ca_file=$STACK/tls/ca.crt" "$@"
}

expect_counter() { # N
	ask /session/counter
	expect 200 "{\"message\":\"Counter incremented\",\"counter\":$1}"
}

# Sessions are 503, hello is not, and the log says why.
expect_refused() { # REGULAR EXPRESSION OF THE REASON
	ask /session/counter
	expect_unavailable
	ask /hello
	[ "$code" = 200 ]
	expect_logged "error redis localhost:[0-9]*: .*($1)"
}

expect_logged() { # REGULAR EXPRESSION
	grep -qaE -e "$1" "$STACK/krsessiond.log" ||
		fail "not logged: $1" "$(grep -a redis "$STACK/krsessiond.log")"
}

# ---- whom we trust ------------------------------------------------------

@test "a server that its CA and its name vouch for is taken" {
	redis_start_tls good
	kr_start_tls
	expect_counter 1
	[ "$(rcli dbsize)" -eq 1 ]
}

@test "a server may be named by its address" {
	redis_start_tls good
	kr_start_tls -o "redis.endpoint=rediss://127.0.0.1:$PORT"
	expect_counter 1
}

@test "a certificate that has expired is refused" {
	redis_start_tls expired
	kr_start_tls
	expect_refused 'certificate has expired'
}

@test "a certificate for another name is refused" {
	redis_start_tls wrong
	kr_start_tls
	expect_refused 'hostname mismatch'
	server_stop krsessiond
	kr_start_tls -o "redis.endpoint=rediss://127.0.0.1:$PORT"
	ask /session/counter
	expect_unavailable
	expect_logged 'redis 127.0.0.1:[0-9]*: .*IP address mismatch'
}

@test "a certificate of an unknown CA is refused" {
	redis_start_tls unknown
	kr_start_tls
	expect_refused 'unable to get local issuer certificate'
}

@test "without a CA file it is the system's CAs that count" {
	redis_start_tls good
	kr_start_tls -o redis.tls_ca_file=
	expect_refused 'self-signed certificate|unable to get local issuer'
	server_stop krsessiond
	server_start krsessiond env "SSL_CERT_FILE=$STACK/tls/ca.crt" \
		"$KR_DAEMON" -l "unix:$KR_SOCKET" \
		-o cookie.name=Kr.Session \
		-o "redis.endpoint=rediss://localhost:$PORT"
	within 10 kr_answers "$KR_SOCKET" /session/counter
}

@test "tls_server_name and sslHost are the name that must be in it" {
	redis_start_tls wrong
	kr_start_tls -o redis.tls_server_name=redis.example.com
	expect_counter 1
	server_stop krsessiond
	kr_start_tls -o "redis.endpoint=localhost:$PORT,ssl=true,sslHost=\
redis.example.com"
	expect_counter 1
	server_stop krsessiond
	kr_start_tls -o redis.tls_server_name=redis.example.org
	expect_refused 'certificate of redis.example.org: hostname mismatch'
}

# A server that has the right certificate only for whom it knows by name.
sni_start() { # NAME
	free_port PORT
	server_start listener openssl s_server -accept "$PORT" -www \
		-cert "$STACK/tls/wrong.crt" -key "$STACK/tls/wrong.key" \
		-servername "$1" \
		-cert2 "$STACK/tls/good.crt" -key2 "$STACK/tls/good.key"
	within 10 port_answers "$PORT"
}

@test "the server is told which name we want (SNI)" {
	sni_start redis.example.org
	kr_start_tls -o redis.connect_timeout=500ms
	expect_refused 'certificate of localhost: hostname mismatch'
	server_stop krsessiond
	server_kill listener
	sni_start localhost
	kr_start_tls -o redis.connect_timeout=500ms
	expect_refused 'no answer in time' # only after the handshake
}

# ---- as whom we come ----------------------------------------------------

@test "a server that wants a certificate gets ours" {
	redis_start_tls good --tls-auth-clients yes
	kr_start_tls -o "redis.tls_cert_file=$STACK/tls/client.crt" \
		-o "redis.tls_key_file=$STACK/tls/client.key"
	expect_counter 1
}

@test "without the certificate that the server wants the log says so" {
	redis_start_tls good --tls-auth-clients yes
	kr_start_tls
	expect_refused 'certificate required|another client certificate'
}

@test "a certificate of ours that the server does not trust is refused" {
	redis_start_tls good --tls-auth-clients yes
	kr_start_tls -o "redis.tls_cert_file=$STACK/tls/unknown.crt" \
		-o "redis.tls_key_file=$STACK/tls/unknown.key"
	expect_refused 'unknown ca|bad certificate|another client certificate'
}

@test "files that cannot be used are named at the start" {
	local status key
	redis_start_tls good
	echo nonsense >"$STACK/nonsense"
	for key in tls_ca_file tls_cert_file tls_key_file; do
		status=0
		kr_listen krsessiond krsessiond "unix:$KR_SOCKET" \
			-o "redis.endpoint=rediss://localhost:$PORT" \
			-o "redis.tls_cert_file=$STACK/tls/client.crt" \
			-o "redis.tls_key_file=$STACK/tls/client.key" \
			-o "redis.$key=$STACK/nonsense"
		server_wait krsessiond 10 || status=$?
		[ "$status" -eq 2 ]
		expect_logged "redis.$key = $STACK/nonsense"
	done
}

@test "a file that is not there is told as that" {
	local status=0
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET" \
		-o redis.endpoint=rediss://localhost \
		-o "redis.tls_ca_file=$STACK/nowhere.pem"
	server_wait krsessiond 10 || status=$?
	[ "$status" -eq 2 ]
	expect_logged "redis.tls_ca_file = $STACK/nowhere.pem: cannot be used: \
No such file or directory"
}

# ---- the handshake ------------------------------------------------------

@test "TLS 1.2 will do, but not where 1.3 is the least" {
	redis_start_tls good --tls-protocols TLSv1.2
	kr_start_tls
	expect_counter 1
	server_stop krsessiond
	kr_start_tls -o redis.tls_minimum=1.3
	expect_refused 'TLS: .*(protocol|version)'
	server_stop krsessiond
	kr_start_tls -o "redis.endpoint=localhost:$PORT,ssl=true,\
sslProtocols=tls13"
	expect_refused 'TLS: .*(protocol|version)'
	server_stop krsessiond
	kr_start_tls -o "redis.endpoint=localhost:$PORT,ssl=true,\
sslProtocols=tls12|tls13"
	expect_counter 1
}

@test "TLS 1.3 will do where it is the least" {
	redis_start_tls good
	kr_start_tls -o redis.tls_minimum=1.3
	expect_counter 1
}

@test "TLS where the server speaks none is 503 and says so" {
	redis_start_tcp
	kr_start_tls -o redis.connect_timeout=500ms
	expect_refused 'TLS: (the handshake hangs|wrong version number)'
}

@test "no TLS where the server wants it is 503" {
	redis_start_tls good
	kr_start -o "redis.endpoint=redis://localhost:$PORT"
	expect_refused 'Connection reset|Protocol error|closed the connection'
}

@test "a handshake that hangs is cut by connect_timeout" {
	relay_start
	relay_mode hole
	PORT=$RELAY
	kr_start_tls -o redis.connect_timeout=500ms
	ask /session/counter
	expect_unavailable
	((ms >= 450 && ms < 2000))
	expect_refused 'TLS: the handshake hangs'
}

@test "a handshake that is cut short is 503 and says so" {
	redis_start_tls good
	relay_start "$PORT"
	relay_mode cut 20
	PORT=$RELAY
	kr_start_tls
	expect_refused 'TLS: .*'
	relay_mode pass
	within 3 kr_answers "$KR_SOCKET" /session/counter
}

# ---- without verification -----------------------------------------------

@test "tls_verify=no takes any certificate and warns at every start" {
	local n
	redis_start_tls unknown
	for n in 1 2; do
		kr_start_tls -o redis.tls_verify=no
		ask /session/counter
		[ "$code" = 200 ]
		server_stop krsessiond
		[ "$(grep -ac 'warning redis: redis.tls_verify is off' \
			"$STACK/krsessiond.log")" -eq "$n" ]
	done
}

@test "with verification no start warns of anything" {
	redis_start_tls good
	kr_start_tls
	expect_counter 1
	run grep -aE ' (warning|error) ' "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

# ---- both spellings -----------------------------------------------------

@test "rediss: and ssl=true are the same" {
	redis_start_tls good
	kr_start_tls -o "redis.endpoint=localhost:$PORT,ssl=true"
	expect_counter 1
	server_stop krsessiond
	kr_start_tls -o "redis.endpoint=localhost:$PORT,ssl=True,\
abortConnect=false"
	expect_counter 1
}

@test "UPSTASH_REDIS_URL may be a rediss: URL" {
	redis_start_tls good
	server_start krsessiond env \
		"UPSTASH_REDIS_URL=rediss://localhost:$PORT" \
		"$KR_DAEMON" -l "unix:$KR_SOCKET" \
		-o "redis.tls_ca_file=$STACK/tls/ca.crt" \
		-o cookie.name=Kr.Session
	within 10 kr_answers "$KR_SOCKET" /session/counter
	[ "$(rcli dbsize)" -ge 1 ]
}
