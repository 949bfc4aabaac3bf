# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031,SC2154
#
# krsessionctl on PostgreSQL: what it says of the server, and what rights do.
bats_require_minimum_version 1.5.0

# shellcheck source=lib/ctl.bash
source "$BATS_TEST_DIRNAME/lib/ctl.bash"

setup() {
	ctl_open
}

teardown() {
	! server_running pgbouncer || server_end pgbouncer
	ctl_close
}

# With the settings that a server has of itself.
restart_safe() { # [POSTGRES OPTION...]
	postgresql_stop
	postgresql_start_server -c fsync=on "$@"
}

@test "check finds nothing to mend where there is nothing" {
	restart_safe
	serve
	log_in max
	ctl check
	[ "$status" -eq 0 ] || fail "$output" "$stderr"
	run -1 grep -v '^ok' <<<"$output"
	ctl check
	finding ok 'PostgreSQL [0-9.]+.*, a primary'
	finding ok 'user krsession has the rights that it needs'
	finding ok 'synchronous_commit is on'
	finding ok 'the connection stays on this machine'
}

@test "check names a server that may lose or damage what it has" {
	restart_safe -c fsync=off -c full_page_writes=off -c autovacuum=off
	serve
	sql 'ALTER TABLE session_values SET UNLOGGED'
	sql 'ALTER TABLE sessions SET (autovacuum_enabled = false)'
	ctl check
	[ "$status" -eq 3 ]
	finding bad 'off: fsync, full_page_writes; '
	finding warning 'UNLOGGED: session_values; '
	finding warning 'off: autovacuum, autovacuum of sessions; '
}

@test "check names the rights that are missing, and those that are too many" {
	restart_safe
	serve
	sql 'REVOKE DELETE ON session_values FROM krsession'
	ctl check
	[ "$status" -eq 3 ]
	finding bad 'user krsession has no right to DELETE ON session_values'
	sql 'GRANT DELETE ON session_values TO krsession'
	sql 'ALTER USER krsession SUPERUSER'
	ctl check
	finding warning 'user krsession is a superuser'
}

@test "who may only read can look, and not end" {
	serve
	log_in max
	sql 'CREATE USER looker; GRANT USAGE ON SCHEMA krsession TO looker;
		GRANT SELECT ON ALL TABLES IN SCHEMA krsession TO looker'
	OPTIONS+=(-o "postgresql.conninfo=$(conninfo_of "$PG" looker)")
	ctl list
	[[ $status -eq 0 && $output == *"$id"*max ]] || fail "$output" "$stderr"
	ctl show "$id"
	[ "$status" -eq 0 ]
	ctl end "$id"
	[ "$status" -eq 1 ]
	[[ $stderr == *"permission denied for table sessions"* ]]
	ctl sweep
	[ "$status" -eq 1 ]
	ctl check
	[ "$status" -eq 3 ]
	finding bad 'user looker has no right to DELETE ON counters, INSERT'
	is_there "$cookie"
	sql 'GRANT UPDATE, DELETE ON sessions TO looker'
	ctl sweep
	expect_output 0 "swept 0"
	ctl end "$id"
	expect_output 0 "ended 1"
	is_gone "$cookie"
}

@test "what has ended is named after an hour, and sweep says how many it was" {
	serve
	server_stop krsessiond
	plant_postgresql 1000 -7200000
	plant_postgresql_more
	ctl count
	expect_output 0 1
	ctl check
	[ "$status" -eq 3 ]
	finding warning '1000 sessions have ended and are not swept yet, some for'
	ctl sweep
	expect_output 0 "swept 1000"
	[ "$(sessions)" -eq 1 ]
	ctl sweep
	expect_output 0 "swept 0"
}

# One that lives.
plant_postgresql_more() {
	sql "INSERT INTO sessions (id, auth, born, version, seen, ends)
		VALUES ('AAAAAAAAAAAAAAAAAAAAAA', repeat('x', 32)::bytea, now(), 1,
			now(), now() + interval '1 hour')"
}

@test "check of a server that is away is 1, and says where it looked" {
	postgresql_stop
	ctl check
	[ "$status" -eq 1 ]
	[[ $stderr == *"postgresql $PG:$PORT/krsession: "*"No such file"* ]] ||
		fail "$stderr"
}

@test "check names a certificate that is not the server's" {
	tls_make
	cp "$STACK"/tls/wrong.{crt,key} "$PG"
	((EUID != 0)) || chown postgres "$PG"/wrong.*
	chmod 600 "$PG/wrong.key"
	restart_with 'hostssl all all 127.0.0.1/32 trust' -c ssl=on \
		-c ssl_cert_file="$PG/wrong.crt" -c ssl_key_file="$PG/wrong.key"
	OPTIONS+=(-o "postgresql.conninfo=$(conninfo_of localhost krsession \
		sslmode=verify-full "sslrootcert=$STACK/tls/other-ca.crt")")
	ctl check
	[ "$status" -eq 1 ]
	[[ $stderr == *'certificate verify failed'* ]] || fail "$stderr"
	OPTIONS+=(-o "postgresql.conninfo=$(conninfo_of localhost krsession \
		sslmode=verify-full "sslrootcert=$STACK/tls/ca.crt")")
	ctl check
	[ "$status" -eq 1 ]
	[[ $stderr == *'"redis.example.com" does not match host name "localhost"'* ]] ||
		fail "$stderr"
}

@test "check tells that a pooler is in between" {
	serve
	free_port BOUNCER
	cat >"$PG/pgbouncer.ini" <<-INI
		[databases]
		krsession = host=$PG port=$PORT user=krsession
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $BOUNCER
		unix_socket_dir =
		auth_type = any
		pool_mode = session
		ignore_startup_parameters = extra_float_digits
	INI
	server_start pgbouncer setpriv --reuid=postgres --regid=postgres \
		--clear-groups /usr/sbin/pgbouncer "$PG/pgbouncer.ini"
	within 10 port_answers "$BOUNCER"
	OPTIONS+=(-o "postgresql.conninfo=host=127.0.0.1 port=$BOUNCER\
 user=krsession dbname=krsession")
	ctl check
	finding unknown 'a pooler is in between'
}
