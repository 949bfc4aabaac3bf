# shellcheck shell=bash
# Whether the manual pages say what header and table of options say; for
# ./dev lint and tests/man.bats. Run in the folder of the repository.

# ---- functions ------------------------------------------------------------

# Of a line a prototype, the form in which header and pages are compared.
plainly() {
	sed -E 's/[[:space:]]+/ /g; s/ ?([*,()]) ?/\1/g; s/^ //; s/ $//' | sort
}

# What krsession.h declares, without attributes.
header_prototypes() { # HEADER
	cc -E -P "$1" | tr '\n' ' ' | sed 's/[;{}]/\n/g' |
		sed -E 's/_Bool/bool/g; s/__attribute__\(\(([^()]|\([^()]*\))*\)\)//g' |
		grep -E '[ *]kr_[a-z0-9_]+ *\(' | grep -v typedef | plainly
}

# What the synopses of pages say: .Ft, and .Fn or .Fo, .Fa and .Fc.
page_prototypes() { # PAGE...
	awk '
	function arguments(text,    list, rest, one) {
		list = ""
		while (match(text, /"[^"]*"|[^ "]+/)) {
			one = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH)
			gsub(/"/, "", one)
			list = list (list ? "," : "") one
		}
		return list
	}
	/^\.Sh / { on = $2 == "SYNOPSIS" }
	!on { next }
	/^\.Ft / { type = substr($0, 5); gsub(/"/, "", type) }
	type ~ /^typedef/ { next }
	/^\.Fn / {
		rest = substr($0, 5); sub(/^[^ ]+/, "", rest)
		print type " " $2 "(" arguments(rest) ")"
	}
	/^\.Fo / { name = $2; list = "" }
	/^\.Fa / { list = list (list ? "," : "") arguments(substr($0, 5)) }
	/^\.Fc/ { print type " " name "(" list ")" }' "$@" | plainly
}

# The names that pages are to be found by.
page_names() { # PAGE...
	sed -nE '/^\.Sh NAME/,/^\.Nd/s/^\.Nm (kr_[a-z0-9_]+).*/\1/p' "$@" |
		sort
}

# The values of its enums.
header_constants() { # HEADER
	sed -nE 's/^\t(KR_[A-Z_]+) = [0-9]+.*/\1/p' "$1" | sort -u
}

page_constants() { # PAGE...
	grep -h '^\.\(It \)\?Dv ' "$@" | grep -oE 'KR_[A-Z_]+' | sort -u
}

check_functions() {
	local header=src/krsession.h

	complain_each "in $header, and in the NAME of no page" < <(comm -23 \
		<(declared_functions "$header") <(page_names man/*.3))
	complain_each "in the NAME of a page, and not in $header" < <(comm -13 \
		<(declared_functions "$header") <(page_names man/*.3))
	complain_each "in $header, and in no page" < <(comm -23 \
		<(header_constants "$header") <(page_constants man/*.3))
	complain_each "in a page, and not in $header" < <(comm -13 \
		<(header_constants "$header"; echo KR_VERSION;
		echo KR_VERSION_NUMBER) <(page_constants man/*.3))
	complain_each "in $header, and in no SYNOPSIS like that" < <(comm -23 \
		<(header_prototypes "$header") <(page_prototypes man/*.3))
	complain_each "in a SYNOPSIS, and not like that in $header" < <(comm -13 \
		<(header_prototypes "$header") <(page_prototypes man/*.3))
}

# ---- options --------------------------------------------------------------

# section.key, as the table has them.
table_options() {
	sed -nE 's/^.*\.section = "([a-z_]+)", \.key = "([a-z0-9_]+)".*/\1.\2/p' \
		src/config/options.c | sort
}

page_options() { # PAGE
	sed -nE -e 's/^\.Sh \[([a-z_]+)\] OPTIONS$/[\1]/p' \
		-e 's/^\.It Cm ([a-z0-9_]+)$/\1/p' "$1" | with_sections | sort
}

sample_options() { # FILE
	sed -nE -e '/^\[[a-z_]+\]$/p' -e 's/^#([a-z0-9_]+) =.*/\1/p' "$1" |
		with_sections | sort
}

with_sections() {
	awk '/^\[/ { section = substr($0, 2, length($0) - 2); next }
		{ print section "." $0 }'
}

check_options() {
	local page=man/krsessiond.conf.5 sample=conf/krsessiond.conf

	complain_each "an option that only one of the table and $page has" \
		< <(differences <(table_options) <(page_options "$page"))
	complain_each "an option that only one of the table and $sample has" \
		< <(differences <(table_options) <(sample_options "$sample"))
}

differences() { # FILE FILE
	comm -3 "$1" "$2" | tr -d '\t'
}

# ---- metrics --------------------------------------------------------------

# "NAME HELP", as the table has them; a row may take two lines or three.
table_metrics() {
	sed -n '/^#define KRI_METRICS/,/^$/p' src/base/counters.h |
		tr -d '\\\n\t' | sed 's/X(/\n&/g' |
		sed -nE 's/^X\([A-Z_]+, [A-Z_]+, *"([^"]+)", *"([^"]+)"\).*/\1 \2/p' |
		sort
}

page_metrics() { # PAGE
	sed -nE '/^\.It Cm (krsession|process)_/ { s/^\.It Cm //; N; s/\n/ /p }' \
		"$1" | sort
}

check_metrics() {
	local page=man/krsession-metrics.7

	[[ -n $(table_metrics) ]] || complain "src/base/counters.h has no metrics"
	complain_each "a metric that only one of the table and $page has so" \
		< <(differences <(table_metrics) <(page_metrics "$page"))
}

# ---- the form -------------------------------------------------------------

# What mandoc has against a page. It cannot know pages that are not installed.
# On stderr it says that of the database of pages, in the midst of lines.
page_faults() { # PAGE...
	command -v mandoc >/dev/null || echo "mandoc is not installed"
	mandoc -T lint "$@" 2>/dev/null |
		grep -v 'referenced manual not found' || true
}

check_manuals() {
	check_functions
	check_options
	check_metrics
	complain_each "see there" < <(page_faults man/*.[1-9])
}
