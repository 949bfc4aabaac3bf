# shellcheck shell=bash
#
# What is printed in README.md, for tests that do as it says. Comes after
# lib/stack.bash.

# The indented lines that follow the first line with such a beginning.
readme_lines() { # BEGINNING OF A LINE
	awk -v begin="$1" '
		!on && index($0, begin) == 1 { on = 1; next }
		on && /^    / { print substr($0, 5); seen = 1; next }
		seen { exit }' "$KR_ROOT/README.md"
}

# The first indented block under a heading, with its empty lines.
readme_block() { # HEADING
	awk -v heading="$1" '
		$0 == heading { on = 1; next }
		on && /^    / { for (; gap; gap--) print ""; print substr($0, 5); seen = 1 }
		on && /^$/ && seen { gap++ }
		on && /^[^ ]/ && (seen || /^#/) { exit }' "$KR_ROOT/README.md"
}

# Runs the commands of 'Try it' at that port; each must print what stands
# below it. Another command can run the shells that run them.
readme_try() { # PORT [COMMAND...]
	local expected said line
	cd "$BATS_TEST_TMPDIR" || return
	while IFS= read -r line; do
		if [[ $line == '# '* ]]; then
			[[ $said == "${line#\# }" ]] ||
				fail "README prints ${line#\# }" "got $said" || return
			expected+=x
		else
			said=$("${@:2}" bash -c \
				"${line//:5000\//:$1/} --silent")
		fi
	done < <(readme_lines '## Try it')
	[[ $expected == xxxxxxx ]]
}
