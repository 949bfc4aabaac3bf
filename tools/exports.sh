# shellcheck shell=bash
# What the library exports, as its header and its version script say it; for
# ./dev lint and tests/install.bats. The functions are those of nm, sorted.

# The functions that krsession.h declares. The preprocessor takes comments and
# macros away; what is left are statements.
declared_functions() { # HEADER
	cc -E -P "$1" | tr '\n' ' ' | sed 's/[;{}]/\n/g' | grep -v typedef |
		sed -nE 's/^.*[ *](kr_[a-z0-9_]+) *\(.*$/\1/p' | sort
}

# The names that the version script lists.
mapped_functions() { # MAP
	sed -nE 's/^\t(kr_[a-z0-9_]+);$/\1/p' "$1" | sort
}
