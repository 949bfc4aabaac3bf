# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev lint: what a machine can check of how the repository should read.

# shellcheck source=tools/deps.sh
. "$root/tools/deps.sh"
# shellcheck source=tools/exports.sh
. "$root/tools/exports.sh"
# shellcheck source=tools/manuals.sh
. "$root/tools/manuals.sh"

# The order of the layers: a folder includes only from those before it.
readonly layers=(base config http redis postgresql store session alone fcgi api app
	ctl)

# Only these files see these libraries.
declare -Ar only_in=(
	['fcgi(app|_stdio|os|misc)\.h']='src/fcgi/gateway[^/]*'
	# The protocol's constants.
	['fastcgi\.h']='src/fcgi/(frame|gather|management)\.c'
	['hiredis/.*']='src/redis/[^/]*'
	['sqlite3\.h']='src/store/sqlite[^/]*'
	['libpq-fe\.h']='src/postgresql/[^/]*'
	['json-c/.*']='src/ctl/print\.c'
	['openssl/.*']='src/(base/crypto|guard/digest|redis/tls|redis/tls_files|postgresql/pipeline)\.c'
	['ini\.h']='src/config/load\.c'
	['crypt\.h']='src/guard/(password|directory|users)\.c'
	['uriparser/.*']='src/redis/url\.c'
	['uv\.h']='src/(base|redis|postgresql|store|alone|fcgi|ctl)/[^/]*'
)

readonly max_file=500 max_function=80 # lines; tests and the header are lists

complaints=0

