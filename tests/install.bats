# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# What make install leaves: files, exports, hardening, and that a program
# outside the tree is built and served with nothing but that.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/install.bash
source "$BATS_TEST_DIRNAME/lib/install.bash"

bats_require_minimum_version 1.5.0

setup_file() {
	export SYSTEM=$BATS_FILE_TMPDIR/system PACKAGED=$BATS_FILE_TMPDIR/root
	system_build
	system_make install DESTDIR="$PACKAGED"
}

setup() {
	builder_open
}

teardown() {
	builder_close
}

# ---- files --------------------------------------------------------------

@test "make install puts these files in their places and no others" {
	diff <(expected_files | sort) <(files_under "$PACKAGED")
}

@test "make uninstall leaves nothing" {
	local root=$STACK/root
	system_make install DESTDIR="$root"
	[ "$(files_under "$root")" ]
	system_make uninstall DESTDIR="$root"
	[ ! "$(files_under "$root")" ]
	[ ! "$(find "$root" -name '*krsession*')" ]
}

@test "make installcheck runs what is installed" {
	run system_make installcheck DESTDIR="$PACKAGED"
	[ "$status" -eq 0 ]
	[[ $output == *'krsession 0.'* ]]
}

@test "the tarball has every file of the repository" {
	make -s -C "$KR_BUILD" distdir distdir="$STACK/tarball" >make.log 2>&1
	diff <(repository_files) <(cd tarball && repository_files_here)
}

# ---- what it exports ----------------------------------------------------

@test "the library exports what krsession.h declares and nothing else" {
	diff <(declared_functions "$KR_INSTALLED/include/krsession.h" |
		sed 's/$/@@KRSESSION_0/') <(exports "$(library)")
}

@test "the library's name says which programs it serves" {
	[ "$(dynamic SONAME "$(library)")" = libkrsession.so.0 ]
	[ "$(readlink -f "$KR_INSTALLED/lib/libkrsession.so.0")" = "$(library)" ]
	[ "$(readlink -f "$KR_INSTALLED/lib/libkrsession.so")" = "$(library)" ]
}

@test "the static library has no global name that is not kr_ or kri_" {
	nm -g --defined-only "$KR_INSTALLED/lib/libkrsession.a" >names
	grep -q ' T kr_app_main$' names
	run -1 grep -vE '^$|:$| (kr|kri)_[a-z0-9_]+$| __odr_asan' names
}

@test "krsessiond stands on the library alone" {
	exports "$KR_DAEMON" >exported
	run -1 grep -E '^kri?_' exported
	[ "$(dynamic NEEDED "$KR_DAEMON" | grep -v 'lib[abtu]*san\.so')" = \
		$'libkrsession.so.0\nlibc.so.6' ]
}

@test "what is installed under /usr has no run path" {
	local file
	for file in "$PACKAGED/usr/bin/krsessiond" \
		"$PACKAGED"/usr/lib/libkrsession.so.0.0.0; do
		[ ! "$(dynamic 'RPATH|RUNPATH' "$file")" ]
	done
}

# ---- hardening ----------------------------------------------------------

@test "the program is position-independent" {
	readelf -h "$KR_DAEMON" | grep -q 'Type: *DYN'
	readelf -d "$KR_DAEMON" | grep -q 'FLAGS_1.* PIE'
}

@test "everything is bound at once and read-only then, and no stack runs" {
	through_both bound_at_once
}

@test "stacks are watched" {
	through_both imports __stack_chk_fail
}

@test "copies are checked against the size of what they write to" {
	# The sanitizers do that in their own way.
	[ ! "$KR_SANITIZE" ] || return 0
	through_both imports '__[a-z]+_chk'
}

@test "jumps and returns go where they may, where the processor knows that" {
	has_flag -fcf-protection || return 0
	through_both guarded_by_cet
}

@test "--disable-hardening leaves all of it out" {
	local flags
	mkdir bare
	(cd bare && "$KR_ROOT/configure" --quiet --disable-hardening) >bare.log
	flags=$(sed -n 's/^KR_\(HARDEN_\|PIE_\|FORTIFY\)[A-Z]* *=//p' bare/Makefile)
	[ ! "${flags//[[:space:]]/}" ]
}

# ---- the header ---------------------------------------------------------

@test "the header is C and C++ of every standard" {
	local standard
	echo '#include <krsession.h>' >twice.c
	echo '#include <krsession.h>' >>twice.c
	cp twice.c twice.cc
	for standard in c99 c11 c17; do
		compile cc -std="$standard" -pedantic -c twice.c
	done
	for standard in c++11 c++17 c++20; do
		compile c++ -std="$standard" -pedantic -c twice.cc
	done
}

@test "a C++ program maps a route and is served" {
	readme_program | sed 's/NULL/nullptr/' >counter.cc
	compile c++ -pedantic -o counter counter.cc
	redis_start
	expect_it_counts ./counter
}

@test "header, library, program and pkg-config name one version" {
	local version
	cat >version.c <<-'C'
		#include <krsession.h>
		#include <stdio.h>

		int main(void)
		{
			printf("%s %s %d\n", KR_VERSION, kr_version(),
			       KR_VERSION_NUMBER);
			return 0;
		}
	C
	compile cc -pedantic -o version version.c
	version=$(pkg-config --modversion krsession)
	[ "$("$KR_DAEMON" -V)" = "krsession $version" ]
	[ "$(./version)" = "$version $version $(version_number "$version")" ]
}

# ---- a program outside --------------------------------------------------

@test "README's program is built as printed, and counts behind nginx" {
	readme_program >counter.c
	bash -c "$(readme_command)"
	run_path_is_left_to_the_system counter
	redis_start
	kr_start
	front_start nginx
	server_stop krsessiond
	rm -f "$KR_SOCKET"
	serve ./counter
	visit /counter
	expect 200 '{"counter":1}'
	visit /counter
	expect 200 '{"counter":2}'
}

@test "README's program linked with the static library counts" {
	local FLAGS
	readme_program >counter.c
	FLAGS=$(pkg-config --static --cflags --libs krsession)
	FLAGS=${FLAGS/-lkrsession/-l:libkrsession.a}
	compile cc -o counter counter.c
	dynamic NEEDED counter >needed
	run -1 grep krsession needed
	unset LD_LIBRARY_PATH
	redis_start
	expect_it_counts ./counter
}
