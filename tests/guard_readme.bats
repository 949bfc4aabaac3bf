# shellcheck shell=bats source-path=SCRIPTDIR disable=SC2016,SC2119,SC2154
#
# "A login in front of a site" of README.md as it is printed: the user, the
# configuration, and the lines for nginx and lighttpd. Nothing in them is
# changed but where the files and the socket are.

# shellcheck source=lib/stack.bash
source "$BATS_TEST_DIRNAME/lib/stack.bash"
# shellcheck source=lib/client.bash
source "$BATS_TEST_DIRNAME/lib/client.bash"
# shellcheck source=lib/readme.bash
source "$BATS_TEST_DIRNAME/lib/readme.bash"
# shellcheck source=lib/doors.bash
source "$BATS_TEST_DIRNAME/lib/doors.bash"
# shellcheck source=lib/visitors.bash
source "$BATS_TEST_DIRNAME/lib/visitors.bash"

setup_file() {
	stack_open
	redis_start
	readme_guard_start
}

teardown_file() {
	doors_close
}

teardown() {
	! server_running front || server_kill front
}

# The user max, by the command and the lines that stand there.
readme_guard_start() {
	local command
	command=$(readme_block '## A login in front of a site')
	[[ $command == htpasswd\ * ]]
	command=${command/-Bc/-iBc} # the password is no terminal's
	bash -c "${command//\/etc\/krsession/$STACK}" <<<max-word \
		2>"$STACK/htpasswd.log"
	readme_lines 'named in `/etc/krsession/krsession-guard.conf`' |
		sed "s,/etc/krsession,$STACK," >"$STACK/guard.conf"
	grep -q '^password_file = ' "$STACK/guard.conf"
	server_start guard "$KR_INSTALLED/bin/krsession-guard" \
		-c "$STACK/guard.conf" -l "unix:$STACK/guard.sock" \
		-o server.socket_mode=0666 \
		-o "redis.endpoint=unix://$STACK/redis.sock"
	within 10 kr_answers "$STACK/guard.sock" /auth/style.css
}

# The lines under such a title, at most ten of them.
printed() { # TITLE
	readme_lines "$1" >"$STACK/printed"
	(($(wc -l <"$STACK/printed") > 4 && $(wc -l <"$STACK/printed") <= 10))
	sed "s,/run/krsession-guard/,$STACK/," "$STACK/printed"
}

# In place of site_of_*: what README says that the server has already.
site_of_nginx() {
	ln -sf /etc/nginx/fastcgi_params "$STACK/fastcgi_params"
	cat <<-END
		daemon off;
		user www-data;
		pid nginx.pid;
		error_log stderr warn;
		events { }
		http {
			access_log off;
			client_body_temp_path nginx-body;
			fastcgi_temp_path nginx-fastcgi;
			proxy_temp_path nginx-proxy;
			scgi_temp_path nginx-scgi;
			uwsgi_temp_path nginx-uwsgi;
			server {
				include nginx-listen.conf;
				ssl_certificate tls.crt;
				ssl_certificate_key tls.key;
				root $STACK/site;
				$(printed '**In a `server` of nginx**')
			}
		}
	END
}

site_of_lighttpd() {
	cat <<-END
		server.modules = ( "mod_openssl" )
		include "lighttpd-listen.conf"
		server.username = "www-data"
		server.groupname = "www-data"
		server.document-root = "$STACK/site"
		index-file.names = ( "index.html" )
		ssl.engine = "enable"
		ssl.pemfile = "tls.crt"
		ssl.privkey = "tls.key"
		$(printed '**In `lighttpd.conf`**')
	END
}

# From the first visit to the last, and with nobody there to ask.
expect_guarded() {
	browse '/sub/index.html?a=b'
	expect_login
	browse "$(header Location)"
	[ "$code" = 200 ]
	log_in max "$(rd_of_page)"
	[ "$(header Location)" = '/sub/index.html?a=b' ]
	echo "$guard_cookie" >"$STACK/max.cookie"
	as max /
	expect_inside
	as max --range 0-9 /large.bin
	[ "$code" = 206 ]
	as max --data '' /auth/logout
	browse_as max /
	expect_login
	fetch --header 'Accept: application/json' /
	[ "$code" = 401 ]
	# lighttpd may end the stream before it has read the body.
	fetch --data x=1 / || true
	[[ $code == [045]* && $body != *"$INSIDE"* ]]
	fetch --header 'Cookie: __Host-krguard=x' --location --max-redirs 9 \
		--header 'Accept: text/html' /auth/challenge
	[ "$code" = 200 ]
	kill -STOP "$(server_pid guard)"
	browse --max-time 1 / || true
	kill -CONT "$(server_pid guard)"
	[[ $body != *"$INSIDE"* ]]
}

@test "README: a site of nginx in ten lines" {
	site_start nginx
	expect_guarded
}

@test "README: a site of lighttpd in ten lines" {
	site_start lighttpd
	expect_guarded
}
