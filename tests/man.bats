# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2154
#
# The manual pages: their form, that they say what header and options say,
# that each function is found, and that their examples are C as printed.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/topologies.bash
source "$BATS_TEST_DIRNAME/lib/topologies.bash"
# shellcheck source=lib/postgresql.bash
source "$BATS_TEST_DIRNAME/lib/postgresql.bash"
# shellcheck source=lib/install.bash
source "$BATS_TEST_DIRNAME/lib/install.bash"
# shellcheck source=tools/manuals.sh
source "$KR_ROOT/tools/manuals.sh"

bats_require_minimum_version 1.5.0

setup() {
	builder_open
	man=$KR_INSTALLED/share/man
}

teardown() {
	postgresql_end
	builder_close
}

# The blocks of C below EXAMPLES, into PAGE-1.c and so on. Others begin with
# something else than a directive.
examples_of() { # PAGE
	awk -v name="$(basename "$1")" '
	/^\.Sh / { on = $2 == "EXAMPLES" }
	on && /^\.Bd -literal/ { first = 1; next }
	/^\.Ed/ { first = block = 0 }
	first && /^#/ { block = 1; file = name "-" ++n ".c" }
	{ first = 0 }
	block { gsub(/\\e/, "\\"); sub(/^\\&/, ""); print >file }' "$1"
}

@test "mandoc has nothing against the pages" {
	[ ! "$(page_faults "$KR_ROOT"/man/*.[1-8])" ]
}

@test "every function is found by its name, and is on that page" {
	local name page
	for name in $(declared_functions "$KR_INSTALLED/include/krsession.h"); do
		page=$man/man3/$name.3
		[ -e "$page" ] || fail "there is no $name(3)"
		if read -r so target <"$page" && [ "$so" = .so ]; then
			page=$man/$target
		fi
		mandoc -T ascii "$page" | col -b | grep -q "$name(" ||
			fail "$page does not tell of $name"
	done
}

@test "the SYNOPSIS of every page is what the header declares" {
	diff <(header_prototypes "$KR_INSTALLED/include/krsession.h") \
		<(page_prototypes "$KR_ROOT"/man/*.3)
}

@test "a page that says something else than the header is found out" {
	sed 's/"int status"/"long status"/' "$KR_ROOT/man/kr_send.3" >kr_send.3
	run -1 diff <(page_prototypes "$KR_ROOT/man/kr_send.3") \
		<(page_prototypes kr_send.3)
	[[ $output == *'kr_text(struct kr_context*c,long status,'* ]]
}

@test "kr_strerror(3) has each error with its status, as the header" {
	sed -nE 's/^\t(KR_ERR_[A-Z_]+) = .*: ([0-9]{3})( \*\/)?$/\1 \2/p' \
		"$KR_INSTALLED/include/krsession.h" >header
	[ "$(wc -l <header)" -ge 19 ]
	diff header <(sed -nE \
		's/^\.It Dv (KR_ERR_[A-Z_]+) Ta ([0-9]+) .*/\1 \2/p' \
		"$KR_ROOT/man/kr_strerror.3")
}

@test "the page of options and the sample file have every option" {
	cd "$KR_ROOT"
	table_options | grep -qx session.idle_timeout
	diff <(table_options) <(page_options "$man/man5/krsessiond.conf.5")
	diff <(table_options) <(sample_options conf/krsessiond.conf)
}

@test "the examples of every page compile as printed" {
	local page file files
	for page in "$KR_ROOT"/man/kr*.3; do
		examples_of "$page"
		files=("${page##*/}"-*.c)
		[ -e "${files[0]}" ] || fail "${page##*/} has no example"
		for file in "${files[@]}"; do
			compile cc -std=c11 -Wno-unused-function -c "$file"
		done
	done
}

@test "the programs among them are built and serve" {
	examples_of "$KR_ROOT/man/kr_app_open.3"
	compile cc -o counter kr_app_open.3-1.c
	redis_start
	expect_it_counts ./counter
}

options_for() { # KIND
	case $1 in
	sqlite) printf '%s\n' -o "store.path=$STACK/sessions.sqlite" ;;
	postgresql) postgresql_options ;;
	esac
}

# Comes up on that store.
serve_on() { # KIND PROGRAM
	local options
	mapfile -t options < <(options_for "$1")
	kr_listen krsessiond "$2" "unix:$KR_SOCKET" \
		-o "store.kind=$1" "${options[@]}"
	within 10 kr_answers "$KR_SOCKET" /nowhere 404
}

