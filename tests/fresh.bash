# shellcheck shell=bats source-path=SCRIPTDIR
#
# krsession on a Debian that has nothing: each way to install it, and whether
# what is then installed serves README's program and gives the tutorial's
# answers to README's commands. The files fresh_*.bats are links to this one,
# and the name says which Debian. Tests of a file build on one another.

# shellcheck source=lib/fresh.bash
source "$BATS_TEST_DIRNAME/lib/fresh.bash"

SUITE=${BATS_TEST_FILENAME##*_}
SUITE=${SUITE%.bats}

setup_file() {
	export BATS_TEST_TIMEOUT=600
	fresh_begin "$SUITE"
}

teardown_file() {
	fresh_end
}

setup() {
	skip_unless_fresh
}

# The autopkgtests, on what is installed in a root.
expect_it_serves() { # ROOT [NAME=VALUE...]
	local test
	for test in library tutorial; do
		within_root "$1" env "${@:2}" "debian/tests/$test"
	done
}

install_servers() { # ROOT
	local packages
	mapfile -t packages < <(fresh_test_depends library
		fresh_test_depends tutorial)
	fresh_install "$1" "${packages[@]}"
}

# Packages from files, by apt as README does it.
install_packages() { # ROOT FILE...
	local root=$1 file files=()
	shift
	mkdir -p "$FRESH/$root/srv/packages"
	for file; do
		cp "$file" "$FRESH/$root/srv/packages"
		files+=("/srv/packages/${file##*/}")
	done
	fresh_install "$root" "${files[@]}"
}

version() {
	sed -n '1s/.*(\(.*\)).*/\1/p' "$KR_ROOT/debian/changelog"
}

# The same package as if it were the next; prints its file.
next_version() { # PACKAGE
	local tree=$FRESH/next/$1 now
	now=$(version)
	mkdir -p "$FRESH/next"
	dpkg-deb -R "$FRESH/packages/$1_${now}"_*.deb "$tree"
	sed -i "s/^Version: .*/&+next/; s/(= $now)/(= $now+next)/" \
		"$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$FRESH/next" >&2
	ls "$FRESH/next/$1_${now}+next"_*.deb
}

@test "make install: with the packages that building needs, and no others" {
	fresh_copy base made
	within_root made ./dev deps --build
	cp -a "$FRESH/made" "$FRESH/builder"
	within_root made autoreconf -fi
	within_root made ./configure
	within_root made make -j "$(nproc)"
	within_root made make install
	within_root made ldconfig
	install_servers made
	expect_it_serves made KR_DOC=/usr/local/share/doc/krsession \
		KR_CONF=/usr/local/etc/krsession/krsessiond.conf
}

@test "make uninstall leaves nothing" {
	within_root made make uninstall
	diff <(files_below builder/usr/local) <(files_below made/usr/local)
}

files_below() { # FOLDER
	(cd "$FRESH/$1" && find . ! -type d | sort)
}

@test "./dev package builds the packages" {
	within_root builder ./dev package
	(cd "$FRESH/builder/srv/krsession/build/packages" && echo *.deb)
	cp -a "$FRESH/builder/srv/krsession/build/packages" "$FRESH/packages"
}

@test "lintian finds nothing that is not explained" {
	fresh_install builder lintian
	within_root builder bash -c 'lintian --fail-on error,warning \
		--allow-root --tag-display-limit 0 \
		build/packages/all/krsession_*.changes'
}

@test "the packages install, and serve" {
	fresh_copy base installed
	install_packages installed "$FRESH"/packages/*.deb
	install_servers installed
	expect_it_serves installed
}

@test "the configuration is for its user alone, and the units are enabled" {
	local wants=$FRESH/installed/etc/systemd/system
	within_root installed test -d /run/krsession
	[ "$(root_run "$FRESH/installed" stat -c %U:%G:%a \
		/etc/krsession/krsessiond.conf)" = root:krsession:640 ]
	[ -L "$wants/multi-user.target.wants/krsessiond.service" ]
	[ -L "$wants/sockets.target.wants/krsessiond.socket" ]
}

@test "an upgrade keeps what the administrator has changed" {
	local conf=$FRESH/installed/etc/krsession/krsessiond.conf
	echo '# mine' >>"$conf"
	chmod 600 "$conf"
	install_packages installed "$(next_version krsessiond)" \
		"$(next_version libkrsession0)" "$(next_version libkrsession-dev)"
	within_root installed dpkg-query -W krsessiond
	# shellcheck disable=SC2016 # dpkg's variable, not ours
	[ "$(root_run "$FRESH/installed" dpkg-query -W -f '${Version}' \
		krsessiond)" = "$(version)+next" ]
	tail -n 1 "$conf" | grep -qx '# mine'
	[ "$(stat -c %a "$conf")" = 600 ]
	expect_it_serves installed
}

@test "a purge leaves the user and nothing else" {
	within_root installed env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y purge krsession-doc krsessiond libkrsession-dev \
		libkrsession0
	left=$(find "$FRESH/installed" -xdev \
		-path "$FRESH/installed/srv" -prune -o -name '*krsess*' -print)
	[ ! "$left" ] || fail "left behind:" "$left"
	within_root installed getent passwd krsession
}

@test "what was purged can be installed again" {
	install_packages installed "$FRESH"/packages/*.deb
	expect_it_serves installed
}
