# The results of a front bench as an SVG bar chart: three bars for each app.

def colors: {"/hello": "#b8c4ce", "/session/whoami": "#4a90c2",
	"/session/counter": "#1f4e79"};
def names: {"/hello": "hello", "/session/whoami": "session read",
	"/session/counter": "session counter"};
def text($x; $y; $anchor; $words): "<text x=\"\($x)\" y=\"\($y)\" " +
	"text-anchor=\"\($anchor)\">\($words | @html)</text>";
def bar($x; $y; $width; $color): "<rect x=\"\($x)\" y=\"\($y)\" " +
	"width=\"\($width)\" height=\"14\" fill=\"\($color)\"/>";

[.results[] | select(.absent == "")] as $apps
| ([$apps[].routes[].per_second] | max) as $most
| 250 as $left | 460 as $span
| ([foreach $apps[] as $a ({y: 60}; {y: (.next // .y), a: $a}
	| .next = .y + 18 + 16 * ($a.routes | length))]) as $groups
| ($groups[-1].next + 12) as $height
| "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 \($height)\" " +
	"font-family=\"sans-serif\" font-size=\"12\" role=\"img\">",
"<title>Requests a second behind nginx with TLS</title>",
"<rect width=\"800\" height=\"\($height)\" fill=\"#ffffff\"/>",
"<text x=\"16\" y=\"24\" font-size=\"15\">Requests a second behind nginx " +
	"with TLS, 32 connections; longer is better</text>",
([names | to_entries[]] | to_entries[] | (16 + .key * 130) as $x
	| bar($x; 34; 14; colors[.value.key]),
	text($x + 20; 46; "start"; .value.value)),
($groups[] | .y as $y | text($left - 10; $y + 12; "end"; .a.label),
	(.a.routes | to_entries[] | ($y + 16 * .key) as $at
	| (.value.per_second / $most * $span | round) as $width
	| bar($left; $at; $width; colors[.value.path]),
	text($left + $width + 6; $at + 11; "start";
		(.value.per_second | tostring) +
		(if .value.valid then "" else " invalid" end)))),
"</svg>"
