# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2030,SC2031
# bats file_tags=slow
#
# docker/ with something wrong: one clear line where it belongs, a state that
# tells, and nothing lost.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"
# shellcheck source=lib/docker.bash
source "$BATS_TEST_DIRNAME/lib/docker.bash"

setup() {
	docker_begin
	skip_without_engine
	stack_open
}

teardown() {
	[[ ! ${STACK-} ]] || stack_close
}

# A command in a container that sees the volumes of SERVICE.
beside() { # SERVICE SHELL_COMMAND
	docker compose run --rm --no-deps -T --entrypoint sh "$1" -c "$2" \
		2>>"$STACK/compose.log"
}

expect_up_fails() { # TEXT
	: >"$STACK/compose.log"
	! docker_up || fail "docker compose up did not complain"
	grep -qF -e "$1" "$STACK/compose.log" ||
		fail "not said: $1" "$(tail "$STACK/compose.log")"
}

# It has ended with a status of its own, and docker tries again or not.
expect_ended() { # SERVICE
	within 20 container_failed "$1" || fail "$1 runs"
}

container_failed() { # SERVICE
	[[ $(container_is "$1" Status) == @(restarting|exited) &&
		$(container_is "$1" ExitCode) != 0 ]]
}

@test "a port in use is named by docker compose up" {
	docker_project
	server_start taken redis-server --bind 127.0.0.1 --port "$KR_PORT" --save ''
	within 10 port_answers "$KR_PORT"
	expect_up_fails "127.0.0.1:$KR_PORT"
}

@test "secrets that are not there and cannot be made end setup" {
	docker_project
	mkdir -m 755 "$STACK/own"
	KR_SECRETS=$STACK/own expect_up_fails 'service "setup" didn'
	expect_container_says setup '^setup: the secret /secrets/redis-password is missing'
	[ "$(container_is setup ExitCode)" -eq 1 ]
	[ "$(docker logs "$(container setup)" 2>&1 | wc -l)" -eq 1 ]
}

@test "secrets of one's own that Redis may not read end it" {
	docker_project
	mkdir -m 755 "$STACK/own"
	for name in redis sentinel operator; do
		(umask 077 && echo "mine" >"$STACK/own/$name-password")
	done
	KR_SECRETS=$STACK/own expect_up_fails 'is unhealthy'
	expect_container_says redis '^redis: cannot read the secret /secrets/'
	expect_ended redis
}

