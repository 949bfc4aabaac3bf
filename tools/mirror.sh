# shellcheck shell=bash
# Where Debian packages come from. Expects tools/common.sh.

# The mirror that this machine's own apt uses for its release.
debian_mirror() {
	local codename mirror

	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt's variable, not ours
	mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' "Codename: $codename" | sed -n 1p)
	[[ -n $mirror ]] || die "apt names no mirror for '$codename'"
	printf '%s' "$mirror"
}
