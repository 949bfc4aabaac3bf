# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2016,SC2030,SC2031
#
# ./dev lint, without shellcheck and clang-format: each rule is broken in a
# copy of the tree, and has to be noticed.

setup() {
	local part

	ROOT=$BATS_TEST_DIRNAME/..
	COPY=$BATS_TEST_TMPDIR/copy
	mkdir "$COPY"
	for part in conf configure.ac debian docs examples man src tools; do
		cp -R "$ROOT/$part" "$COPY"
	done
	cd "$COPY" || return
}

# What the checks of these names have against the copy.
complaints() { # CHECK...
	bash -c 'root=$PWD
		. tools/common.sh && . tools/lint.sh
		for check; do "$check"; done' - "$@"
}

# The copy is broken by a command; then a check says so, in these words.
notices() { # CHECK WORDS COMMAND...
	[ -z "$(complaints "$1")" ]
	"${@:3}"
	run complaints "$1"
	[[ $output == *"$2"* ]] || {
		printf 'no "%s" in: %s\n' "$2" "$output"
		return 1
	}
}

includes() { # FILE INCLUDED
	sed -i "0,/^#include/s|^#include|#include $2\n&|" "$1"
}

@test "a layer sees none above it" {
	notices check_layers 'src/base/text.c: must not include fcgi/loop.h' \
		includes src/base/text.c '"fcgi/loop.h"'
}

@test "nor in angle brackets" {
	notices check_layers 'src/base/text.c: must not include fcgi/loop.h' \
		includes src/base/text.c '<fcgi/loop.h>'
}

@test "redis and http do not see each other" {
	notices check_layers 'src/redis/reply.c: must not include http/cookie.h' \
		includes src/redis/reply.c '"http/cookie.h"'
}

@test "krsessiond sees the public header alone" {
	notices check_layers 'src/app/krsessiond.c: must not include base/text.h' \
		includes src/app/krsessiond.c '<base/text.h>'
}

@test "an example sees the public header alone" {
	notices check_layers 'examples/hello.c:3: more than the public header' \
		includes examples/hello.c '"base/text.h"'
}

@test "the public header wants no other library's" {
	notices check_layers ': more than the C library' \
		includes src/krsession.h '<uv.h>'
}

@test "a library is seen where its errors become ours" {
	local pair

	for pair in src/store/redis.c:hiredis/hiredis.h \
		src/http/cookie.c:openssl/evp.h src/config/parse.c:ini.h \
		src/redis/endpoint.c:uriparser/Uri.h \
		src/http/request.c:uv.h src/api/json.c:json-c/json.h \
		src/session/visit.c:libpq-fe.h src/session/apply.c:sqlite3.h \
		src/fcgi/loop.c:fcgiapp.h; do
		includes "${pair%%:*}" "<${pair#*:}>"
		run complaints check_libraries
		[[ $output == *"${pair%%:*}:"*sees* ]] || {
			echo "$pair"
			return 1
		}
		cp "$ROOT/${pair%%:*}" "${pair%%:*}"
	done
}

@test "what the header declares is exported" {
	notices check_exports 'kr_html: declared in src/krsession.h but not in' \
		sed -i '/^\tkr_html;/d' src/krsession.map
}

@test "and nothing else is" {
	notices check_exports 'kr_bare: not declared in src/krsession.h but in' \
		sed -i 's/^\tkr_html;/&\n\tkr_bare;/' src/krsession.map
}

@test "the packages have the same symbols" {
	notices check_debian 'debian/libkrsession0.symbols: not the symbols of' \
		sed -i '/^ kr_html@/d' debian/libkrsession0.symbols
}

@test "an option stands in its manual page" {
	notices check_options 'session.max_value: an option that only one of' \
		sed -i '/^\.It Cm max_value$/d' man/krsessiond.conf.5
}

@test "and in the sample file" {
	notices check_options 'session.max_value: an option that only one of' \
		sed -i '/^#max_value =/d' conf/krsessiond.conf
}

@test "a prototype stands in a manual page as in the header" {
	notices check_functions 'kr_html(struct kr_context*c,int status,const char*text): in src/krsession.h' \
		sed -i 's/const char \*html/const char *text/' src/krsession.h
}

@test "a constant stands in a manual page" {
	notices check_functions 'KR_ERR_NEW: in src/krsession.h, and in no page' \
		sed -i 's/^\tKR_OK = 0,/&\n\tKR_ERR_NEW = 99,/' src/krsession.h
}

@test "a C file begins with what it owns" {
	notices check_heads 'src/http/cookie.c: does not begin with' \
		sed -i '1,/\*\//d' src/http/cookie.c
}

@test "and that is more than a word" {
	notices check_heads 'src/http/cookie.c: does not begin with' \
		sed -i '1i /* MIT licence. */' src/http/cookie.c
}

@test "a test that docs/security.md names is there" {
	mkdir tests
	cp "$ROOT"/tests/*.bats "$ROOT"/tests/*.bash tests
	cp -R "$ROOT"/tests/unit tests
	notices check_cited_tests "no test 'routes: nothing'" \
		sed -i '0,/`routes: [^`]*`/s//`routes: nothing`/' docs/security.md
}
