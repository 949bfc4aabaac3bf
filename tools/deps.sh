# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev deps: the Debian packages that building, running and testing need.
# Only what is missing is installed; when nothing is, apt is not called.

# shellcheck source=tools/mirror.sh
. "$root/tools/mirror.sh"
# shellcheck source=tools/fronts.sh
. "$root/tools/fronts.sh"
# shellcheck source=tools/browser.sh
. "$root/tools/browser.sh"

readonly build_packages=(gcc libc6-dev make autoconf automake libtool pkgconf
	libfcgi-dev libuv1-dev libssl-dev libjson-c-dev libinih-dev liburiparser-dev
	libsqlite3-dev libpq-dev libcrypt-dev libcmocka-dev)
readonly run_packages=(redis-server lighttpd lighttpd-mod-openssl nginx
	spawn-fcgi openssl curl)
readonly test_packages=(bats parallel jq procps iproute2 systemd g++ sqlite3
	postgresql pgbouncer libmicrohttpd-dev lighttpd-modules-lua
	apache2-utils whois sasl2-bin)
readonly lint_packages=(shellcheck mandoc)
readonly bench_packages=(wrk nghttp2-client) # its peers are in bench/apps.bash
readonly prometheus_packages=(prometheus) # its promtool
readonly fresh_packages=(mmdebstrap git systemd-container)

# What rebuilding hiredis takes beyond the above.
readonly rebuild_packages=(build-essential debhelper fakeroot)

dev_deps() {
	case $# in
	0) ;;
	1)
		[[ $1 == --build ]] || refuse "deps does not know '$1'"
		install_missing_of "${build_packages[@]}"
		say "everything that building needs is installed"
		return
		;;
	*) refuse "deps takes --build or nothing" ;;
	esac
	install_missing
	install_fronts "${fronts[@]}"
	say "everything needed is installed"
}

# The quiet form, for the other commands.
install_missing() {
	install_missing_of "${build_packages[@]}" "${run_packages[@]}" \
		"${test_packages[@]}" "${lint_packages[@]}"
}

# Those of the named packages that are not here, and hiredis.
install_missing_of() { # PACKAGE...
	local missing

	command -v apt-get dpkg-query >/dev/null ||
		die "this needs Debian 12 or 13: apt-get is not here"
	missing=$(missing_packages "$@")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
	have_hiredis || install_hiredis
}

# What ./dev bench needs besides.
install_bench_packages() {
	local missing

	missing=$(missing_packages "${bench_packages[@]}")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
}

# What tests/metrics_prometheus.bats needs besides.
install_prometheus() {
	local missing

	missing=$(missing_packages "${prometheus_packages[@]}")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
}

# What the suites in fresh roots need besides.
install_fresh_packages() {
	local missing

	missing=$(missing_packages "${fresh_packages[@]}")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
}

# Front servers, of those that tools/fronts.sh knows.
install_fronts() { # FRONT...
	local front packages=() missing

	for front; do
		mapfile -t -O "${#packages[@]}" packages \
			< <(front_packages "$front")
	done
	missing=$(missing_packages "${packages[@]}")
	if [[ " ${missing//$'\n'/ } " == *" h2o "* ]] && ! apt_has h2o; then
		install_h2o
		missing=$(missing_packages "${packages[@]}")
	fi
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
}

# The program of --redis-server, if it is one that Debian has. Its command
# line tool is that of redis-server, which is always installed.
install_redis_server() { # PROGRAM
	local missing=

	[[ $1 != valkey-server ]] || missing=$(missing_packages "$1")
	[[ -z $missing ]] || apt_has "$missing" ||
		die "this Debian has no $missing; Debian 13 has"
	[[ -z $missing ]] || install_packages "$missing"
	command -v "$1" >/dev/null ||
		refuse "--redis-server: there is no program '$1'"
}

# Those of the named packages that are not installed.
missing_packages() {
	comm -23 <(printf '%s\n' "$@" | sort) <(
		dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
			2>/dev/null | sed -n 's/^installed //p' | sort -u
	)
}

install_packages() {
	need_root "$@"
	say "installing $*"
	apt_knows "$@" || quietly "apt-get update" as_root apt-get -q update
	quietly "apt-get install $*" install_unstarted "$@"
}

