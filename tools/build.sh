# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev build: out of tree, one folder for each sanitizer, and installed into
# that folder's installed/. What ./dev and the suites run is what is there.

# shellcheck source=tools/deps.sh
. "$root/tools/deps.sh"

dev_build() {
	local sanitizer=

	while (($#)); do
		case $1 in
		--sanitize)
			need_value "$@"
			sanitizer=$2
			shift
			;;
		*) refuse "build does not know '$1'" ;;
		esac
		shift
	done
	build "$sanitizer"
	say "built in $(build_folder "$sanitizer")"
}

# build [SANITIZER]: what other commands begin with.
build() {
	local folder

	[[ -z $1 ]] || check_sanitizer "$1"
	install_missing
	folder=$(build_folder "$1")
	[[ -x $root/configure ]] ||
		quietly autoreconf autoreconf -fi "$root"
	is_configured "$folder" ||
		quietly configure configure "$folder" "$1"
	compile "$folder"
}

build_folder() {
	printf '%s' "$root/build${1:+-$1}"
}

# For this place: a folder that was moved, or configured by hand, is not.
is_configured() {
	grep -qsxF "prefix = $1/installed" "$1/Makefile"
}

# What lies there from before carries the old place in it.
configure() (
	mkdir -p "$1" && cd "$1" &&
		"$root/configure" --quiet CFLAGS="-O2 -g" \
			--prefix="$1/installed" \
			${2:+--enable-sanitizers="$2"} &&
		make -s clean
)

# Warnings are to be seen, so make speaks for itself.
compile() {
	make --no-print-directory -s -C "$1" -j "$(nproc)" all \
		installed/stamp </dev/null ||
		die "the build failed"
}
