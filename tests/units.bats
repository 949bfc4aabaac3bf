# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2154
#
# The units of systemd as they are installed, read by systemd's own tool. That
# they serve is in systemd.bash, where a systemd runs.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"

UNITS=$KR_INSTALLED/lib/systemd/system
SERVICES=(krsessiond.service krsessiond@one.service krsession-guard.service)

# Ours come first, and those that they name are this machine's.
analyze() { # COMMAND...
	SYSTEMD_UNIT_PATH=$UNITS: run systemd-analyze "$@"
}

@test "systemd has nothing to say against the units" {
	analyze verify --man=no "${SERVICES[@]}" krsessiond.socket \
		krsessiond@one.socket krsession-guard.socket
	[ "$status" -eq 0 ]
	[ ! "$output" ] || fail "$output"
}

@test "systemd sees an exposure of at most 1.5" {
	local unit
	for unit in "${SERVICES[@]}"; do
		analyze security --offline=true --threshold=15 "$unit"
		[ "$status" -eq 0 ] || fail "$output"
		[[ $output =~ level\ for\ $unit:\ ([0-9])\.([0-9])\  ]]
		((BASH_REMATCH[1] * 10 + BASH_REMATCH[2] <= 15))
	done
}

setting() { # NAME
	sed -n "s/^$1=//p" "$UNITS/krsessiond.service"
}

@test "the service runs what was installed, with its configuration" {
	local words
	read -ra words < <(setting ExecStart)
	[ "${words[0]}" -ef "$KR_INSTALLED/bin/krsessiond" ]
	[ "${words[1]}" = -c ]
	[ "${words[2]}" -ef "$KR_INSTALLED/etc/krsession/krsessiond.conf" ]
	"${words[@]}" -t
}

@test "the guard's service runs what was installed, with its configuration" {
	local unit=$UNITS/krsession-guard.service words
	read -ra words < <(sed -n 's/^ExecStart=//p' "$unit")
	[ "${words[0]}" -ef "$KR_INSTALLED/bin/krsession-guard" ]
	[ "${words[2]}" -ef "$KR_INSTALLED/etc/krsession/krsession-guard.conf" ]
	# As it is installed it does not say yet where passwords are.
	run "${words[@]}" -t
	[ "$status" -eq 2 ]
	"${words[@]}" -t -o guard.saslauthd_socket=/run/saslauthd/mux
}

@test "the guard's service is confined like the other" {
	local ours='^(ExecStart|ExecReload|User|Group|StateDirectory|After|Requires|Description|Documentation|Also)='
	diff <(grep -vE "$ours|^#" "$UNITS/krsessiond.service") \
		<(grep -vE "$ours|^#" "$UNITS/krsession-guard.service")
}

@test "a stop may take as long as requests under way may, and longer" {
	local drain stop
	drain=$(sed -n 's/^#drain_timeout = \([0-9]*\)s$/\1/p' \
		"$KR_ROOT/conf/krsessiond.conf")
	stop=$(setting TimeoutStopSec)
	((${stop%s} > drain))
}

# Where store.kind = sqlite keeps sessions unless the file says otherwise.
@test "the service has a folder of its own for the file of sessions" {
	local path
	path=$(sed -n 's/^#path = \(.*sqlite\)$/\1/p' "$KR_ROOT/conf/krsessiond.conf")
	[ "${path%/*}" = "/var/lib/$(setting StateDirectory)" ]
	[ "$(setting StateDirectoryMode)" = 0700 ]
}

@test "an instance differs from the service in names alone" {
	local kind
	for kind in service socket; do
		diff <(sed 's/, instance %i//; s/@%i\.socket/.socket/
			s/%i\.conf/krsessiond.conf/; s/%i\.sock/krsession.sock/' \
			"$UNITS/krsessiond@.$kind") "$UNITS/krsessiond.$kind"
	done
}

@test "sysusers and tmpfiles take their files" {
	local root=$BATS_TEST_TMPDIR/root
	((EUID == 0)) || skip "only root makes users, in a root of its own too"
	mkdir -p "$root/etc"
	printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\n' >"$root/etc/group"
	systemd-sysusers --root="$root" "$KR_INSTALLED/lib/sysusers.d/krsession.conf"
	grep -E '^krsession:x:[0-9]+:[0-9]+:.*/nologin$' "$root/etc/passwd"
	systemd-tmpfiles --root="$root" --create \
		"$KR_INSTALLED/lib/tmpfiles.d/krsession.conf"
	[ "$(stat -c '%u:%g %a' "$root/run/krsession")" = '0:0 755' ]
}
