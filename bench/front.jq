# Adds to the measurements of bench/front.bash what they come to: for each
# app and route the medians over the rounds, and the ratios as medians of
# ratios within the rounds.

def median: sort | if length == 0 then null
	else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def two: if . == null then null else . * 100 | round / 100 end;
def each_median: (map(keys) | add | unique) as $keys | . as $objects
	| [$keys[] as $k | {key: $k,
		value: ($objects | map(.[$k] // 0) | median | two)}]
	| from_entries;

.measurements as $all
| def lines($app; $path; $connections): $all | map(select(.app == $app
	and .path == $path and .connections == $connections));
def errors: map(.bad_status + .broken) | add;

def figures($app; $path): lines($app; $path; 32) as $l
	| lines($app; $path; 1) as $idle
	| {path: $path,
	   per_second: ($l | map(.per_second) | median | round),
	   slowest: ($l | map(.per_second) | min | round),
	   fastest: ($l | map(.per_second) | max | round),
	   p50_us: ($l | map(.p50_us) | median),
	   p99_us: ($l | map(.p99_us) | median),
	   idle_p50_us: ($idle | map(.p50_us) | median),
	   idle_p99_us: ($idle | map(.p99_us) | median),
	   cpu_us: ($l | map(.cpu_us) | each_median),
	   commands: ($l | map(.commands) | each_median),
	   commands_a_request: ($l | map(.commands_a_request) | median | two),
	   reads_a_request: ($l | map(.reads_a_request // 0) | median | two),
	   errors: ($l + $idle | errors)}
	| .valid = (.errors == 0);

# Within each round, one line's throughput against another's.
def ratio($a; $a_path; $b; $b_path):
	lines($a; $a_path; 32) as $x | lines($b; $b_path; 32) as $y
	| [$x[] as $i | $y[] | select(.round == $i.round)
		| $i.per_second / .per_second] | median | two;

# The same with the processor time of front, program and Redis together,
# which tells less of who else uses the machine.
def cpu_ratio($app; $path): lines("krsession"; $path; 32) as $x
	| lines($app; $path; 32) as $y
	| [$x[] as $i | $y[] | select(.round == $i.round)
		| (.cpu_us | add) / ($i.cpu_us | add)] | median | two;

# What a session costs beside the front, in microseconds of processor time a
# request: of program and Redis. Where the program is the front itself this
# cannot be told, so there is the sum with the front's too. "to_ours" is how
# many of ours that is, within each round, and "to_cached" how many of ours with
# session.cache.
def cost($of): .cpu_us as $us | [$of[] | $us[.] // 0] | add;
def times($app; $other; $path; $of): lines($app; $path; 32) as $x
	| lines($other; $path; 32) as $y
	| if ($y | errors // 0) > 0 then null else [$x[] as $i | $y[]
		| select(.round == $i.round and cost($of) > 0)
		| ($i | cost($of)) / cost($of)] | median | two end;
def costs($app; $path; $of):
	{us: (lines($app; $path; 32) | map(cost($of)) | median | two),
	 to_ours: times($app; "krsession"; $path; $of),
	 to_cached: times($app; "krsession-cache"; $path; $of)};

def beside($a; $path): lines($a.app; $path; 32) as $l
	| {path: $path, valid: ($l | errors == 0),
	   program_us: ($l | map(cost(["program"])) | median | two),
	   redis_us: ($l | map(cost(["redis"])) | median | two),
	   program_and_redis: (if $a.is_front then null else
		costs($a.app; $path; ["program", "redis"]) end),
	   with_front: costs($a.app; $path; ["front", "program", "redis"])};

.beside = [.apps[] | select(.absent == "" and .app != "nginx") | . as $a
	| .routes = [("/hello", "/session/whoami", "/session/counter") as $path
	| beside($a; $path)]]
| .results = [.apps[] | . as $a | .routes = [("/hello", "/session/whoami",
	"/session/counter") as $path
	| select(lines($a.app; $path; 32) | length > 0)
	| figures($a.app; $path)]]
| .ratios = [.apps[] | select(.absent == "" and .app != "nginx")
	| .app as $app | {app: $app,
	read_to_hello: ratio($app; "/session/whoami"; $app; "/hello"),
	counter_to_hello: ratio($app; "/session/counter"; $app; "/hello"),
	ours_to_it: {
		hello: ratio("krsession"; "/hello"; $app; "/hello"),
		read: ratio("krsession"; "/session/whoami";
			$app; "/session/whoami"),
		counter: ratio("krsession"; "/session/counter";
			$app; "/session/counter")},
	its_cpu_to_ours: {
		read: cpu_ratio($app; "/session/whoami"),
		counter: cpu_ratio($app; "/session/counter")}}]
