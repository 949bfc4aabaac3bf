# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# Where Redis is: a resolver that does not say, and servers that send us to
# where it is not.

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

# ---- its name ------------------------------------------------------------

# What is mounted there must stay there. In a root that is no mount point, as
# of chroot, nothing can be changed about that, and nothing is spread.
propagation() {
	mountpoint -q / && echo private || echo unchanged
}

# krsessiond where the resolver takes questions and answers none.
start_without_resolver() {
	local options
	((EUID == 0)) || skip "wants a mount namespace of its own"
	echo 'nameserver 127.0.0.153' >"$STACK/resolv.conf"
	# shellcheck disable=SC2016 # it is perl's
	server_start resolver perl -MIO::Socket::INET -e '
		$socket = IO::Socket::INET->new(Proto => "udp",
			LocalAddr => "127.0.0.153", LocalPort => 53) or die $!;
		$| = 1; print "ready\n"; sleep'
	within 5 grep -q ready "$STACK/resolver.log"
	mapfile -t options < <(kr_options)
	# shellcheck disable=SC2016 # they are the inner shell's
	server_start krsessiond unshare --mount --propagation "$(propagation)" \
		bash -c '
		mount --bind "$STACK/resolv.conf" /etc/resolv.conf
		exec "$@"' bash "$KR_DAEMON" -l "unix:$KR_SOCKET" \
		"${options[@]}" -o redis.endpoint=redis://redis.example.com \
		-o redis.connect_timeout=500ms
	within 10 kr_answers "$KR_SOCKET" /hello
}

@test "a resolver that does not answer holds up nothing but sessions" {
	local load slowest
	start_without_resolver
	"$KR_BUILD/tests/fcgi_client" -q -k -n 16 -r 100000 -s 20 \
		"$KR_SOCKET" /session/counter >"$STACK/load" 3>&- 4>&- &
	load=$!
	slowest=$("$KR_BUILD/tests/fcgi_client" -q -r 500 -s 2 "$KR_SOCKET" \
		/hello | awk '$1 != 200 { print 99999 } { print $2 }' |
		sort -n | sed -n 495p)
	kill "$load"
	wait "$load" || true
	[[ $KR_SANITIZE ]] || ((slowest <= 50)) || fail "hello took $slowest ms"
	[ "$(sed '$d' "$STACK/load" | grep -cv '^503 ')" -eq 0 ]
	grep -qa "error redis redis.example.com.*look-up does not come back" \
		"$STACK/krsessiond.log"
	kill -TERM "$(server_pid krsessiond)"
	server_wait krsessiond 5
}

# ---- redirections --------------------------------------------------------

start_behind_relay() {
	redis_start
	relay_start
	kr_start -o "redis.endpoint=redis://127.0.0.1:$RELAY"
	ask '/session/set?key=color&value=purple'
	[ "$code" = 200 ]
	cookie=$(cookie_value)
}

session_opens() {
	ask_as "$cookie" '/session/get?key=color'
	[ "$code" = 200 ]
}

@test "a redirection that makes no sense is one request's misfortune" {
	start_behind_relay
	relay_mode say '-MOVED 1\r\n'
	ask_as "$cookie" '/session/get?key=color'
	expect_unavailable
	grep -qa 'error redis .*a redirection that leads nowhere: MOVED 1' \
		"$STACK/krsessiond.log"
	relay_mode pass
	within 3 session_opens
}

# One that does make sense, but comes from a server that is of no cluster.
@test "a single server that redirects once is no cluster for good" {
	start_behind_relay
	relay_mode say '-MOVED 1 127.0.0.1:'"$RELAY"'\r\n'
	ask_as "$cookie" '/session/get?key=color'
	expect_unavailable
	relay_mode pass
	within 3 session_opens
	grep -qa 'is no cluster any more' "$STACK/krsessiond.log"
}
