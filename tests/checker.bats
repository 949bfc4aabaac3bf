# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# The checker of lib/checker.bash itself: it must notice what it is there for.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/checker.bash
source "$BATS_TEST_DIRNAME/lib/checker.bash"

setup() {
	STACK=$BATS_TEST_TMPDIR
	mkdir "$STACK/acks"
}

# One session's answers, a word each: a counter's value, or "-" for 503. The
# primary is killed at 1000; a word is a second.
answers() { # WORD...
	local time=0 word
	for word; do
		time=$((time + 700))
		if [[ $word == - ]]; then
			echo "$time $((time + 1)) 503 - {\"error\":\"away\"}"
		else
			echo "$time $((time + 1)) 200 - {\"counter\":$word}"
		fi
	done >"$STACK/acks/s"
}

# With what the dead primary did and its replica held, "-" for no dead one.
judge() { # DONE KEPT NOW
	: >"$STACK/done"
	: >"$STACK/kept"
	[[ $1 == - ]] || echo "s $1" >"$STACK/done"
	[[ $2 == - ]] || echo "s $2" >"$STACK/kept"
	echo "s $3" >"$STACK/now"
	run verdict "$STACK/done" "$STACK/kept" "$STACK/now" 1000
}

@test "an even count passes" {
	answers 2 3 4 5
	judge - - 5
	[ "$status" -eq 0 ]
}

@test "a step for a request without an answer of 200 passes" {
	answers 2 3 - 5 - 6
	judge - - 6
	[ "$status" -eq 0 ]
}

@test "a value acknowledged twice is noticed" {
	answers 2 3 3 4
	judge - - 4
	[ "$status" -eq 1 ]
	[[ $output == *'3 acknowledged after 3'* ]]
}

@test "an acknowledged request that counts twice is noticed" {
	answers 2 4 5
	judge - - 5
	[ "$status" -eq 1 ]
	[[ $output == *'from 2 to 4 with 0 unknown'* ]]
}

@test "a write that is lost at the end is noticed" {
	answers 2 3 4
	judge - - 3
	[ "$status" -eq 1 ]
	[[ $output == *'holds 3, last acknowledged 4'* ]]
}

@test "what the replica never had is replication's loss, with its figure" {
	answers 2 - - 2 3
	judge 3 1 3
	[ "$status" -eq 0 ]
	[[ $output == *'lost 2 writes, 1 of them acknowledged; away 1.80 s'* ]]
}

@test "a write that the replica had and lost is noticed" {
	answers 2 - - 2 3
	judge 2 2 3
	[ "$status" -eq 1 ]
	[[ $output == *'2 acknowledged after 2'* ]]
}

@test "an acknowledgement of what no Redis did is noticed" {
	answers 2 - - 3
	judge 1 1 3
	[ "$status" -eq 1 ]
	[[ $output == *'2 acknowledged, and the dead primary did 1'* ]]
}
