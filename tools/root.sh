# shellcheck shell=bash
# Debian roots made for one run, for tools/fresh-root and the suites that
# prove the ways to install. Expects tools/common.sh and tools/mirror.sh.
#
# Mounts are made anew for each command in a root, in a namespace of its own:
# with its last process they are gone, however it ends, and nothing outside
# the root can be reached by whoever removes it.

# What a command in a root has of its own besides its mounts, as options of
# unshare. With (--pid --fork --kill-child) all that it starts ends with it.
root_own=()

root_check_means() {
	local tool

	((EUID == 0)) || die "a fresh root needs root"
	for tool in mmdebstrap unshare; do
		command -v "$tool" >/dev/null || die "$tool is not installed"
	done
}

# A Debian that has nothing but apt. The mirror must be found by name there.
root_make() { # FOLDER SUITE
	local mirror

	mirror=$(debian_mirror)
	quietly mmdebstrap mmdebstrap --variant=minbase "$2" "$1" "$mirror"
	[[ ! -e /etc/resolv.conf ]] ||
		cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
}

# The last commit, as who clones the repository has it; of a tree that is no
# clone, all that is source.
root_export() { # FOLDER TREE
	local to=$1/srv/krsession

	mkdir -p "$to"
	if [[ -e $2/.git ]]; then
		git -C "$2" archive HEAD | tar -x -C "$to"
	else
		copy_tree "$2" "$to"
	fi
}

# A command in the export. The environment is new as well: what a first
# login would give.
root_run() { # FOLDER COMMAND...
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private "${root_own[@]}" \
		/bin/bash -c '
		mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
			exec env -i HOME=/root TERM="${TERM:-dumb}" \
				PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
				chroot "$0" /bin/bash -c \
				"cd /srv/krsession && exec \"\$@\"" root "$@"' "$@"
}
