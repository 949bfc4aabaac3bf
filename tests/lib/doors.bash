# shellcheck shell=bash disable=SC2154
#
# A site behind krsession-guard, for each front server that conf/guard-* are
# for. All have the same paths:
#
#     /         files, of $STACK/site
#     /admin/   files for the group admin
#     /fresh/   files for who has logged in within five minutes
#     /app/     an application over HTTP that answers with what it got
#     /fcgi/    the same over FastCGI
#
# Comes after lib/stack.bash and lib/client.bash.

# What only who is let in may see, and only the group admin.
readonly INSIDE=only-for-those-inside ADMINS=only-for-admins

# ---- the guard ----------------------------------------------------------

# Users: ada is of the group admin, max and eve are of none. Each one's
# password is the name and "-word".
guard_users() {
	local user
	for user in ada:admin,staff max: eve:; do
		printf '%s:%s:%s\n' "${user%%:*}" \
			"$(openssl passwd -6 "${user%%:*}-word")" "${user#*:}"
	done >"$STACK/passwords"
}

guard_start() { # [OPTION...]
	[[ -e $STACK/passwords ]] || guard_users
	server_start guard "$KR_INSTALLED/bin/krsession-guard" \
		-l "unix:$STACK/guard.sock" -o server.socket_mode=0666 \
		-o "redis.endpoint=unix://$STACK/redis.sock" \
		-o "guard.password_file=$STACK/passwords" -o log.level=debug "$@"
	within 10 kr_answers "$STACK/guard.sock" /auth/style.css ||
		fail "krsession-guard does not start"
}

# It may have been started by another test, so that its status is not ours.
guard_stop() {
	kill -TERM "$(server_pid guard)"
	within 15 server_gone guard || fail "krsession-guard does not end"
	rm "$STACK/guard.pid"
	tail -n 1 "$STACK/guard.log" | grep -q ' info ended after ' ||
		fail "krsession-guard did not end well"
}

# ---- the site -----------------------------------------------------------

site_files() {
	local name
	mkdir -p "$STACK"/site/{admin,fresh,sub,assets}
	for name in index sub/index fresh/index; do
		echo "<title>$INSIDE</title>" >"$STACK/site/$name.html"
	done
	echo "<title>$ADMINS</title>" >"$STACK/site/admin/index.html"
	for name in {1..100}; do
		echo "/* asset $name */" >"$STACK/site/assets/$name.css"
	done
	head -c 100000 /dev/urandom >"$STACK/site/large.bin"
}

# The applications at $STACK/http.sock and $STACK/fcgi.sock; what they got
# as a body is in $STACK/got.
echo_start() {
	server_start echo "$KR_BUILD/tests/echo" http.sock fcgi.sock got
	within 10 test -S "$STACK/http.sock" -a -S "$STACK/fcgi.sock"
}

# The files of conf/ as they stand, but for where the guard's socket is and
# where the script is.
site_doors() {
	local file
	for file in "$KR_ROOT"/conf/guard-*; do
		sed -e "s,/run/krsession-guard/guard.sock,$STACK/guard.sock," \
			-e "s,/etc/krsession/,$STACK/," \
			"$file" >"$STACK/${file##*/}"
	done
}

# Sets URL.
site_start() { # FRONT
	[[ -e $STACK/tls.crt ]] || front_certificate
	site_files
	site_doors
	"site_of_$1" >"$STACK/$1.conf"
	for _ in {1..5}; do
		site_try "$1" $((RANDOM % 10000 + 20000)) && return
		! server_running front || server_kill front
	done
	fail "no front server on any port"
}

site_try() { # FRONT PORT
	local command
	export URL=https://127.0.0.1:$2
	front_listen_lines "$1" 127.0.0.1 "$2" |
		sed 's/ ssl;$/ ssl http2;/' >"$STACK/$1-listen.conf"
	mapfile -t command < <(front_command "$1" "$STACK")
	server_start front "${command[@]}"
	within 10 site_settled && server_running front
}

# Either answers or has given up, as it does when the port is taken.
site_settled() {
	! server_running front || curl --silent --fail --noproxy "*" \
		--max-time 1 --cacert "$STACK/tls.crt" --output /dev/null \
		"$URL/auth/style.css"
}

