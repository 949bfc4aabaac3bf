# shellcheck shell=bash disable=SC2154
#
# A Debian made from nothing, with krsession as `make install` puts it there,
# and booted: its systemd is process 1 of a container of systemd-nspawn. Comes
# after lib/stack.bash.
#
# The container has a network, processes and control groups of its own; of this
# machine it sees its root alone. What is done in it by `inside` is what an
# operator would type.

# shellcheck source=tools/common.sh
source "$KR_ROOT/tools/common.sh"
# shellcheck source=tools/mirror.sh
source "$KR_ROOT/tools/mirror.sh"
# shellcheck source=tools/root.sh
source "$KR_ROOT/tools/root.sh"

MACHINE_PACKAGES=(systemd-sysv dbus redis-server nginx lighttpd
	lighttpd-mod-openssl openssl curl dnsmasq-base)

machine_make() { # SUITE
	MACHINE=$(mktemp -d /var/tmp/krsession-machine.XXXXXX)
	export MACHINE
	{
		root_make "$MACHINE" "$1" &&
			root_export "$MACHINE" "$KR_ROOT" &&
			machine_install
	} >"$MACHINE.log" 2>&1 </dev/null 3>&- 4>&- ||
		fail "no machine" "$(tail -n 40 "$MACHINE.log")"
}

# As INSTALL in README has it, and what else the tests need.
machine_install() {
	root_run "$MACHINE" ./dev deps --build &&
		root_run "$MACHINE" autoreconf -fi &&
		root_run "$MACHINE" ./configure --quiet --prefix=/usr \
			--sysconfdir=/etc &&
		root_run "$MACHINE" make -s -j "$(nproc)" &&
		root_run "$MACHINE" make -s install &&
		root_run "$MACHINE" ldconfig &&
		root_run "$MACHINE" env DEBIAN_FRONTEND=noninteractive apt-get \
			-q -y --no-install-recommends install \
			"${MACHINE_PACKAGES[@]}" &&
		root_run "$MACHINE" systemctl disable nginx lighttpd
}

# Waits until all units of the boot are up.
machine_boot() {
	machine_supervise >"$MACHINE.console" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$MACHINE.pid"
	within 60 machine_is_up || fail "the machine does not come up" \
		"$(cat "$MACHINE.console")"
}

# The unified hierarchy, whatever this machine itself uses, as newer systemd
# wants no other; and a group that holds all of the container.
machine_supervise() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec unshare --mount --propagation private bash -c '
		group=/sys/fs/cgroup/${0##*/}
		! mountpoint -q /sys/fs/cgroup || umount -R -l /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir "$group" &&
			echo $$ >"$group/cgroup.procs" || exit
		end() {
			echo $$ >/sys/fs/cgroup/cgroup.procs
			echo 1 >"$group/cgroup.kill"
			until ! grep -q "populated 1" "$group/cgroup.events"; do
				sleep 0.05 # between two looks
			done
			find "$group" -depth -type d -exec rmdir {} +
		}
		trap end EXIT
		trap "exit 143" TERM
		systemd-nspawn --quiet --directory="$0" --boot \
			--console=pipe --register=no --keep-unit \
			--private-network --resolv-conf=off --timezone=off &
		wait $!' "$MACHINE"
}

machine_is_up() {
	[[ $(inside systemctl is-system-running 2>/dev/null) == running ]]
}

machine_end() {
	[[ ! -e $MACHINE.pid ]] || kill "$(<"$MACHINE.pid")" 2>/dev/null || true
	[[ ! -e $MACHINE.pid ]] || wait "$(<"$MACHINE.pid")" || true
	rm -rf --one-file-system "$MACHINE" "$MACHINE".*
}

# ---- in it --------------------------------------------------------------

# The container's process 1, as this machine knows it.
machine_init() {
	local nspawn
	nspawn=$(pgrep -P "$(<"$MACHINE.pid")" -x systemd-nspawn) &&
		pgrep -P "$nspawn"
}

inside() { # COMMAND...
	nsenter --all --target "$(machine_init)" env -i HOME=/root \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_PAGER= \
		SYSTEMD_COLORS=0 "$@"
}

# A file of the machine, from what comes in.
put() { # PATH
	mkdir -p "$MACHINE${1%/*}" && cat >"$MACHINE$1"
}
