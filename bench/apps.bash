# shellcheck shell=bash disable=SC2154 # tools/bench.sh sets run, root...
# Those that the bench compares. For each: its label, the Debian packages
# without which it takes no part, perhaps build_NAME, which fails if
# it cannot be had, and start_NAME, which starts its program, if any, as the
# part NAME, listening at $run/NAME.sock. bench/apps/NAME/nginx.conf is its
# upstream and server; one without has no nginx before it, and listens with TLS
# at ${ports[NAME]}.
# shellcheck disable=SC2034 # the tables are read by their names

apps=(nginx krsession krsession-cache lua php go aspnet kestrel express flask)

readonly lease=50ms # of ours where it has a cache

# Whose program and front are one process: what their sessions cost beside the
# front cannot be told.
readonly fronts_themselves=(nginx lua kestrel)

declare -Ar labels=(
	[nginx]='nginx by itself'
	[krsession]='krsession'
	[krsession-cache]="krsession, session.cache = $lease"
	[lua]='nginx Lua, raw Redis commands'
	[php]='php-fpm, phpredis'
	[go]='Go, gorilla/sessions + redistore'
	[aspnet]='ASP.NET Core, StackExchangeRedisCache'
	[kestrel]='ASP.NET Core, Kestrel with TLS alone'
	[express]='node, express-session + connect-redis'
	[flask]='gunicorn, Flask-Session'
)

declare -Ar app_packages=(
	[nginx]=nginx
	[krsession]=''
	[krsession-cache]=''
	[lua]='libnginx-mod-http-lua'
	[php]='php-fpm php-redis'
	[go]='golang-go golang-github-boj-redistore-dev'
	[aspnet]='' # .NET is not Debian's, see lacking
	[kestrel]=''
	[express]='nodejs npm'
	[flask]='gunicorn python3-flask python3-flask-session python3-redis'
)

# What is built or fetched once, outside the repository.
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/krsession-bench

# What an app needs and is not here, in one line; the names of packages, if it
# has any in app_packages.
lacking() { # APP
	case $1 in
	aspnet | kestrel)
		have_dotnet || echo 'dotnet 10'
		;;
	express) # whoever packaged them
		command -v node npm >/dev/null || echo nodejs npm
		;;
	*)
		# shellcheck disable=SC2086 # package names, to be split
		[[ -z ${app_packages[$1]} ]] ||
			missing_packages ${app_packages[$1]} | paste -sd' '
		;;
	esac
}

# ---- what stands behind nginx ---------------------------------------------

start_nginx() { :; }

start_krsession() {
	start_ours krsession
}

start_krsession-cache() {
	lease_kept=true
	start_ours krsession-cache -o "session.cache=$lease"
}

# The upstream has the name of the app, so that both can be there.
start_ours() { # APP OPTION...
	start "$1" spawn-fcgi -n -s "$1.sock" -M 0660 "${as_www[@]}" -- \
		"$root/build/installed/bin/krsessiond" \
		-o "redis.endpoint=unix://$run/redis.sock" "${@:2}"
	nginx_part upstream | sed "/upstream/s/krsession/$1/
		s/unix:krsession.sock/unix:$1.sock/" >"$1-upstream.conf"
	nginx_part location |
		sed "s/fastcgi_pass krsession;/fastcgi_pass $1;/" \
			>"$1-location.conf"
}

# A block of conf/nginx.conf, so that what is measured is what is shipped.
nginx_part() { # KEYWORD
	awk -v word="$1" '
	$1 == word && /{$/ { on = 1; match($0, /^\t*/); depth = RLENGTH }
	on { print }
	on && match($0, /^\t*}/) && RLENGTH == depth + 1 { on = 0 }' \
		"$root/conf/nginx.conf"
}

start_lua() {
	local module

	for module in ndk_http_module ngx_http_lua_module; do
		echo "load_module /usr/lib/nginx/modules/$module.so;"
	done >modules.conf
	echo "lua_package_path '$root/bench/apps/lua/?.lua;;';" \
		>lua-path.conf
}

start_php() {
	local as_root=() fpm

	fpm=$(compgen -G '/usr/sbin/php-fpm[0-9]*' | sort -V | tail -n 1)
	((EUID != 0)) || as_root=(-R)
	sed "s|@RUN@|$run|" "$root/bench/apps/php/php-fpm.conf" >php-fpm.conf
	echo "fastcgi_param SCRIPT_FILENAME $root/bench/apps/php/index.php;" \
		>php-script.conf
	start php "$fpm" -F "${as_root[@]}" -p "$run" -y "$run/php-fpm.conf"
}

build_go() {
	quietly "building the Go peer" env GO111MODULE=off \
		GOPATH=/usr/share/gocode GOFLAGS= go build \
		-o "$cache/go-bench" "$root/bench/apps/go/main.go"
}

start_go() {
	start go "$cache/go-bench" "$run/go.sock" "$run/redis.sock"
}

build_aspnet() {
	local here=$root/bench/apps/aspnet there=$cache/aspnet file

	mkdir -p "$there" || return
	for file in Program.cs aspnet.csproj; do
		cmp -s "$here/$file" "$there/built/$file" && continue
		quietly "building the ASP.NET peer" publish_aspnet \
			"$here" "$there"
		return
	done
}

# Its packages come from where NuGet is configured to look.
publish_aspnet() ( # FROM TO
	cd "$2" && rm -rf built out && cp "$1"/{Program.cs,aspnet.csproj} . &&
		dotnet publish -c Release -o out --disable-build-servers &&
		mkdir built && cp Program.cs aspnet.csproj built
)

start_aspnet() {
	run_aspnet aspnet "unix:$run/aspnet.sock"
}

build_kestrel() {
	build_aspnet
}

start_kestrel() {
	run_aspnet kestrel "${ports[kestrel]}" "$run/tls.crt" "$run/tls.key"
}

# The keys of its cookies go to its home.
run_aspnet() { # PART LISTEN...
	start "$1" env -C "$cache/aspnet/out" HOME="$run" \
		dotnet aspnet.dll "$run/redis.sock" "${@:2}"
}

build_express() {
	local here=$root/bench/apps/express there=$cache/express

	mkdir -p "$there" && cp "$here/app.js" "$there" || return
	cmp -s "$here/package.json" "$there/installed.json" ||
		quietly "npm install" install_express "$here" "$there"
}

start_express() {
	start express env NODE_ENV=production node "$cache/express/app.js" \
		"$run/express.sock" "$run/redis.sock"
}

install_express() ( # FROM TO
	cd "$2" && cp "$1/package.json" . &&
		npm install --omit=dev --no-package-lock --no-audit --no-fund &&
		cp package.json installed.json
)

start_flask() {
	start flask env REDIS_SOCKET="$run/redis.sock" \
		/usr/bin/gunicorn --chdir "$root/bench/apps/flask" \
		--bind "unix:$run/flask.sock" --workers "$(nproc)" \
		--log-level warning app:app
}
