# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev test: the unit programs (cmocka, by make check) and the suites of
# tests/ (bats). Both speak TAP; the totals are counted from what they said,
# and from nothing else.

# shellcheck source=tools/build.sh
. "$root/tools/build.sh"

sanitizer=
redis_server=redis-server
filters=()
tags='!slow'
said= # folder: what each program said, *.tap
passed=0 failed=0 skipped=0
failures=() # a line each, for the end

dev_test() {
	read_test_options "$@"
	build "$sanitizer"
	install_fronts "${fronts[@]}"
	install_redis_server "$redis_server"
	! with_fresh_roots || install_fresh_packages
	! with_browser || install_browser "$(build_folder "$sanitizer")"
	! with_prometheus || install_prometheus
	said=$(mktemp -d)
	trap 'rm -rf "$said"' EXIT
	prepare_environment
	run_units
	run_suites
	sum_up
}

read_test_options() {
	while (($#)); do
		case $1 in
		--sanitize)
			need_value "$@"
			check_sanitizer "$2"
			sanitizer=$2
			shift
			;;
		--all) tags= ;;
		--redis-server)
			need_value "$@"
			redis_server=$2
			shift
			;;
		-*) refuse "test does not know '$1'" ;;
		*) filters+=("$1") ;;
		esac
		shift
	done
}

prepare_environment() {
	KRSESSION_BUILD=$(build_folder "$sanitizer")
	export KRSESSION_BUILD KRSESSION_SANITIZE=$sanitizer
	export KRSESSION_REDIS_SERVER=$redis_server
	export CMOCKA_MESSAGE_OUTPUT=TAP
	export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180}
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
	export PARALLEL_HOME=$said/parallel # its notices, not in HOME
	mkdir "$PARALLEL_HOME" && : >"$PARALLEL_HOME/will-cite"
	unset REDIS_URL UPSTASH_REDIS_URL # the tests bring their own
}

# Whether a program's or suite's name holds one of the filters.
wanted() {
	local filter name=${1##*/}

	((${#filters[@]})) || return 0
	for filter in "${filters[@]}"; do
		[[ ${name%.bats} != *"$filter"* ]] || return 0
	done
	return 1
}

# TSan of gcc 12 cannot place its shadow memory when the kernel spreads
# addresses over more than 28 bits.
unspread() {
	if [[ $sanitizer == thread ]] && setarch -R true 2>/dev/null; then
		setarch -R "$@"
	else
		"$@"
	fi
}

# ---- unit programs -------------------------------------------------------

run_units() {
	local name

	check_programs TESTS= >/dev/null ||
		die "the unit programs do not build"
	forget_earlier_runs
	mapfile -t programs < <(unit_programs)
	((${#programs[@]})) || return 0
	check_programs TESTS="${programs[*]}" &>"$said/make" || true
	for name in "${programs[@]}"; do
		keep_unit_result "$name"
	done
}

check_programs() {
	unspread make --no-print-directory -s -k -C "$KRSESSION_BUILD" \
		-j "$(nproc)" check "$@" </dev/null
}

forget_earlier_runs() {
	find "$KRSESSION_BUILD/tests" -name '*.trs' -delete
	find "$KRSESSION_BUILD/tests" -name '*.log' -delete
}

# As make knows them: tests/unit/test_text, from the build folder.
unit_programs() {
	local file

	for file in "$KRSESSION_BUILD"/tests/unit/test_*; do
		[[ -f $file && -x $file ]] || continue
		! wanted "$file" || printf '%s\n' "${file#"$KRSESSION_BUILD/"}"
	done
}

keep_unit_result() {
	local from=$KRSESSION_BUILD/$1 to=$said/${1##*/}

	cp "$from.log" "$to.tap" 2>/dev/null ||
		echo "$1 did not run" >"$to.tap"
	if grep -qs '^:global-test-result: PASS' "$from.trs"; then
		count "$to" "$1" 0
	else
		count "$to" "$1" 1
	fi
}

# ---- suites --------------------------------------------------------------

# Those in containers build images and need an engine, those in fresh roots
# make a Debian, clients are built, many sessions are tried on one store; of the
# guard's doors two do for every day, of the fronts three, and of the stores with
# users two: --all has them all.
timely() {
	[[ -z $tags ||
		${1##*/} != @(*docker*|fresh_*|clients_*|ctl_many_sqlite.*|ctl_many_postgresql.*|guard_apache.*|guard_caddy.*|routes_@(caddy|h2o|haproxy).*|users_@(cluster|sqlite|postgresql).*) ]]
}

# A suite of a language that Debian does not have is there where that is.
possible() {
	[[ ${1##*/} == clients_dotnet.* ]] || return 0
	have_dotnet && return
	say "without clients_dotnet, as there is no dotnet 10 here"
	return 1
}

# Root makes them, nobody else can.
with_fresh_roots() {
	local file

	((EUID == 0)) || return
	for file in "$root"/tests/fresh_*.bats; do
		! wanted "$file" || ! timely "$file" || return 0
	done
	return 1
}

# All tests in a browser are slow.
with_browser() {
	local file

	[[ ! $tags ]] || return
	for file in "$root"/tests/*_browser.bats; do
		! wanted "$file" || return 0
	done
	return 1
}

with_prometheus() {
	[[ -z $tags ]] && wanted metrics_prometheus
}

run_suites() {
	local suites=() file status=0

	for file in "$root"/tests/*.bats; do
		if [[ -e $file ]] && wanted "$file" && timely "$file" &&
			possible "$file"; then
			suites+=("$file")
		fi
	done
	((${#suites[@]})) || return 0
	unspread bats --tap --jobs "$(nproc)" --print-output-on-failure \
		${tags:+--filter-tags "$tags"} "${suites[@]}" </dev/null |
		tee "$said/bats.tap" || status=$?
	count "$said/bats" bats "$status"
}

# ---- counting ------------------------------------------------------------

# count FILE NAME STATUS: adds up FILE.tap of a program that ended with
# STATUS, and shows it if something failed in it.
count() {
	local good bad left

	read -r good bad left < <(tally "$1.tap" "$3")
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + left))
	((bad == 0)) || mapfile -t -O "${#failures[@]}" failures < <(
		grep '^not ok' "$1.tap" | grep -vi '# skip' |
			sed "s|^|$2: |" ||
			echo "$2: ended before its tests did"
	)
	[[ $2 != bats ]] || return 0 # was shown as it ran
	((bad == 0)) || cat "$1.tap"
	printf '%s: %d passed, %d failed\n' "$2" "$good" "$bad"
}

# Prints passed, failed and skipped. Tests that were announced and did not
# report have failed, and so has a program that ended badly without a word.
tally() {
	awk -v status="$2" '
	/^1\.\.[0-9]+/ { announced += substr($1, 4) }
	/^(not )?ok / && tolower($0) ~ /# skip/ { skipped++; next }
	/^ok / { passed++ }
	/^not ok / { failed++ }
	END {
		silent = announced - passed - failed - skipped
		if (silent > 0)
			failed += silent
		if (status != 0 && !failed)
			failed = 1
		print passed + 0, failed + 0, skipped + 0
	}' "$1"
}

sum_up() {
	local line="$passed passed, $failed failed"

	((passed + failed + skipped)) || die "no test has such a name; some need --all"
	((skipped == 0)) || line+=", $skipped skipped"
	((failed == 0)) || printf '%s\n' '' "${failures[@]}" ''
	echo "$line"
	((failed == 0))
}
