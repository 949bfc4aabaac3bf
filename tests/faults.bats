# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# Starts that cannot work, and a Redis that is not fit when we come: one line
# that says what is wrong and where, a status of its own, and nothing lost.
# Options and their values are in options.bats, listeners in server.bats, what
# a handshake may fail of in tls.bats, and Redis failing later in failures.bats.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"

setup() {
	stack_open
}

teardown() {
	stack_close
}

# ---- a start that ends --------------------------------------------------

# A start with a listener of its own, which waits for nobody. $AS may say as
# whom.
krsessiond() { # OPTION...
	timeout 10 "${AS[@]}" "$KR_INSTALLED/bin/krsessiond" -l "unix:$KR_SOCKET" "$@" \
		</dev/null
}

# One line is an error, and has all of these words; -t finds it as well.
refuses() { # STATUS "OPTIONS" WORD...
	local option options word
	read -ra options <<<"$2"
	for option in -t ''; do
		[[ $1 == 2 || ! $option ]] || continue
		run krsessiond "${options[@]}" ${option:+"$option"}
		[[ $status == "$1" ]] || fail "status $status" "$output" || return
		[[ $(grep -c ' error ' <<<"$output") == 1 ]] ||
			fail "not one line" "$output" || return
		for word in "${@:3}"; do
			[[ $output == *"$word"* ]] ||
				fail "no '$word' in" "$output" || return
		done
	done
}

# An option that names a file, with one of each kind that is of no use.
refuses_files() { # "OPTIONS", NAME OF THE FILE IN THE OPTIONS, WORD
	local at=$STACK/file what
	while read -r what words; do
		rm -rf "$at"
		case $what in
		nothing) ;;
		folder) mkdir "$at" ;;
		pipe) mkfifo "$at" ;;
		socket) socket_make "$at" ;;
		forbidden) install -m 600 /dev/null "$at" ;;
		esac
		AS=()
		[[ $what != forbidden ]] || as_nobody
		refuses 2 "$1" "$2" "$words"
		AS=()
	done <<-'END'
		nothing No such file or directory
		folder Is a directory
		pipe it is a pipe or a socket, and must be a file
		socket it is a socket, and must be a file
		forbidden Permission denied
	END
	rm -rf "$at"
}

socket_make() { # PATH
	perl -MIO::Socket::UNIX -e \
		'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' "$1"
}

# So that rights mean something; whoever runs this may not be root.
as_nobody() {
	((EUID == 0)) || return 0
	chmod 755 "$STACK"
	AS=(setpriv --reuid nobody --regid nogroup --clear-groups)
}

@test "a password file that cannot be read is named, whatever it is" {
	local key
	for key in password sentinel_password; do
		refuses_files "-o redis.${key}_file=$STACK/file" \
			"redis.${key}_file = $STACK/file: cannot be read: "
	done
}

@test "a password file that is empty or a gigabyte is no password" {
	: >"$STACK/file"
	refuses 2 "-o redis.password_file=$STACK/file" "$STACK/file" \
		'first line is not empty' 1024
	truncate -s 1G "$STACK/file"
	refuses 2 "-o redis.password_file=$STACK/file" "$STACK/file" \
		'first line is not empty' 1024
}

@test "a configuration that cannot be read is named, whatever it is" {
	refuses_files "-c $STACK/file" "$STACK/file: cannot be read: "
}

# Good files for TLS, of which a test puts one out of place.
tls_options() { # [KEY=FILE]
	echo "-o redis.endpoint=rediss://localhost" \
		"-o redis.tls_ca_file=$STACK/tls/ca.crt" \
		"-o redis.tls_cert_file=$STACK/tls/client.crt" \
		"-o redis.tls_key_file=$STACK/tls/client.key" \
		"${1:+-o redis.$1}"
}

@test "certificate, key and CA that cannot be read are named, whatever they are" {
	local key
	tls_make
	chmod -R a+rX "$STACK/tls"
	for key in tls_ca_file tls_cert_file tls_key_file; do
		refuses_files "$(tls_options "$key=$STACK/file")" \
			"redis.$key = $STACK/file: cannot be used: "
	done
}