@test "secrets and a certificate of one's own serve, and stay as they are" {
	docker_project
	mkdir -m 755 "$STACK/own"
	for name in redis sentinel operator; do
		printf 'my own "\\ %s%s\n' "$name" "'s" >"$STACK/own/$name-password"
	done
	front_certificate
	mkdir -m 755 "$STACK/certificates"
	install -m 644 "$STACK"/tls.{crt,key} "$STACK/certificates"
	was=$(cat "$STACK"/own/* "$STACK"/certificates/*)
	export KR_SECRETS=$STACK/own KR_CERTIFICATES=$STACK/certificates
	docker_up
	visit /session/counter
	expect_json 200 '{"message":"Counter incremented","counter":1}'
	[ "$(cat "$STACK"/own/* "$STACK"/certificates/*)" = "$was" ]
}

# As setup leaves it when it is ended between two of its steps.
@test "secrets and a certificate that are half made are made whole" {
	docker_project
	docker compose run --rm -T setup >>"$STACK/compose.log" 2>&1
	was=$(beside setup 'cat /secrets/redis-password /certificates/tls.key
		rm /secrets/operator-password
		echo half >/secrets/operator-password.new
		mv /certificates/tls.crt /certificates/tls.crt.new')
	docker_up
	docker_certificate
	visit /session/counter
	expect_json 200 '{"message":"Counter incremented","counter":1}'
	[ "$(beside setup 'cat /secrets/redis-password /certificates/tls.key
		! grep -q half /secrets/operator-password')" = "$was" ]
}

@test "a certificate without its key ends setup" {
	docker_project
	front_certificate
	mkdir -m 755 "$STACK/certificates"
	install -m 644 "$STACK/tls.crt" "$STACK/certificates"
	KR_CERTIFICATES=$STACK/certificates expect_up_fails 'service "setup" didn'
	expect_container_says setup \
		'^setup: the certificate lacks /certificates/tls.key'
	[ "$(container_is setup ExitCode)" -eq 1 ]
}

@test "a certificate that cannot be read ends the front servers" {
	docker_project
	mkdir -m 755 "$STACK/certificates"
	echo none >"$STACK/certificates/tls.crt"
	(umask 077 && echo none >"$STACK/certificates/tls.key")
	KR_CERTIFICATES=$STACK/certificates expect_up_fails 'front-1 is unhealthy'
	expect_container_says front \
		'^front: cannot read /certificates/tls.key as user 33'
	expect_ended front
	chmod 644 "$STACK/certificates/tls.key"
	expect_container_says front "couldn't read X509 certificate from"
	expect_ended front
	export COMPOSE_FILE+=:$KR_ROOT/docker/compose.nginx.yaml
	KR_CERTIFICATES=$STACK/certificates expect_up_fails 'front-1 is unhealthy'
	expect_container_says front 'cannot load certificate "/certificates/tls.crt"'
	expect_ended front
}

@test "a secret that has gone ends krsessiond, and is back when it is" {
	world_start docker
	visit '/session/login?user=max'
	beside setup 'mv /secrets/redis-password /secrets/away'
	docker compose restart krsessiond >>"$STACK/compose.log" 2>&1
	expect_container_says krsessiond \
		'redis.password_file = /secrets/redis-password: cannot be read'
	expect_ended krsessiond
	visit /hello
	expect_json 503 '{"error":"Service unavailable"}'
	expect_header Retry-After 1
	beside setup 'mv /secrets/away /secrets/redis-password'
	docker_up
	visit /session/whoami
	expect_json 200 '{"user":"max"}'
}

@test "a wrong password makes krsessiond unhealthy, and loses no session" {
	world_start docker
	visit '/session/login?user=max'
	# It takes longer to be called unhealthy than the tutorial's idle timeout.
	rcli pexpire "$(redis_key "$(cookie_value)")" 600000
	beside setup 'cd /secrets && mv redis-password away &&
		echo wrong >redis-password && chmod 444 redis-password'
	docker compose restart krsessiond >>"$STACK/compose.log" 2>&1
	expect_container_says krsessiond 'WRONGPASS|refused user, password'
	visit /hello
	expect 200 'Hello, Session World!'
	visit /session/whoami
	expect_unavailable
	within 40 container_health krsessiond unhealthy
	# Redis learns it at its next start; its data outlive that.
	docker compose restart redis >>"$STACK/compose.log" 2>&1
	within 20 session_is_back
	expect_json 200 '{"user":"max"}'
	within 20 container_health krsessiond healthy
}

session_is_back() {
	visit /session/whoami
	[[ $code == 200 ]]
}

@test "a volume of a newer Redis ends it, and is left as it was" {
	world_start docker
	visit '/session/login?user=max'
	# As above: it is to outlive the health checks.
	rcli pexpire "$(redis_key "$(cookie_value)")" 600000
	docker compose stop redis >>"$STACK/compose.log" 2>&1
	# shellcheck disable=SC2016 # expanded in the container
	was=$(beside redis 'cd /data/appendonlydir && base=$(ls *.base.rdb) &&
		mv $base old && { printf REDIS0099; tail -c +10 old; } >$base &&
		cat *.*')
	docker compose start redis >>"$STACK/compose.log" 2>&1
	expect_container_says redis "Can't handle RDB format version 99"
	expect_ended redis
	visit /session/whoami
	expect_unavailable
	within 60 container_health krsessiond unhealthy
	expect_up_fails "redis-1"
	[ "$(beside redis 'cat /data/appendonlydir/*.*')" = "$was" ]
	beside redis 'cd /data/appendonlydir && mv old *.base.rdb'
	docker compose restart redis >>"$STACK/compose.log" 2>&1
	within 20 session_is_back
	expect_json 200 '{"user":"max"}'
	within 20 container_health krsessiond healthy
}
