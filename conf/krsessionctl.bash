# bash completion of krsessionctl(1).
# shellcheck shell=bash

_krsessionctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local word command=

	case $before in
	-c)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-o | --user) return ;;
	esac
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		check | list | show | end | count | stats | sweep)
			command=$word
			;;
		esac
	done
	case $command in
	'') word='check list show end count stats sweep -c -o --help --version' ;;
	list) word='--user --json' ;;
	show) word="--json $(_krsessionctl_ids)" ;;
	end) word="--user --all $(_krsessionctl_ids)" ;;
	stats) word=--json ;;
	*) word= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
}

# The ids of a store that is small enough to be asked while somebody types.
_krsessionctl_ids() {
	timeout 1 krsessionctl list 2>/dev/null | head -n 200 |
		awk 'NR > 1 { print $1 }'
}

complete -o filenames -F _krsessionctl krsessionctl