@test "what is no certificate or no key is told as that" {
	local key what
	tls_make
	while read -r key what; do
		for what in "$STACK/tls/nonsense" "$STACK/tls/$what"; do
			echo nonsense >"$STACK/tls/nonsense"
			refuses 2 "$(tls_options "$key=$what")" \
				"redis.$key = $what: cannot be used: it holds no" \
				'in PEM form'
		done
	done <<-'END'
		tls_ca_file client.key
		tls_cert_file client.key
		tls_key_file client.crt
	END
	truncate -s 1G "$STACK/tls/nonsense"
	for key in tls_ca_file tls_cert_file tls_key_file; do
		refuses 2 "$(tls_options "$key=$STACK/tls/nonsense")" \
			"redis.$key = $STACK/tls/nonsense: " 'far too large'
	done
}

@test "a key of another certificate is told as that" {
	tls_make
	refuses 2 "$(tls_options "tls_key_file=$STACK/tls/good.key")" \
		"redis.tls_key_file = $STACK/tls/good.key: " \
		'not the key of redis.tls_cert_file'
}

@test "a client certificate that has expired is told as that" {
	tls_make
	refuses 2 "$(tls_options "tls_cert_file=$STACK/tls/expired.crt")" \
		"redis.tls_cert_file = $STACK/tls/expired.crt: " \
		'it has expired at 2020-02-01T00:00:00Z'
}

# At a terminal OpenSSL would ask, and wait.
@test "a key with a passphrase is refused, also at a terminal" {
	local command
	tls_make
	tls_quietly pkey -aes256 -passout pass:secret \
		-in "$STACK/tls/client.key" -out "$STACK/tls/locked.key"
	refuses 2 "$(tls_options "tls_key_file=$STACK/tls/locked.key")" \
		"redis.tls_key_file = $STACK/tls/locked.key: " passphrase
	command="$KR_INSTALLED/bin/krsessiond -t \
		$(tls_options "tls_key_file=$STACK/tls/locked.key")"
	run timeout 10 script -qec "$command" /dev/null
	[ "$status" -eq 2 ]
	[[ $output != *'Enter PEM'* ]]
}

