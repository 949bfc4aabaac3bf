# shellcheck shell=bash disable=SC2154 # tools/bench.sh sets quick, run...
# What krsession-guard adds to a page: a hundred files over TLS, from nginx
# alone and from nginx that asks the guard about each. Every measurement is a
# line of JSON in $run/guard. After bench/front.bash.

readonly first_door_port=5300 assets=100 browsers=4
readonly guard_protocols=(h2 http/1.1)

# The ways in, in their order, and the part that each one's guard is. "limit"
# asks nginx itself, so that no guard can cost less.
readonly doors=(open limit guarded cached)
declare -Ar door_guards=([open]='' [limit]='' [guarded]=guard
	[cached]=guard-cached)
declare -Ar door_labels=(
	[open]='not guarded'
	[limit]='auth_request to "return 204"'
	[guarded]='krsession-guard'
	[cached]="krsession-guard, session.cache = $lease"
)
declare -A door_ports=()

bench_guard() {
	guard_plan
	start_open_redis
	make_certificate
	make_site
	start_guards
	start_doors
	open_doors
	: >"$run/guard"
	run_guard_rounds
	keep_guard_results
}

guard_plan() {
	page_seconds=2 visits=20 page_rounds=9
	! $quick || page_seconds=1 visits=10 page_rounds=2
	page_rounds=${given_rounds:-$page_rounds}
}

# ---- the site -------------------------------------------------------------

# Files of 4 to 40 KiB, always of the same sizes.
make_site() {
	local n size x=12

	mkdir -p site/assets
	for ((n = 1; n <= assets; n++)); do
		x=$(((x * 1103515245 + 12345) % 2147483648))
		size=$((4096 + x / 65536 % (36 * 1024 + 1)))
		head -c "$size" /dev/urandom >"site/assets/$n.css"
	done
	chmod -R a+rX site
}

start_guards() {
	printf 'max:%s\n' "$(openssl passwd -6 max-word)" >passwords
	start_guard guard session.cache=0
	# shellcheck disable=SC2034 # bench/figures.bash reads it
	lease_kept=true
	start_guard guard-cached "session.cache=$lease"
}

start_guard() { # PART OPTION
	start "$1" "$root/build/installed/bin/krsession-guard" \
		-l "unix:$run/$1.sock" -o server.socket_mode=0666 \
		-o "redis.endpoint=unix://$run/redis.sock" \
		-o "guard.password_file=$run/passwords" -o "$2"
	wait_for "$1 has no socket" test -S "$1.sock"
}

start_doors() {
	local door port=$first_door_port

	cp /etc/nginx/fastcgi_params .
	for door in "${doors[@]}"; do
		door_ports[$door]=$port
		door_conf "$door" "$port" >"door-$door.conf"
		port=$((port + 1))
	done
	ln -s "$root/bench/guard.conf" nginx.conf
	start front nginx -e stderr -p . -c "$run/nginx.conf"
	wait_for "nginx has not started" test -s nginx.pid
}

# A server for it, with the file of conf/ as it stands, but for the socket.
door_conf() { # DOOR PORT
	local guard=${door_guards[$1]} ask=

	if [[ $1 == limit ]]; then
		ask="auth_request /asked;
			location = /asked { auth_request off; return 204; }"
	elif [[ $guard ]]; then
		ask="include guard-nginx-$guard.conf;"
		sed "s,/run/krsession-guard/guard.sock,$run/$guard.sock," \
			"$root/conf/guard-nginx.conf" >"guard-nginx-$guard.conf"
	fi
	cat <<-END
		server {
			listen 127.0.0.1:$2 ssl http2;
			root site;
			$ask
		}
	END
}

# ---- the browsers ---------------------------------------------------------

# What Chromium says with a file of a page, beside the cookie.
readonly said=(
	-H 'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36'
	-H 'accept: text/css,*/*;q=0.1' -H 'accept-language: en-US,en;q=0.9'
	-H 'accept-encoding: gzip, deflate, br, zstd'
	-H 'sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24"'
	-H 'sec-ch-ua-mobile: ?0' -H 'sec-ch-ua-platform: "Linux"'
	-H 'sec-fetch-dest: style' -H 'sec-fetch-mode: no-cors'
	-H 'sec-fetch-site: same-origin' -H 'referer: https://127.0.0.1/'
)

# Each with a session of its own; a file of URLs and one of cookies for each
# way in.
open_doors() {
	local door protocol n

	for door in "${doors[@]}"; do
		for ((n = 1; n <= assets; n++)); do
			echo "https://127.0.0.1:${door_ports[$door]}/assets/$n.css"
		done >"urls-$door"
		for ((n = 0; n < browsers; n++)); do
			cookie_of "$door"
		done >"cookies-$door"
		check_door "$door"
		for protocol in "${guard_protocols[@]}"; do
			load_pages "$door" "$protocol" 1 >/dev/null
		done
	done
}

ask_door() { # DOOR PATH [CURL OPTION...]
	curl -sk --noproxy '*' --max-time 5 "${@:3}" \
		"https://127.0.0.1:${door_ports[$1]}$2"
}

