# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# The session layer alone, for programs without an app: tests/alone_pool.c has
# threads that block, tests/alone_loop.c a loop of its own. What each call
# does is in tests/unit/test_alone_*.c.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"

setup() {
	stack_open
}

teardown() {
	[[ ! ${LINES_PID-} ]] || kill "$LINES_PID" 2>/dev/null || :
	postgresql_end
	stack_close
}

redis_options() {
	printf '%s\n' "redis.endpoint=unix://$STACK/redis.sock" \
		redis.instance_name=KestrunSession_
}

# The last line of what it prints is left in $last.
alone() { # PROGRAM NUMBER COUNT [OPTION...]
	local program=$1
	shift
	"$KR_BUILD/tests/alone_$program" "$@" >"$STACK/alone.out" \
		2>>"$STACK/alone.log" || fail "$(tail "$STACK"/alone.*)"
	last=$(tail -n 1 "$STACK/alone.out")
}

connections() {
	rcli info stats |
		sed -n 's/^total_connections_received:\([0-9]*\).*/\1/p'
}

# ---- one call at a time --------------------------------------------------

# A program that waits for lines; $answer is what it says to the last one.
lines_start() { # [OPTION...]
	mkfifo "$STACK/lines"
	"$KR_BUILD/tests/alone_pool" 0 0 "$@" <"$STACK/lines" \
		>"$STACK/answers" 2>>"$STACK/alone.log" 3>&- 4>&- &
	LINES_PID=$!
	exec {LINES_IN}>"$STACK/lines"
	LINES_N=0
}

line() { # WORD
	echo "$1" >&"$LINES_IN"
	LINES_N=$((LINES_N + 1))
	within 20 line_answered || fail "no answer to $1"
	answer=$(sed -n "${LINES_N}p" "$STACK/answers")
}

line_answered() {
	(($(wc -l <"$STACK/answers") >= LINES_N))
}

# It ends well, whatever befell it.
lines_end() {
	echo quit >&"$LINES_IN"
	wait "$LINES_PID"
}

# ---- threads -------------------------------------------------------------

@test "eight threads count exactly, in memory" {
	alone pool 8 250 store.kind=memory
	[[ $last == 'n=2000 stored=2000 unknown=0 failed='* ]]
}

@test "eight threads count exactly, and take eight connections" {
	local options before
	redis_start
	mapfile -t options < <(redis_options)
	before=$(connections)
	alone pool 8 100 "${options[@]}"
	[[ $last == 'n=800 stored=800 unknown=0 failed='* ]]
	# One is redis-cli's, of the second look.
	(($(connections) - before <= 8 + 1))
}

@test "one thread uses one connection" {
	local options before
	redis_start
	mapfile -t options < <(redis_options)
	before=$(connections)
	alone pool 1 50 "${options[@]}"
	[ "$last" = 'n=50 stored=50 unknown=0 failed=0' ]
	[ "$(($(connections) - before))" -eq 2 ]
}

# What it has said to be written is there when it is back: by default it puts
# that off while an earlier part is on its way to the disk.
redis_start_durable() {
	redis_start --appendonly yes --appendfsync no
}

redis_dies_and_comes_back() {
	redis_stop_hard
	redis_start_durable
}

# What was surely stored is there, and nothing twice.
@test "Redis dies while threads count" {
	local options pid
	redis_start_durable
	mapfile -t options < <(redis_options)
	"$KR_BUILD/tests/alone_pool" 4 2000 "${options[@]}" \
		>"$STACK/alone.out" 2>>"$STACK/alone.log" 3>&- 4>&- &
	pid=$!
	within 10 grep -q begun "$STACK/alone.out"
	within 20 counted_to 50
	redis_dies_and_comes_back
	wait "$pid"
	read -r n stored unknown failed < <(tail -n 1 "$STACK/alone.out" |
		sed 's/[a-z]*=//g')
	echo "n=$n stored=$stored unknown=$unknown failed=$failed"
	((stored + unknown == 8000 && n >= stored && n <= stored + unknown))
	((failed > 0 && unknown < 800))
}

