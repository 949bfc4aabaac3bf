# shellcheck shell=bash disable=SC2154 # SYSTEM, STACK and so on are the suite's
#
# For tests of what make install leaves. Comes after lib/stack.bash and
# lib/readme.bash.

# shellcheck source=tools/exports.sh
source "$KR_ROOT/tools/exports.sh"

# ---- an installation under /usr ------------------------------------------

# A build folder for the prefix /usr, of the objects that are there already:
# none of them knows where it will lie.
system_build() {
	mkdir "$SYSTEM"
	cp -a "$KR_BUILD/src" "$KR_BUILD/.libs" "$KR_BUILD/libkrsession-inside.la" \
		"$SYSTEM"
	(cd "$SYSTEM" && "$KR_ROOT/configure" --quiet --prefix=/usr \
		--libdir=/usr/lib CFLAGS="-O2 -g" \
		${KR_SANITIZE:+--enable-sanitizers="$KR_SANITIZE"}) \
		>"$BATS_FILE_TMPDIR/configure.log" 2>&1
	system_make all
}

system_make() { # TARGET [VARIABLE=VALUE...]
	make --no-print-directory -C "$SYSTEM" "$@" 2>&1
}

files_under() { # FOLDER
	find "$1" ! -type d -printf '/%P\n' | sort
}

expected_files() {
	local name units
	units=$(pkg-config --variable=systemdsystemunitdir systemd) ||
		units=/usr/lib/systemd/system
	for name in krsessiond{,@}.{service,socket}; do
		echo "$units/$name"
	done
	cat <<-'END'
		/usr/etc/krsession/krsessiond.conf
		/usr/lib/sysusers.d/krsession.conf
		/usr/lib/tmpfiles.d/krsession.conf
		/usr/share/bash-completion/completions/krsessionctl
		/usr/bin/krsessionctl
		/usr/bin/krsessiond
		/usr/include/krsession.h
		/usr/lib/libkrsession.a
		/usr/lib/libkrsession.la
		/usr/lib/libkrsession.so
		/usr/lib/libkrsession.so.0
		/usr/lib/libkrsession.so.0.0.0
		/usr/lib/pkgconfig/krsession.pc
		/usr/share/doc/krsession/CHANGES.md
		/usr/share/doc/krsession/LICENSE
		/usr/share/doc/krsession/README.md
	END
	for name in "$KR_ROOT"/conf/*.{conf,lua}; do
		echo "/usr/share/doc/krsession/conf/${name##*/}"
	done
	for name in grafana/krsession.json prometheus/krsession.rules.yml; do
		echo "/usr/share/doc/krsession/conf/$name"
	done
	for name in "$KR_ROOT"/examples/*.c; do
		echo "/usr/share/doc/krsession/examples/${name##*/}"
	done
	for name in "$KR_ROOT"/man/*.[1-9]; do
		echo "/usr/share/man/man${name##*.}/${name##*/}"
	done
	# The links to them.
	for name in $(declared_functions "$KR_ROOT/src/krsession.h"); do
		[[ -e $KR_ROOT/man/$name.3 ]] ||
			echo "/usr/share/man/man3/$name.3"
	done
}

# ---- the tarball ----------------------------------------------------------

# Without what autotools and builds leave there, and what only git needs.
repository_files_here() {
	find . \( -name .git -o -name .gitignore -o -name .ci -o -path './build*' \
		-o -name autom4te.cache -o -path './bench/results' \
		-o -path './configure*~' -o -path ./configure \
		-o -name Makefile.in -o -name aclocal.m4 \) -prune \
		-o ! -type d -printf '%P\n' | sort
}

repository_files() {
	(cd "$KR_ROOT" && repository_files_here && echo configure.ac) | sort -u
}

# ---- what a binary says of itself -----------------------------------------

library() {
	echo "$KR_INSTALLED/lib/libkrsession.so.0.0.0"
}

# Of functions and data: the name of the version node is neither.
exports() { # FILE
	nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort
}

dynamic() { # TAG FILE
	readelf -dW "$2" | sed -nE "s/^.*\(($1)\).*\[(.*)\]$/\2/p"
}

through_both() { # CHECK...
	local file
	for file in "$KR_DAEMON" "$(library)"; do
		"$@" "$file" || fail "that was $file" || return
	done
}

