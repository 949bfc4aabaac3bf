# shellcheck shell=bash disable=SC2154 # ./dev sets root
# What the suites *_browser need besides: Debian's Chromium with a font, node,
# and the packages of tests/browser/package-lock.json from npm, into the build
# folder.

readonly browser_packages=(chromium fonts-dejavu-core)

install_browser() { # BUILD FOLDER
	local packages=("${browser_packages[@]}") missing

	# A node that did not come from Debian's packages brings its npm, and
	# Debian's would not go with it.
	command -v node >/dev/null || packages+=(nodejs)
	command -v npm >/dev/null || packages+=(npm)
	missing=$(missing_packages "${packages[@]}")
	# shellcheck disable=SC2086 # package names, to be split
	[[ -z $missing ]] || install_packages $missing
	install_browser_modules "$1/browser"
}

# Again after a change of what is wanted. Versions and their checksums are
# those of the lock, and no script of a package is run.
install_browser_modules() { # FOLDER
	local from=$root/tests/browser

	! cmp -s "$from/package-lock.json" "$1/installed" || return 0
	say "installing what drives the browser, by npm"
	mkdir -p "$1"
	cp "$from/package.json" "$from/package-lock.json" "$1"
	quietly "npm ci" npm ci --prefix "$1" --ignore-scripts --no-audit \
		--no-fund --no-update-notifier
	cp "$1/package-lock.json" "$1/installed"
}
