# The results of a front bench, to be read on a terminal.

def left($n): tostring | . + " " * ([$n - length, 0] | max);
def right($n): tostring | " " * ([$n - length, 0] | max) + .;
def row($name; $r): [($name | left(38)), ($r.path | left(16)),
	($r.per_second | right(7)), ($r.slowest | right(7)),
	($r.fastest | right(7)), ($r.p50_us | right(7)),
	($r.p99_us | right(7)), ($r.idle_p50_us | right(6)),
	($r.idle_p99_us | right(6)),
	($r.cpu_us.front // 0 | right(7)),
	($r.cpu_us.program // 0 | right(8)),
	($r.cpu_us.redis // 0 | right(7)),
	($r.commands_a_request | right(6)), ($r.reads_a_request | right(6)),
	(if $r.valid then "" else "  INVALID: \($r.errors) errors" end)]
	| join(" ");

"",
"\(.machine.cores) cores, \(.machine.cpu), \(.machine.system), " +
	"kernel \(.machine.kernel), nginx \(.machine.nginx), " +
	"Redis \(.machine.redis)",
"",
([("beside the front, CPU us a request" | left(38)), ("" | left(16)),
	("program" | right(8)), ("Redis" | right(7)), ("both" | right(7)),
	("to ours" | right(8)), ("with front" | right(11)),
	("to ours" | right(8))] | join(" ")),
(.beside[] | [(.label | left(38)), (.path | left(16)),
	(.program_us | right(8)), (.redis_us | right(7)),
	(.program_and_redis.us // "-" | right(7)),
	(.program_and_redis.to_ours // "-" | right(8)),
	(.with_front.us | right(11)), (.with_front.to_ours // "-" | right(8)),
	(if .valid then "" else "  INVALID" end)] | join(" ")),
"",
([("" | left(38)), ("" | left(16)), ("requests/s" | left(23)),
	("latency us" | right(15)), ("one alone us" | right(13)),
	("CPU us a request" | right(24)), ("Redis" | right(13))] | join(" ")),
([("" | left(38)), ("" | left(16)), ("median" | right(7)),
	("min" | right(7)), ("max" | right(7)), ("p50" | right(7)),
	("p99" | right(7)), ("p50" | right(6)), ("p99" | right(6)),
	("front" | right(7)), ("program" | right(8)), ("Redis" | right(7)),
	("cmds" | right(6)), ("reads" | right(6))] | join(" ")),
(.results[] | if .absent != "" then "\(.label | left(38)) \(.absent)"
	else .label as $l | .routes[] | row($l; .) end),
"",
([("ratios, medians within rounds" | left(38)), ("read/" | right(8)),
	("counter/" | right(9)), ("ours/its requests/s" | right(24)),
	("its/ours CPU" | right(16))] | join(" ")),
([("" | left(38)), ("hello" | right(8)), ("hello" | right(9)),
	("hello" | right(8)), ("read" | right(7)), ("counter" | right(7)),
	("read" | right(8)), ("counter" | right(7))] | join(" ")),
(.results as $all | .ratios[] | .app as $app
	| [($all[] | select(.app == $app).label | left(38)),
	(.read_to_hello | right(8)), (.counter_to_hello | right(9)),
	(.ours_to_it.hello | right(8)), (.ours_to_it.read | right(7)),
	(.ours_to_it.counter | right(7)),
	(.its_cpu_to_ours.read | right(8)),
	(.its_cpu_to_ours.counter | right(7))] | join(" "))
