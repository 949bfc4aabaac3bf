# Adds to the measurements of bench/guard.bash what they come to: for each
# protocol and way in the medians over the rounds, and how much more that is
# than nginx alone takes, as medians of ratios within the rounds.

def median: sort | if length == 0 then null
	else (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2 end;
def two: if . == null then null else . * 100 | round / 100 end;
def cost: .cpu_us | (.front // 0) + (.program // 0) + (.redis // 0);

.measurements as $all
| def lines($protocol; $door): $all
	| map(select(.protocol == $protocol and .door == $door));

# Of a field, within each round.
def ratio($protocol; $door; field): lines($protocol; $door) as $x
	| lines($protocol; "open") as $y
	| [$x[] as $i | $y[] | select(.round == $i.round)
		| ($i | field) / field] | median | two;

def figures($protocol; $door): lines($protocol; $door) as $l
	| {protocol: $protocol, valid: ($l | map(.errors) | add == 0),
	   pages_per_second: ($l | map(.pages_per_second) | median | two),
	   page_us: ($l | map(.page_us) | median | round),
	   front_us: ($l | map(.cpu_us.front // 0) | median | round),
	   program_us: ($l | map(.cpu_us.program // 0) | median | round),
	   redis_us: ($l | map(.cpu_us.redis // 0) | median | round),
	   commands: ($l | map(.commands_a_request) | median | two),
	   cpu_to_open: ratio($protocol; $door; cost),
	   page_to_open: ratio($protocol; $door; .page_us),
	   pages_to_open: ratio($protocol; $door; .pages_per_second)};

.pages = [.doors[] | . as $d | .protocols = [("h2", "http/1.1") as $protocol
	| select(lines($protocol; $d.door) | length > 0)
	| figures($protocol; $d.door)]]
