# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev up: Redis, krsessiond and a front server over HTTPS, in one folder
# under /tmp that holds their sockets, logs and certificate. The parts are
# children of this shell, each in a process group of its own, so that Ctrl-C
# reaches this script alone and it ends them in order.

# shellcheck source=tools/build.sh
. "$root/tools/build.sh"

port=5000
address=127.0.0.1
front=lighttpd
redis_url=      # empty: a private one
redis_named_by= # where the URL came from
redis_server=redis-server # of the private one; or valkey-server

run=
parts=()        # names, in the order of their start
declare -A pids # name -> process

dev_up() {
	read_environment
	read_up_options "$@"
	check_port_free
	build ""
	install_fronts "$front"
	install_redis_server "$redis_server"
	make_run_folder
	start_redis
	start_krsessiond
	start_front
	greet
	watch
}

# The daemon reads these too; taken away here, so that --redis can win.
read_environment() {
	local name

	for name in REDIS_URL UPSTASH_REDIS_URL; do
		[[ -z ${!name:-} ]] || redis_url=${!name} redis_named_by=$name
		unset "$name"
	done
}

read_up_options() {
	while (($#)); do
		[[ $1 != --* ]] || need_value "$@"
		case $1 in
		--port) port=$2 ;;
		--address) address=$2 ;;
		--front) front=$2 ;;
		--redis) redis_url=$2 redis_named_by=--redis ;;
		--redis-server) redis_server=$2 redis_url= ;;
		*) refuse "up does not know '$1'" ;;
		esac
		shift 2
	done
	[[ " ${fronts[*]} " == *" $front "* ]] ||
		refuse "--front takes one of ${fronts[*]}, not '$front'"
	[[ $port =~ ^[1-9][0-9]{0,4}$ && $port -lt 65536 ]] ||
		refuse "--port takes 1 to 65535, not '$port'"
	[[ $address =~ ^[0-9A-Za-z.:-]+$ ]] ||
		refuse "--address takes a host name or address, not '$address'"
}

# ---- addresses -----------------------------------------------------------

# As a client on this machine writes it: no one connects to "any".
client_host() {
	case $address in
	0.0.0.0) printf 127.0.0.1 ;;
	::) printf ::1 ;;
	*) printf '%s' "$address" ;;
	esac
}

in_brackets() {
	if [[ $1 == *:* ]]; then
		printf '[%s]' "$1"
	else
		printf '%s' "$1"
	fi
}

site() {
	printf 'https://%s:%s' "$(in_brackets "$(client_host)")" "$port"
}

check_port_free() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	! timeout 2 bash -c ': <>"/dev/tcp/$0/$1"' "$(client_host)" "$port" \
		2>/dev/null ||
		die "port $port of $address is in use; choose another: --port"
}

# ---- the parts -----------------------------------------------------------

make_run_folder() {
	run=$(mktemp -d "${TMPDIR:-/tmp}/krsession-up.XXXXXX")
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	cd "$run" || exit
	# Started as root, the front servers go on as www-data.
	((EUID != 0)) || { chgrp www-data . && chmod 770 .; }
}

# start NAME COMMAND...: in the background, its output in NAME.log.
start() {
	local name=$1

	shift
	setsid "$@" >"$name.log" 2>&1 </dev/null &
	pids[$name]=$!
	parts+=("$name")
}

start_redis() {
	[[ -z $redis_url ]] || return 0
	start redis-server "$redis_server" --port 0 --save '' --appendonly no \
		--unixsocket "$run/redis.sock" --unixsocketperm 700
	wait_for "$redis_server does not answer" \
		redis-cli -s redis.sock --no-auth-warning ping
}

