# shellcheck shell=bash
#
# A Debian root of lib/fresh.bash, booted: its systemd is process 1 of a
# container of systemd-nspawn, which has a network, processes and control
# groups of its own. What `inside` does in it is what an operator would type.
# Comes after lib/fresh.bash and lib/stack.bash.

# Waits until all units of the boot are up.
machine_boot() { # ROOT
	export MACHINE=$FRESH/$1
	machine_supervise >"$MACHINE.console" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$MACHINE.pid"
	within 60 machine_is_up || fail "the machine does not come up" \
		"$(cat "$MACHINE.console")" "$(inside systemctl --failed)"
}

# The unified hierarchy of control groups, whatever this machine itself uses,
# as newer systemd wants no other; and one group that holds the container.
machine_supervise() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec unshare --mount --propagation private bash -c '
		top=/sys/fs/cgroup
		group=$top/$(basename "$FRESH")
		mountpoint -q /sys || mount -t sysfs sysfs /sys || exit
		! mountpoint -q $top || umount -R -l $top
		mount -t cgroup2 cgroup2 $top || exit
		mkdir "$group" && echo $$ >"$group/cgroup.procs" || exit
		end() {
			echo $$ >$top/cgroup.procs
			echo 1 >"$group/cgroup.kill"
			while grep -q "populated 1" "$group/cgroup.events"; do
				sleep 0.05 # between two looks
			done
			find "$group" -depth -type d -exec rmdir {} +
		}
		trap end EXIT
		trap exit TERM
		systemd-nspawn --quiet --directory="$MACHINE" --boot \
			--console=pipe --register=no --keep-unit \
			--private-network --resolv-conf=off --timezone=off &
		wait $!'
}

machine_is_up() {
	[[ $(inside systemctl is-system-running 2>&1) == running ]]
}

machine_end() {
	[[ -e ${MACHINE-}.pid ]] || return 0
	kill "$(<"$MACHINE.pid")" || true
	within 60 machine_is_gone # it may be the child of a test
}

machine_is_gone() {
	! kill -0 "$(<"$MACHINE.pid")" 2>/dev/null
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
		SYSTEMD_COLORS=0 "$@" 3>&- 4>&-
}

# A file of the machine, from what comes in.
put() { # PATH
	mkdir -p "$MACHINE${1%/*}" && cat >"$MACHINE$1"
}

# Curl and its files are this machine's, the network is the container's.
reader() { # COMMAND...
	nsenter --net --target "$(machine_init)" "$@" 3>&- 4>&-
}