cookie_of() { # DOOR
	local cookie

	[[ ${door_guards[$1]} ]] || { echo none=none && return; }
	cookie=$(ask_door "$1" /auth/login -D - -o /dev/null \
		--data 'user=max&password=max-word&rd=/' |
		tr -d '\r' | sed -n 's/^set-cookie: \(__Host-krguard=[^;]*\).*/\1/Ip')
	[[ $cookie ]] || die "nobody can log in at $1"
	echo "$cookie"
}

# Nobody gets in without a session, and with one the file comes whole.
check_door() { # DOOR
	local code

	ask_door "$1" /assets/1.css -b "$(head -n 1 "cookies-$1")" |
		cmp -s - site/assets/1.css || die "$1 does not serve the page"
	[[ ${door_guards[$1]} ]] || return 0
	code=$(ask_door "$1" /assets/1.css -o /dev/null -w '%{http_code}')
	[[ $code == 401 ]] || die "$1 lets everybody in"
}

# A browser that asks for all of a page at once, again and again: over one
# connection, and six of HTTP/1.1, as they do.
browser() { # DOOR PROTOCOL COOKIE H2LOAD-OPTION...
	local how=(-c 1 -m 100)

	[[ $2 == h2 ]] || how=(--h1 -c 6 -m 1)
	h2load -t 1 "${how[@]}" "${@:4}" "${said[@]}" \
		-H "cookie: $3" -i "urls-$1"
}

# Several at once for so many seconds: how many files they were given, and
# how many answers were none.
load_pages() { # DOOR PROTOCOL SECONDS
	local cookie n=0 loads=()

	while read -r cookie; do
		browser "$1" "$2" "$cookie" -D "$3" >"load.$n" 2>&1 </dev/null &
		loads+=($!)
		n=$((n + 1))
	done <"cookies-$1"
	wait "${loads[@]}" || die "h2load ended badly: $(tail -n 3 load.*)"
	cat load.* | count_answers
}

count_answers() {
	jq -cRn '
	[inputs | (capture("^status codes: (?<good>[0-9]+) 2xx, " +
		"(?<b3>[0-9]+) 3xx, (?<b4>[0-9]+) 4xx, (?<b5>[0-9]+) 5xx"),
		capture("^requests: .* (?<b1>[0-9]+) failed"))
		| map_values(tonumber)]
	| {files: ([.[].good // 0] | add),
		errors: ([.[] | .b1, .b3, .b4, .b5 | . // 0] | add)}'
}

# One after another, each on connections of its own: the microseconds from
# the first question to the last answer, those of the handshake not counted.
visit_pages() { # DOOR PROTOCOL
	local cookie n

	cookie=$(head -n 1 "cookies-$1")
	for ((n = 0; n < visits; n++)); do
		: >visit.log
		browser "$1" "$2" "$cookie" -n "$assets" --log-file=visit.log \
			>/dev/null || die "h2load ended badly"
		awk '$2 == 200 { if (!n++ || $1 < first) first = $1
				if ($1 + $3 > last) last = $1 + $3 }
			END { if (n != '"$assets"') exit 1
				printf "%d\n", last - first }' visit.log ||
			die "$1 did not serve a whole page"
	done | jq -s 'sort | .[length / 2 | floor]'
}

# ---- measuring ------------------------------------------------------------

run_guard_rounds() {
	local round door protocol

	for ((round = 1; round <= page_rounds; round++)); do
		say "round $round of $page_rounds"
		for protocol in "${guard_protocols[@]}"; do
			for door in "${doors[@]}"; do
				measure_pages "$round" "$door" "$protocol"
			done
		done
	done
}

measure_pages() { # ROUND DOOR PROTOCOL
	local before after line pages page groups guard=${door_guards[$2]}

	groups=("front=${pids[front]}" "redis=${pids[redis-server]}")
	[[ -z $guard ]] || groups+=("program=${pids[$guard]}")
	before=$(snapshot "${groups[@]}")
	line=$(load_pages "$2" "$3" "$page_seconds")
	after=$(snapshot "${groups[@]}")
	pages=$(jq ".files / $assets" <<<"$line")
	page=$(visit_pages "$2" "$3")
	jq -c --argjson round "$1" --arg door "$2" --arg protocol "$3" \
		--argjson seconds "$page_seconds" --argjson page_us "$page" \
		--argjson pages "$pages" \
		--argjson costs "$(between "$before" "$after" "$pages")" '
		{$round, $door, $protocol, pages_per_second: ($pages / $seconds),
		$page_us} + . + $costs' <<<"$line" >>"$run/guard"
}

# ---- results ---------------------------------------------------------------

keep_guard_results() {
	local file=$results/$stamp-guard.json

	jq -cs --argjson machine "$(machine)" --arg date "$stamp" \
		--argjson doors "$(describe_doors)" \
		'{$date, machine: $machine, doors: $doors, measurements: .}' \
		"$run/guard" | jq -f "$root/bench/guard.jq" >"$file"
	jq -r -f "$root/bench/guard_table.jq" "$file"
	say "kept in ${file#"$root/"}"
}

describe_doors() {
	local door

	for door in "${doors[@]}"; do
		printf '%s\t%s\n' "$door" "${door_labels[$door]}"
	done | jq -cRn '[inputs | split("\t") | {door: .[0], label: .[1]}]'
}
