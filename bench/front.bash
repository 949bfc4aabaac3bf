# shellcheck shell=bash disable=SC2154 # tools/bench.sh sets quick, run...
# Ours and its peers behind the same nginx with TLS, with the same Redis,
# under the same load, in turn. Every measurement is a line of JSON in
# $run/front.

# shellcheck source=bench/apps.bash
. "$root/bench/apps.bash"

readonly first_port=5200
declare -A absent=() # app -> why it takes no part
declare -A ports=()

bench_front() {
	choose_apps
	front_plan
	install_peers
	start_open_redis
	make_certificate
	start_apps
	start_front_server
	: >"$run/front"
	prepare_apps
	run_rounds
	keep_front_results
}

choose_apps() {
	local app

	[[ -n $only ]] || return 0
	IFS=, read -ra apps <<<"$only"
	for app in "${apps[@]}"; do
		[[ -n ${labels[$app]:-} ]] ||
			refuse "bench knows no app '$app'"
	done
}

front_plan() {
	routes=(/hello /session/whoami /session/counter)
	sessions=64 seconds=2 rounds=9
	warm_up=3 # for those that compile what runs often
	! $quick || { seconds=1 rounds=2 warm_up=2; }
	rounds=${given_rounds:-$rounds}
	as_www=()
	((EUID != 0)) || as_www=(-G www-data)
}

# What cannot be installed is missed later, and said.
install_peers() {
	local app lacking

	for app in "${apps[@]}"; do
		lacking=$(lacking "$app")
		[[ $lacking && ${app_packages[$app]} ]] || continue
		# shellcheck disable=SC2086 # package names, to be split
		(install_packages $lacking) || true
	done
	mkdir -p "$cache"
}

# All that connect to it may; the folder lets in who may enter.
start_open_redis() {
	start redis-server redis-server --port 0 --save '' --appendonly no \
		--unixsocket "$run/redis.sock" --unixsocketperm 777
	wait_for "redis-server does not answer" redis ping
}

# ---- starting -------------------------------------------------------------

start_apps() {
	local app lacking port=$first_port

	: >modules.conf
	for app in "${apps[@]}"; do
		ports[$app]=$port
		port=$((port + 1))
		lacking=$(lacking "$app")
		if [[ -n $lacking ]]; then
			leave_out "$app" "not available: $lacking"
		elif ! (build_app "$app"); then
			leave_out "$app" "not available: it does not build"
		else
			start_app "$app"
		fi
	done
}

build_app() { # APP
	! declare -F "build_$1" >/dev/null || "build_$1"
}

leave_out() { # APP WHY
	absent[$1]=$2
	say "${labels[$1]}: $2"
}

start_app() { # APP
	local conf=$root/bench/apps/$1/nginx.conf

	"start_$1"
	[[ -e $conf ]] || return 0
	ln -s "$conf" "app-$1.conf"
	echo "listen 127.0.0.1:${ports[$1]} ssl;" >"listen-$1.conf"
	[[ -z ${pids[$1]:-} ]] ||
		wait_for "$1 has no socket" test -S "$1.sock"
	# nginx' workers are to reach it.
	[[ ! -S $1.sock ]] || chmod 777 "$1.sock"
}

start_front_server() {
	ln -s "$root/bench/nginx.conf" nginx.conf
	start front nginx -e stderr -p . -c "$run/nginx.conf"
	wait_for "nginx has not started" test -s nginx.pid
}

taking_part() {
	local app

	for app in "${apps[@]}"; do
		[[ -n ${absent[$app]:-} ]] || printf '%s\n' "$app"
	done
}

# nginx by itself has no sessions.
routes_of() { # APP
	if [[ $1 == nginx ]]; then
		echo /hello
	else
		printf '%s\n' "${routes[@]}"
	fi
}

# ---- sessions, and whether the answers are right --------------------------

fetch() { # APP PATH [CURL OPTION...]
	curl -sfk --noproxy '*' --max-time 5 "${@:3}" \
		"https://127.0.0.1:${ports[$1]}$2"
}