# The URL may hold a password: the environment keeps it out of ps.
start_krsessiond() {
	local as_www=()

	((EUID != 0)) || as_www=(-G www-data)
	KRSESSION_REDIS_ENDPOINT=${redis_url:-unix://$run/redis.sock} \
		start krsessiond spawn-fcgi -n -s krsession.sock -M 0660 \
		"${as_www[@]}" -- "$root/build/installed/bin/krsessiond" \
		-c "$root/conf/tutorial.conf" -o log.level=debug
	wait_for "krsessiond has no socket" test -S krsession.sock
}

start_front() {
	local command

	make_certificate
	ln -s "$root/conf/$front.conf" .
	front_listen_lines "$front" "$(in_brackets "$address")" "$port" \
		>"$front-listen.conf"
	mapfile -t command < <(front_command "$front" "$run")
	start "$front" "${command[@]}"
	wait_for "krsessiond does not answer behind $front" answers /hello
	wait_for "the Redis of ${redis_named_by:-./dev up} does not answer" \
		sessions_work
}

make_certificate() {
	local names=DNS:localhost,IP:127.0.0.1,IP:::1

	if [[ $address == *:* || $address =~ ^[0-9.]+$ ]]; then
		names+=,IP:$address
	else
		names+=,DNS:$address
	fi
	quietly "making the certificate" openssl req -x509 -nodes -days 30 \
		-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-subj /CN=localhost -addext "subjectAltName=$names" \
		-keyout tls.key -out tls.crt
}

# ---- waiting -------------------------------------------------------------

# wait_for COMPLAINT COMMAND...: until the command succeeds, 10 s at most.
wait_for() {
	local complaint=$1 until=$((SECONDS + 10))

	shift
	until "$@" &>/dev/null; do
		check_parts
		((SECONDS < until)) ||
			die "$complaint$(last_words krsessiond)"
		sleep 0.05 # between two looks
	done
}

# The last complaint in a part's log, as the end of a sentence.
last_words() {
	local words

	words=$(grep -sE ' error ' "$1.log" | tail -n 1) || return 0
	printf '; %s says: %s' "$1" "${words#* }"
}

answers() {
	curl -sfk --noproxy '*' --max-time 5 "${@:2}" "$(site)$1"
}

# One session made and ended, by the daemon's own way to Redis.
sessions_work() {
	answers /session/counter -c probe && answers /session/logout -b probe
}

check_parts() {
	local name

	for name in "${parts[@]}"; do
		kill -0 "${pids[$name]}" 2>/dev/null || report_end "$name"
	done
}

report_end() {
	tail -n 10 "$1.log" >&2
	die "$1 has ended; these were the last lines of its log"
}

# Shows the daemon's log until a part ends by itself. Ctrl-C ends the
# waiting through its trap.
watch() {
	setsid tail -n 0 -f krsessiond.log &
	pids[log]=$!
	parts=(log "${parts[@]}")
	wait -n "${pids[@]}" 2>/dev/null || true # "Killed", says bash itself
	check_parts
}

# ---- the end -------------------------------------------------------------

# In the reverse order, so that requests in flight still find Redis.
clean_up() {
	local i

	trap '' HUP INT TERM
	for ((i = ${#parts[@]} - 1; i >= 0; i--)); do
		stop "${pids[${parts[i]}]}"
	done
	cd /
	rm -rf "$run"
}

# KILL is for a part that is not gone 15 s after TERM, and for the children
# that one leaves behind.
stop() {
	local until=$((SECONDS + 15))

	kill -TERM "$1" 2>/dev/null || true
	while kill -0 "$1" 2>/dev/null && ((SECONDS < until)); do
		sleep 0.02 # between two looks
	done
	kill -KILL -- "-$1" 2>/dev/null || true
}

greet() {
	local url

	url=$(site)
	cat <<-TEXT

		krsession answers at $url  (through $front; Ctrl-C ends it)

		In a browser it has a page to try the routes on; its certificate is made
		for this run, so the browser asks. In a shell:

		  curl -k $url/hello
		  curl -k -c jar -b jar $url/session/counter
		  curl -k -c jar -b jar '$url/session/login?user=max'
		  curl -k -c jar -b jar $url/session/whoami
		  curl -k -c jar -b jar '$url/session/set?key=color&value=purple'
		  curl -k -c jar -b jar '$url/session/get?key=color'
		  curl -k -c jar -b jar $url/session/logout

	TEXT
}