need_root() {
	((EUID == 0)) || command -v sudo >/dev/null ||
		die "not root and no sudo; as root: apt-get install $*"
}

# True when apt's lists are here and name every package.
apt_knows() {
	apt-get -qq -s --no-install-recommends install "$@" &>/dev/null
}

# Debian starts a server when its package is installed. policy-rc.d forbids
# that: our servers are private ones, and there may be no init to ask.
install_unstarted() { # PACKAGE...
	apt_unstarted install "$@"
}

apt_unstarted() ( # COMMAND OF apt-get...
	policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		trap 'as_root rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	apt_quiet "$@" && exit
	# The lists may be older than the mirror.
	as_root apt-get -q update && apt_quiet "$@"
)

apt_quiet() { # COMMAND OF apt-get...
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends "$@"
}

# Like apt_knows, after a look at the mirror if need be.
apt_has() { # PACKAGE
	apt_knows "$1" ||
		quietly "apt-get update" as_root apt-get -q update
	apt_knows "$1"
}

# Debian 13 has no h2o. Debian 12's package works there as it is.
install_h2o() {
	local mirror

	need_root h2o
	say "installing Debian 12's h2o, as this Debian has none"
	mirror=$(debian_mirror)
	quietly "installing h2o" install_old_h2o "$mirror"
}

install_old_h2o() (
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	cd "$work" &&
		write_private_apt deb bookworm "$1" &&
		privately apt-get -q update &&
		privately apt-get -q download h2o &&
		install_unstarted "$work"/h2o_*.deb
)

have_hiredis() {
	pkg-config --exists 'hiredis >= 1.1' 'hiredis_ssl >= 1.1'
}

# Debian 12 has hiredis 0.14, without TLS. Debian 13's builds there as it is.
install_hiredis() {
	local packages

	if mirror_has_hiredis; then
		install_packages libhiredis-dev
	else
		packages=$(mktemp -d)
		rebuild_hiredis "$packages"
		quietly "installing hiredis" \
			as_root dpkg -i "$packages"/libhiredis*.deb
		rm -rf "$packages"
	fi
	have_hiredis || die "pkg-config still finds no hiredis >= 1.1"
}

# Of this Debian's own packages, whatever is installed.
mirror_has_hiredis() {
	[[ $(offered_hiredis) ]] ||
		quietly "apt-get update" as_root apt-get -q update
	dpkg --compare-versions "$(offered_hiredis)" ge 1.1
}

offered_hiredis() {
	apt-cache madison libhiredis-dev | cut -d'|' -f2 | tr -d ' ' |
		sort -V | tail -n 1
}

# Debian 13's, built here. Leaves the library and its -dev in FOLDER.
rebuild_hiredis() { # FOLDER
	local missing mirror

	missing=$(missing_packages "${rebuild_packages[@]}")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
	need_root libhiredis-dev
	say "building Debian 13's hiredis, as this Debian's is older than 1.1"
	mirror=$(debian_mirror)
	quietly "building hiredis" build_hiredis "$mirror" "$1"
}

# With an apt configuration of its own: the machine's is left as it is. What
# hiredis' tests need is not installed, as they are not run (-d).
build_hiredis() ( # MIRROR FOLDER
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	export DEB_BUILD_OPTIONS="nocheck noautodbgsym"
	cd "$work" &&
		write_private_apt deb-src trixie "$1" &&
		privately apt-get -q update &&
		privately apt-get -q -b -o 'DPkg::Build-Options=-b -uc -d' \
			source hiredis &&
		mv libhiredis[0-9]*_*.deb libhiredis-dev_*.deb "$2"
)

# With the apt configuration that write_private_apt has left here.
privately() { # COMMAND...
	APT_CONFIG=$PWD/apt.conf "$@"
}

write_private_apt() { # deb|deb-src SUITE MIRROR
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	mkdir -p lists/partial cache/archives/partial || return
	printf '%s [signed-by=%s] %s %s main\n' \
		"$1" "$keyring" "$3" "$2" >sources.list
	cat >apt.conf <<-CONF
		Dir::Etc::SourceList "$PWD/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$PWD/lists";
		Dir::Cache "$PWD/cache";
		Acquire::Languages "none";
		APT::Sandbox::User "root";
	CONF
}
