# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119,SC2030,SC2031
#
# The daemon among enemies: peers that lie, trickle, leave, never read, or
# come by the thousand, and a server that ends while they do. Each test says
# what everybody else sees of it meanwhile.

bats_require_minimum_version 1.5.0

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/hostile.bash
source "$BATS_TEST_DIRNAME/lib/hostile.bash"
# shellcheck source=lib/load.bash
source "$BATS_TEST_DIRNAME/lib/load.bash"

setup() {
	stack_open
	PEERS=()
}

teardown() {
	peers_end
	load_end
	stack_close
}

# ---- what is said -------------------------------------------------------

@test "a pair whose lengths lie ends its connection, and nothing else" {
	local pair
	own_start
	for pair in 80000001fffffffe 8000000180000001 ffffffffffffffff 0101 \
		05018000 80 ff; do
		raw begin:1:1 "hex:01040001$(printf %04x $((${#pair} / 2)))0000" \
			"hex:$pair" params: stdin:
		[[ $said == ready$'\n'closed\ * ]]
	done
	server_running krsessiond
	hello_at_once
	within 5 log_has 'warning .*lengths that do not fit'
	[ "$(log_count ' warning ')" -le 2 ] # one a second
}

# PATH_INFO=/hello in two records, with that length of its value.
split_pair() { # HEX
	raw begin:1:0 param:REQUEST_METHOD=GET \
		"hex:010400010004000009${1}5041" \
		hex:01040001000d000054485f494e464f2f68656c6c6f params: stdin:
}

@test "a pair may be split between records, and is checked all the same" {
	own_start
	split_pair 06
	[[ $said == *'answer 200'* ]]
	split_pair 07
	[[ $said == ready$'\n'closed\ * ]]
}

@test "a CONTENT_LENGTH that lies is refused, and nothing is stored" {
	local length
	redis_start
	own_start
	for length in 999 3 -1 abc 14x +14 99999999999999999999999 0x0e; do
		raw begin:1:0 param:REQUEST_METHOD=POST \
			param:PATH_INFO=/session/set \
			"param:CONTENT_LENGTH=$length" \
			param:CONTENT_TYPE=application/x-www-form-urlencoded \
			params: 'stdin:key=a&value=bbb' stdin:
		[[ $said == *'answer 400 '* ]] || fail "$length: $said"
	done
	[ "$(rcli dbsize)" -eq 0 ]
}

