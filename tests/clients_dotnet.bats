# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2119
#
# The tutorial's PowerShell lines against krsessiond behind a front server:
# tests/clients/dotnet does what Invoke-WebRequest does. ./dev test has this
# suite where there is .NET 10, which is not Debian's.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"

setup_file() {
	client_build
}

setup() {
	stack_open
	start_both
}

teardown() {
	stack_close
}

# dotnet writes beside the sources, at home and in /tmp; all are the suite's
# own.
client_build() {
	export CLIENT=$BATS_FILE_TMPDIR/client
	export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
	export DOTNET_EnableDiagnostics=0
	cp -R "$BATS_TEST_DIRNAME/clients/dotnet" "$CLIENT"
	mkdir "$BATS_FILE_TMPDIR/home"
	(cd "$CLIENT" && env -u DOTNET_CLI_HOME -u NUGET_PACKAGES \
		HOME="$BATS_FILE_TMPDIR/home" TMPDIR="$BATS_FILE_TMPDIR/home" \
		dotnet build -c Release -o out --disable-build-servers) \
		>"$BATS_FILE_TMPDIR/build.log" 2>&1 ||
		fail "the client does not build" "$(<"$BATS_FILE_TMPDIR/build.log")"
}

# What it prints for one visitor, or for so many.
client() { # [URL [SESSIONS]]
	timeout 60 dotnet "$CLIENT/out/client.dll" "${1-$URL}" \
		"$STACK/tls.crt" "${@:2}"
}

tutorial() {
	cat <<-'TEXT'
		200 {"message":"Counter incremented","counter":1} a new cookie: Kr.Session
		200 {"message":"Counter incremented","counter":2} the same cookie
		200 {"message":"Counter incremented","counter":3} the same cookie
		200 {"message":"Logged in","user":"max"} its cookie has changed
		200 {"user":"max"} the same cookie
		200 {"message":"Stored in session","key":"color","value":"purple"} the same cookie
		200 {"key":"color","value":"purple"} the same cookie
		200 {"message":"Session cleared"} its cookie is gone
		401 {"error":"No active session or user not set"} no cookie
	TEXT
}

does_the_tutorial() { # FRONT
	front_start "$1"
	diff <(tutorial) <(client)
}

@test "PowerShell's web client does the tutorial behind nginx" {
	does_the_tutorial nginx
}

@test "... behind lighttpd" {
	does_the_tutorial lighttpd
}

@test "... behind Caddy" {
	does_the_tutorial caddy
}

@test "... by the name localhost" {
	front_start nginx
	diff <(tutorial) <(client "${URL/127.0.0.1/localhost}")
}

@test "three web sessions of one PowerShell are three sessions" {
	front_start nginx
	diff <(tutorial | sed 'p;p') <(client "$URL" 3)
}

@test "it trusts no certificate but ours" {
	front_start nginx
	front_certificate # another, that nginx does not know
	run client
	((status != 0))
	[[ $output == *'remote certificate was rejected'* ]]
}
