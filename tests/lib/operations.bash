# shellcheck shell=bash
#
# The commands of docs/operations.md, and what it says they print. Comes after
# lib/stack.bash. They stand in fenced blocks, whose info string is their kind:
#
#     console           any machine with a Redis and a front server
#     console systemd   one that systemd has booted
#
# A line that begins with "$ " is a command, those below it what it prints;
# "..." is anything, also more lines or none. A section is what a heading of
# the second level names.

# Each line of these blocks: kind, section, number of the block among those of
# its kind in its section, and the line, with tabs in between.
ops_lines() {
	awk -v OFS='\t' '
		/^## / { section = substr($0, 4) }
		/^ *```/ && !open {
			open = index($0, "`")
			kind = substr($0, open + 3)
			number[kind, section]++
			next
		}
		/^ *```/ { open = 0; next }
		open && kind ~ /^console/ {
			print kind == "console" ? "console" : substr(kind, 9),
				section, number[kind, section], substr($0, open)
		}' "$KR_ROOT/docs/operations.md"
}

# The lines of the block with that info string, such as ini, that follows such
# a line.
ops_block() { # BEGINNING OF A LINE, INFO STRING
	awk -v begin="$1" -v fence="\`\`\`$2" '
		index($0, begin) == 1 { near = 1 }
		near && $0 == fence { on = 1; next }
		on && /^```/ { exit }
		on' "$KR_ROOT/docs/operations.md"
}

# All commands of a kind, one a line: console or systemd.
ops_commands() { # KIND
	ops_lines | awk -F '\t' -v kind="$1" '
		$1 == kind && sub(/^\$ /, "", $4) { print $4 }'
}

# The sections that have commands of a kind, one a line.
ops_sections() { # KIND
	ops_lines | awk -F '\t' -v kind="$1" '
		$1 == kind && $4 ~ /^\$ / && !seen[$2]++ { print $2 }'
}

# Runs the commands of a section in their order, or those of one block, each
# with RUNNER COMMAND; each must print what stands below it.
ops_play() { # KIND SECTION RUNNER [BLOCK]
	local lines line command='' expected=''
	mapfile -t lines < <(ops_lines | awk -F '\t' -v kind="$1" \
		-v section="$2" -v block="${4-}" '
		$1 == kind && $2 == section && (block == "" || $3 == block) {
			print $4 }')
	((${#lines[@]})) || fail "no commands: $1, $2 ${4-}" || return
	for line in "${lines[@]}" '$ '; do
		if [[ $line != '$ '* ]]; then
			expected+=$line$'\n'
			continue
		fi
		[[ ! $command ]] || ops_expect "$3" "$command" "$expected" || return
		command=${line#'$ '} expected=
	done
}

ops_expect() { # RUNNER COMMAND EXPECTED
	local said
	said=$("$1" "$2" 2>&1 | tr -d '\r')
	ops_matches "$said" "${3%$'\n'}" ||
		fail "$2" "--- should print" "${3%$'\n'}" "--- and printed" "$said"
}

# Quotes all that means something to a regular expression.
ops_matches() { # TEXT EXPECTED
	local expression
	expression=$(sed 's/[][\.*^$+?(){}|]/\\&/g; s/\\\.\\\.\\\./.*/g' <<<"$2")
	[[ $1 =~ ^$expression$ ]]
}