bound_at_once() { # FILE
	readelf -dW "$1" | grep -qE '\(FLAGS\).*BIND_NOW' &&
		readelf -lW "$1" >"$STACK/segments" &&
		grep -q GNU_RELRO "$STACK/segments" &&
		grep -qE 'GNU_STACK.* RW  *0x' "$STACK/segments"
}

imports() { # PATTERN FILE
	nm -D --undefined-only "$2" | grep -qE " $1(@|\$)"
}

# What configure has found.
has_flag() { # FLAG
	grep -qE "^KR_HARDEN_CFLAGS =.* $1" "$KR_BUILD/Makefile"
}

# The linker notes it of a whole file, if libc's start files are noted too:
# Debian 12's are not. Then what is asked is that all entries are marked.
guarded_by_cet() { # FILE
	if start_files_have_cet; then
		readelf -nW "$1" | grep -q 'IBT, SHSTK'
	else
		[[ $(unmarked_functions "$1") == '' ]]
	fi
}

start_files_have_cet() {
	readelf -nW "$(cc -print-file-name=crti.o)" | grep -q 'IBT, SHSTK'
}

# Those that others call, and main.
unmarked_functions() { # FILE
	objdump -d --no-show-raw-insn "$1" | awk '
	/^[0-9a-f]+ <(kr_[a-z0-9_]+|main)>:$/ { name = $2; seen++; next }
	name { if ($2 != "endbr64" && $2 != "endbr32") print name; name = "" }
	END { if (!seen) print "no function" }'
}

# ---- programs outside -----------------------------------------------------

# In a folder where nothing is known but what is installed, with a stack.
builder_open() {
	stack_open
	cd "$STACK" || return
	export PKG_CONFIG_PATH=$KR_INSTALLED/lib/pkgconfig
	export LD_LIBRARY_PATH=$KR_INSTALLED/lib # as /usr/lib would be known
}

builder_close() {
	cd /
	unset LD_LIBRARY_PATH
	stack_close
}

# With all warnings as errors. The sanitizers' libraries must come first, so a
# program needs them where the library has them.
compile() { # COMPILER ARGUMENT...
	# shellcheck disable=SC2046,SC2086 # flags, to be split
	"$@" -Wall -Wextra -Werror $(sanitize_flags) ${FLAGS:-$(
		pkg-config --cflags --libs krsession
	)}
}

# Leaves it in $STACK, beside the sockets.
build_example() { # NAME [LIBRARY...]
	compile cc -O2 -o "$1" "$KR_ROOT/examples/$1.c" "${@:2}"
}

sanitize_flags() {
	case $KR_SANITIZE in
	address) echo -fsanitize=address,undefined ;;
	thread) echo -fsanitize=thread ;;
	esac
}

# "0.2.0" as KR_VERSION_NUMBER.
version_number() { # VERSION
	local IFS=.
	# shellcheck disable=SC2086 # to be split
	set -- $1
	echo $(($1 * 10000 + $2 * 100 + $3))
}

# The first block of that section, empty lines and all.
readme_program() {
	awk '
	/^## A program of your own/ { on = 1; next }
	on && /^    / { seen = 1 }
	seen && /^[^ ]/ { exit }
	seen { print substr($0, 5) }' "$KR_ROOT/README.md"
}

# With what a sanitized library asks of those who use it.
readme_command() {
	local command
	command=$(readme_lines 'With the library installed, it is built by')
	echo "${command/#cc /cc $(sanitize_flags) }"
}

run_path_is_left_to_the_system() { # FILE
	[[ -z $(dynamic 'RPATH|RUNPATH' "$1") ]]
}

# Under krsessiond's name, so that the stack ends it as it ends that.
serve() { # PROGRAM
	kr_listen krsessiond "$(realpath "$1")" "unix:$KR_SOCKET" \
		-o server.socket_mode=0666
	within 10 kr_answers "$KR_SOCKET" /nowhere 404 ||
		fail "$1 does not start"
}

expect_it_counts() { # PROGRAM
	serve "$1"
	ask /counter
	expect 200 '{"counter":1}' || return
	ask_as "$(cookie_value)" /counter
	expect 200 '{"counter":2}'
}
