# The results of a guard bench, to be read on a terminal.

def left($n): tostring | . + " " * ([$n - length, 0] | max);
def right($n): tostring | " " * ([$n - length, 0] | max) + .;

def heads: [("a page of 100 files, medians" | left(38)), ("" | left(8)),
	("CPU us: front" | right(14)), ("guard" | right(7)),
	("Redis" | right(7)), ("cmds" | right(7)), ("page us" | right(8)),
	("pages/s" | right(8)), ("CPU" | right(7)), ("time" | right(6)),
	("pages/s, not guarded is 1" | right(26))];
def row($name): [($name | left(38)), (.protocol | left(8)),
	(.front_us | right(14)), (.program_us | right(7)),
	(.redis_us | right(7)), (.commands | right(7)), (.page_us | right(8)),
	(.pages_per_second | right(8)), (.cpu_to_open | right(7)),
	(.page_to_open | right(6)), (.pages_to_open | right(6)),
	(if .valid then empty else "  INVALID" end)];

"",
(heads | join(" ")),
(("h2", "http/1.1") as $protocol | .pages[] | .label as $name
	| .protocols[] | select(.protocol == $protocol)
	| row($name) | join(" "))
