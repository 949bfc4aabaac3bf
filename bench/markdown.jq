# The results of a bench as the tables of docs/performance.md:
#
#     jq -r -f bench/markdown.jq bench/results/<date>-front.json
#     jq -r -f bench/markdown.jq bench/results/<date>-guard.json
#     jq -r -f bench/markdown.jq bench/results/<date>-program.json

def median: sort | if length == 0 then null
	else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def two: . * 100 | round / 100;
def route: {"/hello": "hello", "/session/whoami": "read",
	"/session/counter": "counter"}[.] // .;
def row: "| " + (map(tostring) | join(" | ")) + " |";
def head($names): ($names | row), ($names | map("---") | row);

def one: . * 10 | round / 10;
# Each route's sum, and how many of ours it is, without its cache and with it.
def costs($title; $sum; $parts):
	head([$title, "hello, µs", "read, µs", "ours is 1", "cached is 1",
		"counter, µs", "ours is 1", "cached is 1"]),
	(.[] | [.label, (.routes[] | (if .valid | not then "invalid"
		elif $parts then
			"\(.program_us | one) + \(.redis_us | one)"
		else .[$sum].us | one end),
		(select(.path != "/hello")
			| .[$sum] | .to_ours // "", .to_cached // ""))]
	| row);

def beside:
	(map(select(.is_front | not))
	| costs("program + Redis"; "program_and_redis"; true)),
	"",
	(map(select(.is_front or (.app | startswith("krsession"))))
	| costs("front + program + Redis"; "with_front"; false));

def front:
	(.beside | beside),
	"",
	head(["", "route", "requests/s", "min to max", "p50 / p99, µs",
		"one alone p50 / p99, µs", "CPU µs: front + program + Redis",
		"Redis commands", "Redis reads"]),
	(.results[] | .label as $name
	| if .absent != "" then
		[$name, .absent, "", "", "", "", "", "", ""] | row
	else .routes[] | [$name, (.path | route),
		(if .valid then .per_second else "invalid" end),
		"\(.slowest) to \(.fastest)", "\(.p50_us) / \(.p99_us)",
		"\(.idle_p50_us) / \(.idle_p99_us)",
		([.cpu_us.front, .cpu_us.program, .cpu_us.redis]
			| map(. // 0 | . * 10 | round / 10 | tostring)
			| join(" + ")),
		.commands_a_request, .reads_a_request] | row end),
	"",
	head(["", "read / hello", "counter / hello", "ours / its hello",
		"ours / its read", "ours / its counter",
		"its CPU / ours, read", "its CPU / ours, counter"]),
	(.results as $all | .ratios[] | .app as $app
	| [($all[] | select(.app == $app).label), .read_to_hello,
		.counter_to_hello, .ours_to_it.hello, .ours_to_it.read,
		.ours_to_it.counter, .its_cpu_to_ours.read,
		.its_cpu_to_ours.counter] | row);

def distances: [.measurements[] | select(.part == "distance")]
	| ([.[].connections] | unique) as $connections
	| head(["Redis", "workers", "route"] +
		($connections | map("\(.) at once"))),
	(group_by([.each_way_us, .workers, (.path | route)])[]
	| . as $lines | [(.[0].each_way_us | if . == 0 then "local"
			else "\(. / 1000) ms each way" end),
		.[0].workers, (.[0].path | route)]
	+ [$connections[] as $n | $lines[] | select(.connections == $n)
		| "\(.per_second) (p99 \(.p99_us / 1000 | two) ms)"] | row);

def kept: [.measurements[] | select(.part == "unkept")]
	| head(["route", "kept, requests/s", "unkept", "ratio",
		"ratio of the program's CPU"]),
	(group_by(.path)[] | [.[] | select(.kept)] as $kept
	| [.[] | select(.kept | not)] as $unkept
	| [($kept[0].path | route), ($kept | map(.per_second) | median),
		($unkept | map(.per_second) | median),
		([$kept, $unkept] | transpose
			| map(.[1].per_second / .[0].per_second)
			| median | two),
		([$kept, $unkept] | transpose
			| map(.[1].cpu_us.program / .[0].cpu_us.program)
			| median | two)] | row);

def idle: [.measurements[] | select(.part == "idle")]
	| head(["route", "p50, µs", "p99, µs"]),
	(group_by(.path)[] | [(.[0].path | route),
		(map(.p50_us) | median), (map(.p99_us) | median)] | row);

def growth: head(["what", "route", "requests/s", "p99, ms",
		"CPU µs: program + Redis"]),
	(.measurements[] | select(.part == "live" or .part == "values")
	| [(if .part == "live" then "\(.sessions) sessions"
		else "\(.values) values a session" end), (.path | route),
		.per_second, (.p99_us / 1000 | two),
		"\(.cpu_us.program // 0) + \(.cpu_us.redis // 0)"] | row);

def memory: head(["requests served", "resident, KiB"]),
	(.measurements[] | select(.part == "rss")
	| [.requests, .rss_kib] | row),
	"",
	(.measurements[] | select(.part == "size") | "A session with user " +
		"and counter: \(.bytes) bytes by `MEMORY USAGE`.");

def pages: head(["a page of 100 files", "over", "CPU µs: front + guard + Redis",
		"Redis commands", "page, µs", "pages/s", "CPU, not guarded is 1",
		"time of a page", "pages/s"]),
	(("h2", "http/1.1") as $protocol | .pages[] | .label as $name
	| .protocols[] | select(.protocol == $protocol)
	| [$name, {"h2": "HTTP/2", "http/1.1": "HTTP/1.1"}[$protocol],
		(if .valid then
			"\(.front_us) + \(.program_us) + \(.redis_us)"
		else "invalid" end), .commands, .page_us, .pages_per_second,
		.cpu_to_open, .page_to_open, .pages_to_open] | row);

if .results then front
elif .pages then pages
else distances, "", kept, "", idle, "", growth, "", memory end