prepare_apps() {
	local app route

	echo none=none >cookies-nginx
	for app in $(taking_part); do
		if [[ $app != nginx ]]; then
			wait_for "$app does not answer" fetch "$app" /hello
			log_in "$app"
		fi
		check_answers "$app"
		for route in $(routes_of "$app"); do
			wrk_line "$app" "$route" 32 "$warm_up" >/dev/null
		done
	done
}

# Without a cookie, every login makes a session.
log_in() { # APP
	fetch "$1" "/session/login?user=max&n=[1-$sessions]" -D - -o /dev/null |
		tr -d '\r' | sed -n 's/^set-cookie: \([^;]*\).*/\1/Ip' |
		grep -v '=deleted$' | sort -u >"cookies-$1" || true
	[[ $(wc -l <"cookies-$1") == "$sessions" ]] ||
		die "$1 did not make $sessions sessions"
}

check_answers() { # APP
	local cookie

	cookie=$(head -n 1 "cookies-$1")
	[[ $(fetch "$1" /hello) == 'Hello, Session World!' ]] ||
		die "/hello of $1 is wrong"
	[[ $1 != nginx ]] || return 0
	fetch "$1" /session/whoami -b "$cookie" |
		jq -e '.user == "max"' >/dev/null ||
		die "/session/whoami of $1 is wrong"
	fetch "$1" /session/counter -b "$cookie" >/dev/null
	fetch "$1" /session/counter -b "$cookie" |
		jq -e '.counter == 2' >/dev/null ||
		die "/session/counter of $1 is wrong"
}

# ---- measuring ------------------------------------------------------------

wrk_line() { # APP PATH CONNECTIONS SECONDS
	wrk -t1 -c "$3" -d "$4s" -s "$root/bench/cycle.lua" \
		"https://127.0.0.1:${ports[$1]}$2" -- "cookies-$1" |
		tail -n 1
}

run_rounds() {
	local round app route

	for ((round = 1; round <= rounds; round++)); do
		say "round $round of $rounds"
		for app in $(taking_part); do
			for route in $(routes_of "$app"); do
				measure_front "$round" "$app" "$route" 32 \
					"$seconds"
				measure_front "$round" "$app" "$route" 1 1
			done
		done
	done
}

measure_front() { # ROUND APP PATH CONNECTIONS SECONDS
	local before after line groups

	groups=("front=${pids[front]}" "redis=${pids[redis-server]}")
	[[ -z ${pids[$2]:-} ]] || groups+=("program=${pids[$2]}")
	before=$(snapshot "${groups[@]}")
	line=$(wrk_line "${@:2}")
	after=$(snapshot "${groups[@]}")
	jq -c --argjson round "$1" --arg app "$2" --arg path "$3" \
		--argjson connections "$4" --argjson costs \
		"$(between "$before" "$after" "$(jq .requests <<<"$line")")" '
		{$round, $app, $path, $connections} + . + $costs' \
		<<<"$line" >>"$run/front"
}

# ---- results ---------------------------------------------------------------

keep_front_results() {
	local file=$results/$stamp-front.json

	jq -cs --argjson machine "$(machine)" --arg date "$stamp" \
		--argjson apps "$(describe_apps)" \
		'{$date, machine: $machine, apps: $apps, measurements: .}' \
		"$run/front" | jq -f "$root/bench/front.jq" >"$file"
	jq -r -f "$root/bench/chart.jq" "$file" >"${file%json}svg"
	jq -r -f "$root/bench/table.jq" "$file"
	say "kept in ${file#"$root/"}, with a chart beside it"
}

# In their order: name, label, why it is absent, and whether it is its own
# front.
describe_apps() {
	local app

	for app in "${apps[@]}"; do
		printf '%s\t%s\t%s\n' "$app" "${labels[$app]}" \
			"${absent[$app]:-}"
	done | jq -cRn --arg fronts "${fronts_themselves[*]}" '
		[inputs | split("\t")
		| {app: .[0], label: .[1], absent: .[2]}
		| .is_front = (.app | IN($fronts | split(" ")[]))]'
}
