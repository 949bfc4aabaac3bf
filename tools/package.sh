# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev package: Debian's packages of the tree as it is, for this Debian.
# Built from a copy, as dpkg-buildpackage writes beside the sources.

# shellcheck source=tools/deps.sh
. "$root/tools/deps.sh"

packages= # the folder

readonly package_packages=(build-essential debhelper fakeroot)

dev_package() {
	(($# == 0)) || refuse "package takes nothing"
	packages=$root/build/packages
	install_missing_of "${build_packages[@]}" "${package_packages[@]}"
	install_build_depends
	rm -rf "$packages"
	mkdir -p "$packages/all"
	copy_tree "$root" "$packages/all/krsession"
	say "building the packages"
	quietly "dpkg-buildpackage" build_packages "$packages/all/krsession"
	rm -rf "$packages/all/krsession"
	gather_packages
	say "built in $packages:"
	(cd "$packages" && printf '  %s\n' *.deb)
}

# As debian/control has them; some have other names on Debian 12.
install_build_depends() {
	! (cd "$root" && dpkg-checkbuilddeps 2>/dev/null) || return 0
	need_root "what debian/control builds with"
	say "installing what debian/control builds with"
	quietly "apt-get build-dep" apt_unstarted build-dep "$root"
}

build_packages() ( # FOLDER
	cd "$1" && dpkg-buildpackage --no-sign
)

# What an apt of this Debian needs to install them lies together; all else,
# such as sources and debugging symbols, in a folder of its own.
gather_packages() {
	ln "$packages"/all/*.deb "$packages"
	rm -f "$packages"/*-dbgsym_*.deb
	mirror_has_hiredis || rebuild_hiredis "$packages"
}