site_of_nginx() {
	ln -sf /etc/nginx/fastcgi_params "$STACK/fastcgi_params"
	cat <<-'END'
		daemon off;
		user www-data;
		pid nginx.pid;
		error_log stderr warn;
		events { }
		http {
			access_log nginx-access.log;
			client_body_temp_path nginx-body;
			fastcgi_temp_path nginx-fastcgi;
			proxy_temp_path nginx-proxy;
			scgi_temp_path nginx-scgi;
			uwsgi_temp_path nginx-uwsgi;
			map $http_upgrade $connection_or_not {
				default upgrade;
				"" "";
			}
			server {
				include nginx-listen.conf;
				ssl_certificate tls.crt;
				ssl_certificate_key tls.key;
				client_max_body_size 20m;
				root site;
				include guard-nginx.conf;

				location /admin/ {
					auth_request /auth/check/group:admin;
				}
				location /fresh/ {
					auth_request /auth/check/fresh:300;
				}
				location /app/ {
					proxy_pass http://unix:http.sock;
					proxy_http_version 1.1;
					proxy_set_header Upgrade $http_upgrade;
					proxy_set_header Connection $connection_or_not;
					proxy_set_header X-Session-User $session_user;
					proxy_set_header X-Session-Groups $session_groups;
					proxy_set_header X-Session-Id $session_id;
					proxy_set_header X-Session-Login $session_login;
				}
				location /fcgi/ {
					fastcgi_pass unix:fcgi.sock;
					include fastcgi_params;
					fastcgi_param HTTP_X_SESSION_USER $session_user;
					fastcgi_param HTTP_X_SESSION_GROUPS $session_groups;
					fastcgi_param HTTP_X_SESSION_ID $session_id;
					fastcgi_param HTTP_X_SESSION_LOGIN $session_login;
				}
			}
		}
	END
}

site_of_lighttpd() {
	cat <<-END
		server.modules = ( "mod_openssl", "mod_accesslog" )
		include "lighttpd-listen.conf"
		include "guard-lighttpd.conf"
		server.modules += ( "mod_proxy" )

		server.username = "www-data"
		server.groupname = "www-data"
		server.document-root = "$STACK/site"
		index-file.names = ( "index.html" )
		mimetype.assign = ( ".html" => "text/html", ".css" => "text/css" )
		server.upload-dirs = ( "$STACK" )
		accesslog.filename = "lighttpd-access.log"
		ssl.engine = "enable"
		ssl.pemfile = "tls.crt"
		ssl.privkey = "tls.key"

		\$HTTP["url"] =^ "/admin/" {
			setenv.add-environment = ( "KR_REQUIRE" => "group:admin" )
		}
		\$HTTP["url"] =^ "/fresh/" {
			setenv.add-environment = ( "KR_REQUIRE" => "fresh:300" )
		}
		\$HTTP["url"] =^ "/app/" {
			proxy.server = ( "" => (( "host" => "$STACK/http.sock" )) )
			proxy.header = ( "upgrade" => "enable" )
		}
		\$HTTP["url"] =^ "/fcgi/" {
			fastcgi.server += ( "/fcgi/" => ((
				"socket" => "$STACK/fcgi.sock",
				"check-local" => "disable" )) )
		}
	END
}

site_of_apache() {
	local name
	for name in mpm_event authn_core authz_core authz_user authnz_fcgi \
		headers macro setenvif dir mime proxy proxy_http proxy_fcgi \
		socache_shmcb ssl; do
		echo "LoadModule ${name}_module" \
			"/usr/lib/apache2/modules/mod_$name.so"
	done
	cat <<-'END'
		Include apache-listen.conf
		User www-data
		Group www-data
		DefaultRuntimeDir .
		PidFile apache.pid
		ErrorLog /dev/stderr
		LogLevel warn
		ServerName localhost
		TypesConfig /etc/mime.types
		DirectoryIndex index.html
		DocumentRoot site
		SSLEngine on
		SSLCertificateFile tls.crt
		SSLCertificateKeyFile tls.key
		Include guard-apache.conf
		Use KrsessionGuard

		<Location "/admin/">
			SetEnvIf Request_URI ^ "KR_REQUIRE=group:admin"
		</Location>
		<Location "/fresh/">
			SetEnvIf Request_URI ^ "KR_REQUIRE=fresh:300"
		</Location>
		ProxyPass /app/ unix:http.sock|http://localhost/app/ upgrade=websocket
		ProxyPass /fcgi/ unix:fcgi.sock|fcgi://localhost/fcgi/
	END
}

site_of_caddy() {
	cat <<-END
		{
			admin off
			auto_https off
			storage file_system caddy-storage
		}
		import guard-caddy.conf
		(krsession) {
			tls tls.crt tls.key
			route {
				route /admin/* {
					import guard group:admin
				}
				route /fresh/* {
					import guard fresh:300
				}
				import guard ""
				reverse_proxy /app/* unix/http.sock
				reverse_proxy /fcgi/* unix/fcgi.sock {
					transport fastcgi
				}
				root * site
				file_server
			}
		}
		import caddy-listen.conf
	END
}