dev_lint() {
	(($# == 0)) || refuse "lint takes nothing"
	install_missing
	cd "$root" || exit
	check_scripts
	check_layers
	check_libraries
	check_exports
	check_manuals
	check_sizes
	check_words
	check_cited_tests
	check_debian
	check_heads
	check_format
	((complaints == 0)) || die "lint: $complaints complaints"
	say "lint: nothing to complain about"
}

complain() {
	printf '%s\n' "$*"
	complaints=$((complaints + 1))
}

# complain_each WHAT: of every place that comes in, a line each.
complain_each() {
	local place

	while IFS= read -r place; do
		complain "$place: $1"
	done
}

# sources PATTERN...: the files of the tree so named. What autotools make,
# build folders and links are not sources.
sources() {
	local names=() pattern

	for pattern in "$@"; do
		names+=(-o -name "$pattern")
	done
	find . \( -name .git -o -name autom4te.cache -o -path './build*' \
		-o -path ./configure -o -path './configure~' \
		-o -name aclocal.m4 -o -name '*.in' -o -name '*.in~' \) -prune \
		-o -type f \( "${names[@]:1}" \) -printf '%P\n' | sort
}

# ---- scripts -------------------------------------------------------------

scripts() {
	sources '*.sh' '*.bash' '*.bats'
	sources '*' | xargs -d '\n' awk \
		'FNR == 1 && /^#!.*[^a-z](ba)?sh$/ { print FILENAME }'
}

check_scripts() {
	local files

	mapfile -t files < <(scripts | sort -u)
	shellcheck -x "${files[@]}" || complain "shellcheck: see above"
}

# ---- layers --------------------------------------------------------------

readonly include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

# Every include of our own, as: file including, file included. One of a layer
# is ours in angle brackets too.
own_includes() {
	local folders

	folders=$(IFS='|' && printf '%s' "${layers[*]}|app|guard|www")
	grep -rE "$include(\"|<($folders)/)" src --include='*.[ch]' |
		sed -E 's/^([^:]+):[^"<]*["<]([^">]*)[">].*$/\1 \2/'
}

check_layers() {
	local file included

	while read -r file included; do
		may_include "$file" "$included" ||
			complain "$file: must not include $included"
	done < <(own_includes)
	complain_each "more than the C library" < <(foreign_includes)
	complain_each "more than the public header" < <(
		grep -nE "$include(\"|<[a-z]+/[a-z_]+\.h>)" examples/*.c |
			grep -vE '<(sys|net|netinet|arpa)/' | cut -d: -f1,2)
}

# A program needs the headers of no other library to use ours.
foreign_includes() {
	grep -nE "$include" src/krsession.h |
		grep -vE '<std(bool|def|int)\.h>' |
		sed -E 's|^([0-9]+):.*|src/krsession.h:\1|'
}

may_include() {
	local from=${1#src/} to=$2

	[[ $to != config.h && $to != krsession.h ]] || return 0
	[[ $from == */* && $to == */* ]] || return 1
	from=${from%%/*} to=${to%%/*}
	case $from:$to in
	app:www | guard:www | www:www | guard:guard) return 0 ;;
	app:* | guard:* | www:* | *:www | *:guard) return 1 ;; # on the public header alone
	redis:http | postgresql:http | postgresql:redis) return 1 ;;
	esac
	[[ $(rank "$to") -le $(rank "$from") ]]
}

# The place of a layer; one that the list does not name comes after all.
rank() {
	local i

	for i in "${!layers[@]}"; do
		[[ ${layers[i]} != "$1" ]] || break
	done
	[[ ${layers[i]} == "$1" ]] || i=${#layers[@]}
	printf '%s' "$i"
}

check_libraries() {
	local header

	for header in "${!only_in[@]}"; do
		complain_each "only ${only_in[$header]} sees $header" \
			< <(includers "$header" "${only_in[$header]}")
	done
}

# includers HEADER ALLOWED: the places outside ALLOWED that include HEADER.
includers() {
	grep -rnE "${include}[<\"]($1)[>\"]" src --include='*.[ch]' |
		cut -d: -f1,2 | grep -vE "^$2:"
}

# ---- exports -------------------------------------------------------------

# tests/install.bats holds the built library against the header too.
check_exports() {
	local header=src/krsession.h map=src/krsession.map

	complain_each "not declared in $header but in $map" < <(comm -13 \
		<(declared_functions "$header") <(mapped_functions "$map"))
	complain_each "declared in $header but not in $map" < <(comm -23 \
		<(declared_functions "$header") <(mapped_functions "$map"))
}

# ---- sizes and words -----------------------------------------------------

check_sizes() {
	local files

	mapfile -t files < <({ sources '*.[ch]' && scripts; } | sort -u)
	complain_each "longer than $max_file lines" < <(long_files)
	complain_each "a function longer than $max_function lines" \
		< <(long_functions)
}

long_files() {
	awk -v max="$max_file" 'FNR == max + 1 { print FILENAME }' "${files[@]}" |
		grep -vE '^(tests/(unit/|routes)|src/krsession\.h)' # links are files in a tarball
}

# A body begins with "{" in the first column, in scripts with "name() {",
# and ends with "}" in the first column.
long_functions() {
	awk -v max="$max_function" '
	/^{|^[a-z_]+\(\) [{(]/ { begin = FNR }
	/^[})]/ {
		if (begin && FNR - begin > max)
			print FILENAME ":" begin
		begin = 0
	}' "${files[@]}"
}

check_words() {
	complain_each "left behind" < <(leftovers)
}

check_heads() {
	complain_each "does not begin with what it owns" < <(headless)
}

# C files that begin with no comment, or with one of fewer than five words.
headless() {
	sources '*.[ch]' | xargs -d '\n' awk '
	FNR == 1 { words = 0; head = /^\/\*/ }
	head { words += gsub(/[A-Za-z]+/, "") }
	head && /\*\// { head = 0; enough[FILENAME] = words >= 5 }
	{ seen[FILENAME] }
	END { for (file in seen) if (!enough[file]) print file }' | sort
}

# Written apart, so that this file does not hold them.
leftovers() {
	sources '*' | xargs -d '\n' grep -nIwE 'TO''DO|FIX''ME' |
		cut -d: -f1,2
}

# docs/security.md names the tests that show what it says.
check_cited_tests() {
	local suite title

	while IFS=$'\t' read -r suite title; do
		is_test "$suite" "$title" ||
			complain "docs/security.md: no test '$suite: $title'"
	done < <(cited_tests)
}

cited_tests() {
	tr '`' '\n' <docs/security.md |
		sed -nE 's/^([a-z_-]+): ([^|]+)$/\1\t\2/p'
}

# A title of a suite, of what several suites load, or a unit test's name.
is_test() {
	grep -qsF -e "@test \"$2\" {" -e "cmocka_unit_test($2)" \
		tests/"$1".bats tests/"$1".bash tests/unit/"$1".c
}

# ---- debian/ -------------------------------------------------------------

check_debian() {
	local symbols=debian/libkrsession0.symbols

	[[ $(packaged_symbols) == "$(exported_symbols)" ]] ||
		complain "$symbols: not the symbols of src/krsession.map"
	[[ $(packaged_version) == "$(configured_version)" ]] ||
		complain "debian/changelog: not the version of configure.ac"
}

packaged_symbols() {
	sed -n 's/^ \(kr_[a-z0-9_]*\)@.*/\1/p' "$symbols" | sort
}

exported_symbols() {
	sed -n 's/^\t\(kr_[a-z0-9_]*\);.*/\1/p' src/krsession.map | sort
}

packaged_version() {
	sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog
}

configured_version() {
	sed -n 's/^AC_INIT(\[krsession\], \[\(.*\)\])$/\1/p' configure.ac
}

# ---- format --------------------------------------------------------------

# Advice only: versions of clang-format differ in taste.
check_format() {
	local files

	command -v clang-format >/dev/null || return 0
	mapfile -t files < <(sources '*.[ch]')
	clang-format --dry-run "${files[@]}" 2>&1 |
		sed -n 's/:.*: warning: .*//p' | uniq -c |
		awk '{ print $2 ": clang-format would mend " $1 " places" }'
}