counted_to() { # NUMBER
	local key
	key=$(rcli --scan | head -n 1)
	(($(rcli hget "$key" n) >= $1))
}

@test "behind Sentinels" {
	local options
	sentinel_start
	mapfile -t options < <(sentinel_options | grep -vx -e -o)
	alone pool 4 50 redis.instance_name=KestrunSession_ "${options[@]}"
	[[ $last == 'n=200 stored=200 unknown=0 failed='* ]]
}

@test "on a Cluster, and over a loop" {
	local options
	cluster_start
	mapfile -t options < <(cluster_options | grep -vx -e -o)
	alone pool 4 50 redis.instance_name=KestrunSession_ "${options[@]}"
	[[ $last == 'n=200 stored=200 unknown=0 failed='* ]]
	alone loop 20 10 redis.instance_name=KestrunSession_ "${options[@]}"
	[ "$last" = 'n=200 errors=0' ]
}

# ---- what happens between calls ------------------------------------------

@test "a connection that died while nobody used it is noticed" {
	local options
	redis_start_durable
	mapfile -t options < <(redis_options)
	lines_start "${options[@]}"
	line count
	[ "$answer" = 1 ]
	redis_dies_and_comes_back
	line count
	[ "$answer" = 2 ]
	rcli client kill type normal
	line count
	[ "$answer" = 3 ]
	lines_end
}

@test "while Redis is away calls fail, and soon, and then work again" {
	local options before
	redis_start_durable
	mapfile -t options < <(redis_options)
	lines_start "${options[@]}"
	line count
	redis_stop_hard
	before=$(now_us)
	line count
	[ "$answer" = "$(strerror_unavailable)" ]
	line count
	[ "$answer" = "$(strerror_unavailable)" ]
	(($(now_us) - before < 2000000))
	redis_start_durable
	within 10 counts
	[ "$answer" = 2 ]
	lines_end
}

strerror_unavailable() {
	echo 'store unavailable'
}

counts() {
	line count
	[[ $answer =~ ^[0-9]+$ ]]
}

@test "a Redis that hangs holds a call for io_timeout, and no later one" {
	local options before
	redis_start
	mapfile -t options < <(redis_options)
	lines_start "${options[@]}" session.io_timeout=500ms
	line count
	redis_pause
	before=$(now_us)
	line look
	[[ ! $answer =~ ^[0-9] ]]
	(($(now_us) - before < 3000000))
	redis_continue
	within 10 counts
	[ "$answer" = 2 ]
	lines_end
}

@test "a session that is only read slides on" {
	local options key
	redis_start
	mapfile -t options < <(redis_options)
	lines_start "${options[@]}"
	line count
	key=$(rcli --scan)
	rcli hset "$key" @seen 1000
	rcli pexpire "$key" 60000
	line look
	[ "$answer" = 1 ]
	(($(rcli pttl "$key") > 1000000))
	(($(rcli hget "$key" @seen) > 1000000))
	line end
	[ "$(rcli dbsize)" -eq 0 ]
	line look
	[ "$answer" = 'not found' ]
	lines_end
}

# ---- a loop --------------------------------------------------------------

@test "a loop has many sessions under way on one connection" {
	local options before
	redis_start
	mapfile -t options < <(redis_options)
	before=$(connections)
	alone loop 100 10 "${options[@]}"
	[ "$last" = 'n=1000 errors=0' ]
	[ "$(($(connections) - before))" -eq 2 ]
	alone loop 100 10 store.kind=memory
	[ "$last" = 'n=1000 errors=0' ]
}

@test "a loop has them on SQLite" {
	alone loop 20 10 store.kind=sqlite "store.path=$STACK/sessions.sqlite"
	[ "$last" = 'n=200 errors=0' ]
}

@test "and on PostgreSQL" {
	postgresql_start
	alone loop 20 10 store.kind=postgresql \
		"postgresql.conninfo=$(conninfo_of "$PG" krsession)"
	[ "$last" = 'n=200 errors=0' ]
}