@test "options of TLS beside an endpoint without it are warned of" {
	tls_make
	run krsessiond -t -o redis.endpoint=redis://localhost \
		-o "redis.tls_ca_file=$STACK/tls/ca.crt"
	[ "$status" -eq 0 ]
	[[ $output == *' warning redis: '*redis.tls_*rediss://* ]]
}

@test "a port in use is named, and status 1" {
	free_port TAKEN
	server_start taken redis-server --bind 127.0.0.1 --port "$TAKEN" --save ''
	within 10 port_answers "$TAKEN"
	refuses 1 "-l tcp:127.0.0.1:$TAKEN" \
		"cannot listen on tcp:127.0.0.1:$TAKEN: Address already in use"
	run krsessiond -l "tcp:127.0.0.1:$TAKEN" -t # binds nothing
	[ "$status" -eq 0 ]
}

@test "a socket path that another server has, or that is a file, is named" {
	kr_listen krsessiond krsessiond "unix:$KR_SOCKET"
	within 10 kr_answers "$KR_SOCKET" /hello
	refuses 1 '' "unix:$KR_SOCKET" 'another server answers there already'
	server_stop krsessiond
	echo precious >"$KR_SOCKET"
	refuses 2 '' "unix:$KR_SOCKET" 'a file that is no socket is there'
	[ "$(<"$KR_SOCKET")" = precious ]
	rm "$KR_SOCKET"
}

@test "a folder that krsessiond may not write to is named" {
	((EUID == 0)) || skip "wants to become another user"
	as_nobody
	refuses 1 '' "unix:$KR_SOCKET" 'Permission denied'
	socket_make "$KR_SOCKET" # another user's
	chmod 700 "$KR_SOCKET"
	refuses 1 '' "unix:$KR_SOCKET" 'Permission denied'
	[ -S "$KR_SOCKET" ]
}

# ---- a start that depends on Redis --------------------------------------

@test "abort_on_connect_fail: one line says why" {
	local abort='-o redis.abort_on_connect_fail=yes -o redis.endpoint='
	acl_read_options single
	redis_start_tcp "${ACL[@]}"
	refuses 1 "${abort}redis://127.0.0.1:1" \
		'redis 127.0.0.1:1: Connection refused; not started'
	refuses 1 "${abort}redis://krsession:wrong@127.0.0.1:$PORT" \
		"redis 127.0.0.1:$PORT: WRONGPASS" abort_on_connect_fail
	refuses 1 "${abort}redis://nobody:wrong@127.0.0.1:$PORT" WRONGPASS
	refuses 1 "${abort}redis://krsession:$ESCAPED@127.0.0.1:$PORT" \
		NOPERM "'ping'"
	refuses 1 "${abort}redis://127.0.0.1:$PORT" NOAUTH
}

@test "abort_on_connect_fail: a Redis that loads is one that is not there" {
	redis_start_tcp
	redis_restart_loading
	refuses 1 "-o redis.abort_on_connect_fail=yes \
		-o redis.endpoint=redis://127.0.0.1:$PORT" LOADING
	within 20 redis_answers redis
}

# ---- a Redis that is not fit when we come -------------------------------

# krsessiond comes, cannot make a session, says why once, and serves when it
# is put right.
expect_unfit() { # WORD
	kr_start -o "redis.endpoint=redis://127.0.0.1:$PORT" -o log.level=info
	ask /session/counter
	[ "$code" = 503 ]
	[[ $(header Retry-After) ]]
	ask /session/counter
	[ "$code" = 503 ]
	ask /hello
	[ "$code" = 200 ]
	[ "$(grep -ac " error .*redis.*: $1" "$STACK/krsessiond.log")" -eq 1 ] ||
		fail "$(<"$STACK/krsessiond.log")"
}

expect_fit() {
	within 3 kr_answers "$KR_SOCKET" /session/counter ||
		fail "not back" "$(<"$STACK/krsessiond.log")"
}

@test "a Redis that still loads" {
	redis_start_tcp
	redis_restart_loading
	expect_unfit LOADING
	within 20 redis_answers redis
	expect_fit
}

@test "a Redis that is a replica" {
	redis_start_tcp
	rcli replicaof 127.0.0.1 1
	expect_unfit READONLY
	rcli replicaof no one
	expect_fit
}

@test "a Redis that is full" {
	redis_start_tcp --maxmemory 1 --maxmemory-policy noeviction
	expect_unfit OOM
	rcli config set maxmemory 0
	expect_fit
}

# Fills Redis until that happens, or until it has refused a hundred times.
fill_until() { # COMMAND...
	local i
	for i in {1..100}; do
		rcli set "filler:$i" "$(printf '%060000d' 0)" ex 1000 >/dev/null
		! "$@" || return 0
	done
	return 1
}

session_is_gone() {
	[[ $(rcli exists "$(redis_key "$cookie")") == 0 ]]
}

@test "noeviction drops no session, other policies do without a word" {
	local options=(-o "redis.endpoint=unix://$STACK/redis.sock"
		-o log.level=info -o session.idle_timeout=20m)
	redis_start --maxmemory 3mb --maxmemory-policy noeviction
	kr_start "${options[@]}"
	ask '/session/set?key=color&value=purple'
	cookie=$(cookie_value)
	! fill_until session_is_gone || fail "dropped"
	ask_as "$cookie" '/session/get?key=color'
	expect 200 '{"key":"color","value":"purple"}'
	rcli config set maxmemory-policy volatile-ttl
	rcli expire "$(redis_key "$cookie")" 900
	fill_until session_is_gone || fail "kept"
	ask_as "$cookie" '/session/get?key=color'
	[ "$code" = 404 ]
	run grep -aE ' (error|warning) ' "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
}

@test "a Redis whose disk is away" {
	mkdir "$STACK/gone"
	redis_start_tcp --dir "$STACK/gone" --save '3600 1'
	rmdir "$STACK/gone"
	rcli bgsave
	within 5 redis_cannot_save
	expect_unfit MISCONF
	rcli config set save '' # it would not end otherwise
	rcli config set stop-writes-on-bgsave-error no
	expect_fit
}

# ---- a user without rights ----------------------------------------------

# Redis does not name a command that a script may not run.
@test "what a script may not run is in Redis' ACL LOG, and the log says so" {
	local command
	acl_read_options single
	redis_start_tcp "${ACL[@]}"
	for command in hget hset pexpire; do
		rcli acl setuser krsession "-$command"
		rcli acl log reset
		kr_start -o redis.endpoint="redis://krsession:$ESCAPED@127.0.0.1:$PORT"
		ask /session/counter
		expect_unavailable
		grep -aE "error redis .*(can't|NOPERM|ACL).*ACL LOG" \
			"$STACK/krsessiond.log"
		rcli acl log | grep -qx "$command" || fail "$command: $(rcli acl log)"
		server_stop krsessiond
		rm "$STACK/krsessiond.log"
		rcli acl setuser krsession "+$command"
	done
}

@test "what an outage does to requests is said once a minute" {
	kr_start -o "redis.endpoint=unix://$STACK/nobody.sock" -o log.level=info \
		-o redis.connect_timeout=100ms
	"$KR_BUILD/tests/fcgi_client" -q -k -r 250 -s 10 "$KR_SOCKET" \
		/session/counter >"$STACK/answers"
	[ "$(grep -c '^503' "$STACK/answers")" -eq 250 ]
	[ "$(grep -ac ' warning ' "$STACK/krsessiond.log")" -eq 1 ]
	[ "$(grep -ac ' error ' "$STACK/krsessiond.log")" -eq 1 ]
}

# Before version 6.
@test "a Redis that knows no users is told as that" {
	redis_start
	relay_start
	relay_mode say "-ERR wrong number of arguments for 'auth' command\\r\\n"
	kr_start -o "redis.endpoint=redis://krsession:secret@127.0.0.1:$RELAY"
	ask /session/counter
	expect_unavailable
	grep -aE "error redis .*for 'auth' command; .*user, password" \
		"$STACK/krsessiond.log"
}

# ---- a Redis that lacks a command ---------------------------------------

# Older than 4.0, or with commands renamed, as some who sell Redis have it.
expect_unknown() { # COMMAND PATH
	redis_start_tcp --rename-command "$1" ''
	kr_start -o "redis.endpoint=redis://127.0.0.1:$PORT" -o log.level=info
	ask '/session/set?key=color&value=hush-hush'
	cookie=$(cookie_value)
	ask -c "Kr.Session=${cookie:-$FORGED}" "$2"
	expect_unavailable || fail "$1 is not needed"
	ask -c "Kr.Session=${cookie:-$FORGED}" "$2"
	[ "$(grep -aciE 'error .*unknown.*command.*Redis 4.0' \
		"$STACK/krsessiond.log")" -eq 1 ] ||
		fail "$(<"$STACK/krsessiond.log")"
	# Redis would repeat the arguments, and values with them.
	run grep -a -e 'args beginning' -e hush "$STACK/krsessiond.log"
	[ "$status" -eq 1 ]
	server_stop krsessiond
	rm "$STACK/krsessiond.log" "$KR_SOCKET"
	server_stop redis
}

@test "a command that Redis does not know is named, without its arguments" {
	local path='/session/set?key=color&value=hush-hush'
	expect_unknown evalsha "$path"
	expect_unknown eval "$path"
	expect_unknown hset "$path"
	expect_unknown pexpire "$path"
	expect_unknown hgetall "$path"
	expect_unknown unlink /session/logout
}
