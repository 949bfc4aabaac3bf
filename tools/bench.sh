# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev bench: what a session costs, beside the request that carries it and
# beside others. bench/ holds what is measured and how.

# shellcheck source=tools/up.sh
. "$root/tools/up.sh"
# shellcheck source=bench/figures.bash
. "$root/bench/figures.bash"
# shellcheck source=bench/parts.bash
. "$root/bench/parts.bash"
# shellcheck source=bench/front.bash
. "$root/bench/front.bash"
# shellcheck source=bench/guard.bash
. "$root/bench/guard.bash"
# shellcheck source=bench/program.bash
. "$root/bench/program.bash"

quick=false
given_rounds= # empty: as many as the plan has
only= # apps, with commas between; empty: all
results=$root/bench/results
stamp=$(date +%Y-%m-%dT%H%M%S)
programs=$root/build/bench

dev_bench() {
	local what

	read_bench_options "$@"
	build ""
	build_bench_programs
	install_bench_packages
	unset REDIS_URL UPSTASH_REDIS_URL # the bench brings its own
	mkdir -p "$results"
	for what in "${benches[@]}"; do
		(make_run_folder && "bench_$what")
	done
}

read_bench_options() {
	benches=()
	while (($#)); do
		case $1 in
		--quick) quick=true ;;
		--rounds)
			need_value "$@"
			[[ $2 =~ ^[1-9][0-9]{0,3}$ ]] ||
				refuse "--rounds takes a number, not '$2'"
			given_rounds=$2
			shift
			;;
		--only)
			need_value "$@"
			only=$2
			shift
			;;
		front | guard | program) benches+=("$1") ;;
		*) refuse "bench does not know '$1'" ;;
		esac
		shift
	done
	((${#benches[@]})) || benches=(front guard program)
}

build_bench_programs() {
	make --no-print-directory -s -C "$root/build" \
		bench/cpu_time bench/fcgi_load bench/relay </dev/null ||
		die "the programs of the bench do not build"
}
