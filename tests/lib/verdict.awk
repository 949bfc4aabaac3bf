# One session's answers (fcgi_client --trace) against what Redis did; see
# checker.bash. Variables: id, done and kept ("" if its primary lived), now,
# killed. Prints "figures ACKS LOST LOST_ACKS AWAY_MS", and what cannot be.

function bad(what) {
	if (failed++ < 3)
		print id ": " what
}

# An acknowledged value may go on from `from` by one step, and one more for
# each request in between that was answered otherwise.
function check(value, from) {
	if (value <= from)
		bad(value " acknowledged after " from)
	else if (value > from + 1 + unknown)
		bad("from " from " to " value " with " unknown " unknown")
}

# The first answer of the promoted replica: all before it, the dead one gave.
function take_over() {
	over = 1
	if (last > done)
		bad(last " acknowledged, and the dead primary did " done)
	if (kept > done)
		bad("the replica held " kept ", its primary did " done)
	lost = done - kept
	away = $2 - killed
	last = kept
}

BEGIN { last = 1 } # the one that made the session

$3 != 200 {
	unknown++
	next
}

{
	acks++
	value = $0
	sub(/.*"counter":/, "", value)
	value += 0
	# No replica is promoted so soon.
	if (done != "" && !over && $2 > killed + 500)
		take_over()
	check(value, last)
	if (done != "" && !over && value > kept)
		lost_acks++
	last = value
	unknown = 0
}

END {
	if (done != "" && !over)
		bad("no answer since its primary was killed")
	# One more may have been in flight when its client was ended.
	if (now < last || now > last + unknown + 1)
		bad("holds " now ", last acknowledged " last)
	print "figures", acks, lost + 0, lost_acks + 0, away + 0
	exit failed > 0
}