@test "a question for values is answered at once, without a request" {
	own_start
	raw values:FCGI_MPXS_CONNS shut:
	[[ $said == *'values FCGI_MPXS_CONNS=0'* ]]
	((${said##* } < 1000))
	raw values:FCGI_MAX_CONNS values:NO_SUCH get:/hello
	[[ $said == *'values FCGI_MAX_CONNS='[1-9]*'answer 200'* ]]
	[ "$(log_count ' warning ')" -eq 0 ]
}

@test "an unknown management record does not lose the request behind it" {
	own_start
	raw type:77 get:/hello
	[[ $said == *'unknown 77'*'answer 200'*'end 1 0'* ]]
}

@test "a request that is aborted ends without a word" {
	own_start
	raw begin:1:1 param:PATH_INFO=/hello abort: keep:/hello shut:
	[[ $said == *$'end 1 0\nanswer 200 '*'end 1 0'* ]]
	raw abort: get:/hello
	[[ $said == *'answer 200'* ]]
	[ "$(log_count ' warning ')" -eq 0 ]
}

@test "an unknown role is told so" {
	own_start
	raw begin:9:0 params: stdin:
	[[ $said == *$'end 1 3\nclosed '* ]]
	raw begin:2:1 params: stdin: keep:/hello shut:
	[[ $said == *$'end 1 3\nanswer 200'* ]]
}

@test "requests that come ahead of their answers are all answered" {
	redis_start
	own_start
	raw keep:/hello keep:/session/counter keep:/hello keep:/hello answers:4 \
		shut:
	[ "$(grep -c 'answer 200' <<<"$said")" -eq 4 ]
}

@test "who half-closes at once still gets the answer" {
	redis_start
	own_start
	raw get:/session/counter shut:
	[[ $said == *'answer 200'* ]]
	raw keep:/session/counter shut:
	[[ $said == *'answer 200'*closed* ]]
}

# Two at once, as one connection may hurt another.
fuzz() { # SECONDS
	local seed=$((EPOCHSECONDS * 1000 + RANDOM)) other
	start_both -o store.kind=memory -o server.receive_timeout=200ms
	"$KR_BUILD/tests/fcgi_fuzz" "$seed" "$1" "$KR_SOCKET" >&2 \
		3>&- 4>&- &
	other=$!
	"$KR_BUILD/tests/fcgi_fuzz" "${seed}1" "$1" "$KR_SOCKET" >&2
	wait "$other"
	server_running krsessiond
	hello_at_once
}

@test "mutations of good requests hurt nobody" {
	fuzz 3
}

# bats test_tags=slow
@test "mutations of good requests hurt nobody for long" {
	fuzz 20
}

# ---- what comes slowly, or never ----------------------------------------

form() { # BYTES: a form of so many, all but its end
	printf '%s\n' begin:1:1 param:REQUEST_METHOD=POST \
		param:PATH_INFO=/session/set "param:CONTENT_LENGTH=$1" \
		param:CONTENT_TYPE=application/x-www-form-urlencoded params: \
		"body:$1"
}

@test "big requests that come slowly hold up nobody" {
	local words
	own_start -o server.workers=2 -o server.threads=2
	mapfile -t words < <(form 70000)
	peers_start big -n 200 "$KR_SOCKET" "${words[@]}"
	mapfile -t words < <(form 60000)
	peers_start less -n 200 "$KR_SOCKET" "${words[@]}"
	within 20 peers_ready big
	within 20 peers_ready less
	for _ in {1..20}; do
		hello_at_once
	done
}

@test "receive_timeout is for the whole request, however it trickles" {
	local ended
	own_start -o server.receive_timeout=1s
	raw slow:100 get:/hello
	[[ $said != *answer* ]]
	ended=${said##* }
	((ended >= 900 && ended < 3000))
	raw slow:100 begin:1:1 param:PATH_INFO=/hello abort: begin:1:1
	ended=${said##* }
	[[ $said != *answer* ]]
	((ended >= 900 && ended < 4000))
}

@test "500 half requests cost no processor time, and one warning a second" {
	local before from
	own_start -o server.receive_timeout=5s
	peers_start halves -n 500 "$KR_SOCKET" begin:1:1 param:PATH_INFO=/hello
	within 20 peers_ready halves
	before=$(cpu_ticks)
	sleep 2 # is what is measured
	(($(cpu_ticks) - before <= 10)) # of 200
	hello_at_once
	from=$SECONDS
	wait "${PEERS[0]}"
	((SECONDS - from < 8))
	[ "$(grep -c '^closed' "$STACK/halves.out")" -eq 500 ]
	(($(log_count 'warning .*half a request') <= SECONDS - from + 1))
}

descriptors() {
	find "/proc/$(server_pid krsessiond)/fd" -mindepth 1 | wc -l
}

descriptors_are() { # N
	(($(descriptors) <= $1))
}

@test "a peer that leaves half a request behind is noticed at once" {
	local before
	own_start
	before=$(descriptors)
	peers_start halves -n 100 "$KR_SOCKET" begin:1:1
	within 10 peers_ready halves
	(($(descriptors) >= before + 100))
	peers_end
	within 2 descriptors_are $((before + 2))
	[ "$(log_count ' warning ')" -eq 0 ]
}

# ---- many ---------------------------------------------------------------

@test "connections that come and go by the thousand hurt nobody" {
	local before
	own_start
	hello_at_once
	before=$(descriptors)
	for _ in {1..10}; do
		"$KR_BUILD/tests/fcgi_raw" -n 200 "$KR_SOCKET" leave:
	done
	for _ in {1..5}; do
		"$KR_BUILD/tests/fcgi_raw" -n 200 "$KR_SOCKET" get:/hello leave:
	done
	hello_at_once
	within 5 descriptors_are $((before + 2))
}

# bats test_tags=slow
@test "10,000 idle connections cost less than 1 KiB each, and no thread" {
	local before threads
	ulimit -n 11000
	own_start -o log.level=info
	# So that what a crowd's requests take is there.
	"$KR_BUILD/tests/fcgi_raw" -n 2000 "$KR_SOCKET" get:/hello answers:1 \
		>"$STACK/answers"
	before=$(resident)
	threads=$(thread_count)
	peers_start idle -n 10000 "$KR_SOCKET" keep:/hello answers:1
	within 60 peers_ready idle
	[ "$(grep -c '^answer 200' "$STACK/idle.out")" -eq 10000 ]
	echo "# $((($(resident) - before) * 1024 / 10000)) bytes each" >&3
	(($(resident) - before <= 10000 || ${#KR_SANITIZE})) # KiB
	[ "$(thread_count)" -eq "$threads" ]
	for _ in {1..20}; do
		hello_at_once
	done
}

accepts_no_more() {
	log_has 'cannot accept connections'
}

@test "out of descriptors, twice: it serves again when some are free" {
	own_start
	prlimit --pid "$(server_pid krsessiond)" --nofile=64
	for _ in 1 2; do
		: >"$STACK/krsessiond.log"
		peers_start crowd -n 100 "$KR_SOCKET" keep:/hello
		within 10 accepts_no_more
		peers_end
		within 5 hello_works
		hello_at_once
	done
}

# ---- who does not read --------------------------------------------------

# A session whose value becomes 360 KiB of JSON, more than a socket takes; its
# cookie is left in $cookie.
large_session() {
	ask '/session/set?key=k&value=v'
	cookie=$(cookie_value)
	head -c 60000 /dev/zero | tr '\0' '\1' |
		rcli -x hset "$(redis_key "$cookie")" k >"$STACK/hset"
}

get_large() {
	printf '%s\n' begin:1:1 param:REQUEST_METHOD=GET \
		param:PATH_INFO=/session/get param:QUERY_STRING=key=k \
		"param:HTTP_COOKIE=Kr.Session=$cookie" params: stdin:
}

@test "who never reads large answers is left, and holds up nobody" {
	local words
	redis_start
	own_start -o server.receive_timeout=1s -o server.workers=1
	large_session
	mapfile -t words < <(get_large)
	peers_start mute -n 8 "$KR_SOCKET" "${words[@]}" mute:20000
	for _ in {1..20}; do
		hello_at_once
	done
	within 10 log_has 'warning .*did not read its answer'
	hello_at_once
	# Who reads late, but in time, has all of it.
	mapfile -t -O "${#words[@]}" words < <(get_large)
	raw "${words[@]}" mute:500 answers:2 shut:
	[ "$(grep -c 'answer 200' <<<"$said")" -eq 2 ]
}

# ---- blocking handlers --------------------------------------------------

@test "blocking handlers that fill the pool hold up nobody else" {
	local gate=$STACK/gate
	slow_start -o server.threads=2 -o server.workers=2
	GATE=$gate
	peers_start slow -n 8 "$STACK/slow.sock" "get:/slow/hello?gate=$gate"
	within 10 slow_waits 2
	for _ in {1..20}; do
		ask_at "$STACK/slow.sock" -t 5000 /nowhere
		[ "$code" = 404 ] && ((ms < 1000))
	done
	[ "$(stat -c %s "$gate.waiting")" -eq 2 ]
	for _ in {1..8}; do
		slow_go_on
	done
	wait "${PEERS[0]}"
	[ "$(grep -c '^answer 200' "$STACK/slow.out")" -eq 8 ]
}

# ---- signals and successors ---------------------------------------------

ignored() { # SIGNAL'S NAME
	log_has "info $1.* is ignored"
}

@test "SIGUSR1 and SIGUSR2 end nobody" {
	own_start
	kill -USR1 "$(server_pid krsessiond)"
	within 5 ignored 'User defined signal 1'
	kill -USR2 "$(server_pid krsessiond)"
	within 5 ignored 'User defined signal 2'
	[ "$(log_count ' is ignored')" -eq 2 ]
	hello_at_once
}

# The path is moved aside, as an operator does who starts the new one first.
@test "an instance that ends leaves its successor's socket alone" {
	own_start
	mv "$KR_SOCKET" "$STACK/old.sock"
	kr_listen second krsessiond "unix:$KR_SOCKET"
	within 10 hello_works
	server_stop krsessiond
	[ -S "$KR_SOCKET" ]
	hello_at_once
	server_stop second
	[ ! -e "$KR_SOCKET" ]
}

@test "after a drain that takes too long it ends with 1, and nothing crashes" {
	local status=0
	slow_start -o server.drain_timeout=300ms -o server.threads=2
	GATE=$STACK/gate
	peers_start slow -n 4 "$STACK/slow.sock" "get:/slow/hello?gate=$GATE"
	within 10 slow_waits 2
	kill -TERM "$(server_pid slow)"
	server_wait slow 5 || status=$?
	[ "$status" -eq 1 ]
	grep -q 'error .*drain_timeout' "$STACK/slow.log"
}

# ---- the end under load -------------------------------------------------

# Eight stops under load, of which none may lose an answer.
stop_under_load() { # kept|unkept
	local load
	for _ in {1..8}; do
		own_start -o log.level=info -o server.workers=2
		"$KR_BUILD/tests/fcgi_load" 16 "$1" "$KR_SOCKET" \
			/session/counter >"$STACK/load" 3>&- 4>&- &
		load=$!
		within 20 grep -q going "$STACK/load"
		server_stop krsessiond
		wait "$load"
		cat "$STACK/load" >&2
		grep -q '^answered=[1-9][0-9]* .* late=0 lost=0 cut=0 reset=0 '\
'mute=0$' "$STACK/load"
	done
}

@test "SIGTERM under load: kept connections end between two requests" {
	redis_start
	stop_under_load kept
}

@test "SIGTERM under load: who has connected is answered" {
	redis_start
	stop_under_load unkept
}

# The new one's socket is renamed over the old one's: the path is never away.
take_over() { # NEW OLD
	kr_listen "$1" krsessiond "unix:$STACK/next.sock" -o log.level=info \
		-o server.socket_mode=0666
	within 10 kr_answers "$STACK/next.sock" /hello
	mv "$STACK/next.sock" "$KR_SOCKET"
	server_stop "$2"
}

@test "behind nginx no client notices that instances take over" {
	local i
	redis_start
	own_start -o log.level=info -o server.socket_mode=0666
	front_start nginx
	load_start 6
	take_over next0 krsessiond
	for i in {1..7}; do
		take_over "next$i" "next$((i - 1))"
		load_goes_on 5
	done
	expect_load_without_503
}
