# shellcheck shell=bash
# What the commands of ./dev share. Expects $root, the repository's folder.

say() {
	printf 'dev: %s\n' "$*"
}

die() {
	printf 'dev: %s\n' "$*" >&2
	exit 1
}

# Ends with a usage error: what the caller typed is wrong.
refuse() {
	printf 'dev: %s (see ./dev help)\n' "$*" >&2
	exit 2
}

# need_value "$@": the option that comes first must have a value behind it.
need_value() {
	(($# > 1)) || refuse "$1 needs a value"
}

check_sanitizer() {
	case $1 in
	address | thread) ;;
	*) refuse "--sanitize takes address or thread, not '$1'" ;;
	esac
}

# quietly WHAT COMMAND...: the output is shown only when the command fails.
quietly() {
	local what=$1 log status=0

	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || status=$?
	((status == 0)) || cat "$log" >&2
	rm -f "$log"
	((status == 0)) || die "$what failed"
}

# .NET is not Debian's; what needs it takes part where somebody has put it.
have_dotnet() {
	command -v dotnet >/dev/null &&
		dotnet --list-sdks 2>/dev/null | grep '^10\.' >/dev/null
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo "$@"
	fi
}

# The sources as they are, without what is built and the history.
copy_tree() { # FROM TO
	mkdir -p "$2"
	tar -C "$1" --exclude=./.git --exclude='./build' --exclude='./build-*' \
		--exclude=./autom4te.cache -c . | tar -C "$2" -x
}