@test "kr_app_open(3)'s program counts on each store" {
	local kind kinds
	examples_of "$KR_ROOT/man/kr_app_open.3"
	compile cc -o counter kr_app_open.3-1.c
	redis_start
	kinds=$(sed -n '/^\.It Cm kind/,/^\.It/s/^.*Value: one of \(.*\)\.$/\1/p' \
		"$man/man5/krsessiond.conf.5")
	[[ $kinds == *redis*memory* ]]
	[[ $kinds != *postgresql* ]] || postgresql_make
	for kind in ${kinds//,/}; do
		serve_on "$kind" "$STACK/counter"
		ask /counter
		expect 200 '{"counter":1}'
		ask_as "$(cookie_value)" /counter
		expect 200 '{"counter":2}'
		server_stop krsessiond
	done
}

@test "kr_store_open(3) has a CGI program that counts" {
	local cookie
	examples_of "$KR_ROOT/man/kr_store_open.3"
	compile cc -o counter kr_store_open.3-1.c
	redis_start
	export REDIS_URL=unix://$STACK/redis.sock HTTPS=on
	./counter >answer
	cookie=$(sed -nE 's/^Set-Cookie: ([^;]+);.*/\1/p' answer)
	[ "$(tail -n 1 answer)" = 1 ]
	[ "$(HTTP_COOKIE=$cookie ./counter | tail -n 1)" = 2 ]
}

@test "kr_test_open(3) has a test that passes, and fails when it should" {
	examples_of "$KR_ROOT/man/kr_test_open.3"
	compile cc -o good kr_test_open.3-1.c
	./good
	sed 's/n + 1)/n + 2)/' kr_test_open.3-1.c >bad.c
	compile cc -o bad bad.c
	run ! ./bad
}

# The handlers of kr_session_login(3), with a program around them.
life_program() {
	examples_of "$KR_ROOT/man/kr_session_login.3"
	cat kr_session_login.3-1.c - >life.c <<-'C'

		static enum kr_err login(struct kr_context *c)
		{
			return begin(c, "max");
		}

		int main(int argc, char **argv)
		{
			struct kr_app *app = NULL;
			int status = 1;

			if (!kr_app_open(&app) &&
			    !kr_map(app, KR_GET, "/login", login, KR_SESSION) &&
			    !kr_map(app, KR_GET, "/new", new_password,
				    KR_SESSION) &&
			    !kr_map(app, KR_GET, "/leave", leave, KR_SESSION))
				status = kr_app_main(app, argc, argv);
			kr_app_close(&app);
			return status;
		}
	C
	compile cc -o life life.c
}

@test "kr_session_login(3): remembered, renewed and left" {
	local session
	life_program
	redis_start
	serve ./life
	ask /new
	expect_header Location /login
	ask '/login?remember_me=1'
	expect_header Location /
	[[ $(cookie_attributes) == *Max-Age* ]]
	session=$(cookie_value)
	ask_as "$session" /new
	expect_header Location /account
	[ "$(cookie_value)" != "$session" ]
	ask_as "$(cookie_value)" /leave
	expect_header Location /
	[ "$(rcli --scan | grep -vc @)" -eq 1 ] # the one with the message
}

@test "krsession-store(7) has the fields that a session has in Redis" {
	local session
	life_program
	redis_start
	serve ./life
	ask '/login?remember_me=1'
	ask_as "$(cookie_value)" /new
	session=$(cookie_value)
	diff <(rcli hkeys "$(redis_key "$session")" | sort) <(
		sed -n '/^\.Sh REDIS/,/^Beside/s/^\.It Cm @/@/p' \
			"$KR_ROOT/man/krsession-store.7" |
			sed 's/ , /\n/g' | sort
	)
}

# The commands below EXAMPLES of krsession-store(7) for that program, as
# printed.
store_example() { # PROGRAM
	mandoc -T ascii "$KR_ROOT/man/krsession-store.7" | col -b | awk -v program="$1" '
		/^[A-Z]/ { on = $0 == "EXAMPLES" }
		on && $1 == program { block = 1 }
		block && /^$/ { exit }
		block' >"$STACK/example"
	[ -s "$STACK/example" ]
	bash "$STACK/example"
}

# The columns of that table on the page, sorted.
page_columns() { # SECTION TABLE
	awk -v section="$1" -v table="$2" '
		/^\.Sh / { inside = $2 == section }
		inside && /^\.(It|El)/ { on = $2 == "Li" && $3 == table; next }
		inside && on && /^\.Cm / { gsub(/[,;]/, ""); for (i = 2; i <= NF; i++)
			if ($i !~ /^[.@]/) print $i }' \
		"$KR_ROOT/man/krsession-store.7" | sort
}

@test "krsession-store(7) counts the sessions in Redis" {
	life_program
	redis_start
	kr_listen krsessiond "$STACK/life" "unix:$KR_SOCKET" \
		-o redis.instance_name=krsession:
	within 10 kr_answers "$KR_SOCKET" /nowhere 404
	for _ in 1 2 3; do ask /login; done
	mkdir bin
	printf '#!/bin/sh\nexec "%s" -s "%s" "$@"\n' \
		"$(command -v redis-cli)" "$STACK/redis.sock" >bin/redis-cli
	chmod +x bin/redis-cli
	[ "$(PATH=$STACK/bin:$PATH store_example redis-cli)" -eq 3 ]
}

@test "krsession-store(7) is right about SQLite" {
	local sqlite=(sqlite3 "$STACK/sessions.sqlite")
	life_program
	serve_on sqlite "$STACK/life"
	ask /login
	[ "$(store_example sqlite3)" = "$(cookie_value | cut -c1-22)|max" ]
	diff <(page_columns SQLITE sessions) \
		<("${sqlite[@]}" "SELECT name FROM pragma_table_info('sessions')" | sort)
	diff <(page_columns SQLITE session_values) \
		<("${sqlite[@]}" "SELECT name FROM pragma_table_info('session_values')" | sort)
	diff <(page_columns SQLITE counters) \
		<("${sqlite[@]}" "SELECT name FROM pragma_table_info('counters')" | sort)
	grep -qx "0x$(printf %x "$("${sqlite[@]}" 'PRAGMA application_id')") and the least version of the tables that a program has to know, $(
		"${sqlite[@]}" 'PRAGMA user_version'), as" "$KR_ROOT/man/krsession-store.7"
	[ "$("${sqlite[@]}" 'SELECT length(id), length(auth), was IS NULL, was_at,
		abs(born - unixepoch()) < 60, version, abs(seen / 1000 - unixepoch()) < 60,
		ends > seen FROM sessions')" = '22|32|1|0|1|1|1|1' ]
}

@test "krsession-store(7) is right about PostgreSQL" {
	life_program
	postgresql_make
	serve_on postgresql "$STACK/life"
	ask /login
	export PGHOST=$PG PGPORT=$PORT PGUSER=operator
	store_example psql | grep -qE "^ *$(cookie_value | cut -c1-22) *\| max$"
	columns() { # TABLE [CONDITION]
		sql "SELECT column_name FROM information_schema.columns
			WHERE table_schema = 'krsession' AND table_name = '$1' ${2-}" |
			sort
	}
	diff <(page_columns SQLITE sessions) \
		<(columns sessions "AND column_name <> 'sweep'")
	diff <(page_columns SQLITE session_values) \
		<(columns session_values "AND column_name <> 'whose'")
	diff <(page_columns SQLITE counters) <(columns counters)
	[ "$(columns sessions "AND data_type = 'timestamp with time zone'" | xargs)" = \
		'born ends seen sweep was_at' ]
	[ "$(columns session_values "AND data_type = 'bytea'" | xargs)" = 'data key whose' ]
	[ "$(columns counters "AND data_type = 'bytea'")" = name ]
	[ "$(sql 'SELECT number FROM version')" -eq 1 ]
}

@test "krsessiond(8) has the options that krsessiond -h has" {
	diff <("$KR_DAEMON" -h | sed -n 's/^  -\(.\) .*/\1/p' | sort) <(
		sed -n '/^\.Sh DESCRIPTION/,/^\.Ss/s/^\.It Fl \(.\).*/\1/p' \
			"$KR_ROOT/man/krsessiond.8" | sort
	)
}

@test "krsession(3) builds its program as it says" {
	examples_of "$KR_ROOT/man/krsession.3"
	cp krsession.3-1.c hello.c
	sed -n 's/^\$ cc /cc /p' "$KR_ROOT/man/krsession.3" >build
	[ -s build ]
	sed -i "s/^cc /cc $(sanitize_flags) /" build
	bash build
	redis_start
	serve ./hello
	ask /hello
	expect 200 'Hello, Session World!'
}
