# What the measurements of bench/program.bash come to.

def median: sort | if length == 0 then null
	else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def two: . * 100 | round / 100;

# The median over rounds of a field's ratio between two kinds of line.
def ratio($field; a; b):
	[group_by(.round)[] | {a: map(select(a))[0][$field],
		b: map(select(b))[0][$field]} | .a / .b] | median | two;

.measurements as $all
| ($all | map(select(.part == "unkept"))) as $unkept
| ($all | map(select(.part == "idle"))) as $idle
| "",
"one connection a request / kept connections, median of rounds",
"(requests/s, which the generator's own connecting bounds; program's cpu):",
($unkept | map(.cpu = .cpu_us.program) | group_by(.path)[]
	| "  \(.[0].path): " +
	"\(ratio("per_second"; .kept | not; .kept)); " +
	"\(ratio("cpu"; .kept | not; .kept))"),
"without a front, 32 kept connections, median of rounds:",
(("/session/whoami", "/session/counter") as $path | "  \($path) / hello: " +
	($unkept | map(select(.kept)) | ratio("per_second";
		.path == $path; .path == "/hello") | tostring)),
"one request at a time, median of rounds:",
($idle | group_by(.path)[] | "  \(.[0].path): p50 " +
	"\(map(.p50_us) | median | two) us, p99 " +
	"\(map(.p99_us) | median | two) us"),
"memory:",
($all[] | select(.part == "rss")
	| "  resident after \(.requests) requests: \(.rss_kib) KiB"),
($all[] | select(.part == "size")
	| "  a session with user and counter: \(.bytes) bytes (MEMORY USAGE), "
	+ "\(.used_a_session) bytes of the data set of Redis each"),
($all | map(select((.errors // 0) > 0)) | select(length > 0)
	| "INVALID: \(length) measurements had errors")
