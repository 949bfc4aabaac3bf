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

def cost_head($what): [($what | left(38)), ("hello" | right(17)),
	("read" | right(17)), ("counter" | right(17))] | join(" ");
def cost_row($sum): [(.label | left(38)), (.routes[]
	| if .valid then (.[$sum].us | right(8)),
		("(\(.[$sum].to_ours // "-"))" | right(8))
	else ("INVALID" | right(17)) end)] | join(" ");

"",
"\(.machine.cores) cores, \(.machine.cpu), \(.machine.system), " +
	"kernel \(.machine.kernel), nginx \(.machine.nginx), " +
	"Redis \(.machine.redis)",
"",
cost_head("program + Redis: CPU us a request"),
(.beside[] | select(.is_front | not) | cost_row("program_and_redis")),
"",
cost_head("front + program + Redis"),
(.beside[] | select(.is_front or (.app | startswith("krsession")))
	| cost_row("with_front")),
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
