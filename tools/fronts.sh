# shellcheck shell=bash
# The front servers of conf/, for ./dev up and for the tests: their packages,
# the file that tells each one where to listen, and the command that starts
# it in the folder RUN of the head of its file in conf/.

# shellcheck disable=SC2034 # for those who read this file
readonly fronts=(lighttpd nginx apache haproxy caddy h2o)

# Debian's packages of a front server, a line each.
front_packages() { # FRONT
	case $1 in
	lighttpd) printf '%s\n' lighttpd lighttpd-mod-openssl ;;
	apache) echo apache2 ;;
	*) echo "$1" ;;
	esac
}

# What FRONT-listen.conf says. The host stands in brackets if it is IPv6.
front_listen_lines() { # FRONT HOST PORT
	local user=
	((EUID != 0)) || user=www-data
	case $1 in
	nginx) echo "listen $2:$3 ssl;" ;;
	lighttpd) printf 'server.%s = %s\n' bind "\"$2\"" port "$3" ;;
	apache) echo "Listen $2:$3" ;;
	haproxy)
		printf 'global\n\tsetenv LISTEN %s\n' "$2:$3"
		[[ -z $user ]] || printf '\t%s %s\n' user "$user" group "$user"
		;;
	caddy)
		printf 'https://:%s {\n\tbind %s\n\timport krsession\n}\n' \
			"$3" "$(without_brackets "$2")"
		;;
	h2o) front_h2o_listen "$(without_brackets "$2")" "$3" "$user" ;;
	esac
}

front_h2o_listen() { # HOST PORT USER
	[[ -z $3 ]] || echo "user: $3"
	cat <<-CONF
		listen:
		  host: "$1"
		  port: $2
		  ssl:
		    certificate-file: tls.crt
		    key-file: tls.key
		    minimum-version: TLSv1.2
	CONF
}

without_brackets() { # HOST
	local host=${1#[}
	echo "${host%]}"
}

# The words of the command, a line each. It is run in RUN.
front_command() { # FRONT RUN
	case $1 in
	nginx) printf '%s\n' nginx -e stderr -p . -c "$2/nginx.conf" ;;
	lighttpd) printf '%s\n' lighttpd -D -f "$2/lighttpd.conf" ;;
	apache)
		printf '%s\n' apache2 -d "$2" -f apache.conf -D FOREGROUND
		;;
	haproxy)
		printf '%s\n' haproxy -db -f haproxy-listen.conf \
			-f haproxy.conf
		;;
	caddy)
		printf '%s\n' env XDG_CONFIG_HOME=. \
			caddy run --adapter caddyfile --config caddy.conf
		;;
	h2o) printf '%s\n' h2o -c h2o.conf ;;
	esac
}
