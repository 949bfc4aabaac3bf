/*
 * Owns the words that tell browsers and systems apart, in the order in which
 * they must be looked for: most browsers also claim to be others.
 */
#include "guard/device.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct word {
	const char *found, *said;
};

static const struct word browsers[] = {
	{"Firefox/", "Firefox"},
	{"FxiOS/", "Firefox"},
	{"Edg/", "Edge"},
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"Vivaldi/", "Vivaldi"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"HeadlessChrome/", "Chrome"},
	{"CriOS/", "Chrome"},
	{"Chromium/", "Chromium"},
	{"Chrome/", "Chrome"},
	{"Safari/", "Safari"},
	{"curl/", "curl"},
	{"Wget/", "Wget"},
	{"python-requests/", "Python"},
	{"Go-http-client/", "Go"},
};

static const struct word systems[] = {
	{"Android", "Android"}, {"iPhone", "iPhone"},   {"iPad", "iPad"},
	{"CrOS", "ChromeOS"},   {"Windows", "Windows"}, {"Mac OS X", "macOS"},
	{"Macintosh", "macOS"}, {"Linux", "Linux"},     {"FreeBSD", "FreeBSD"},
	{"OpenBSD", "OpenBSD"},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *find(const char *agent, const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(agent, words[i].found))
			return words[i].said;
	return NULL;
}

void guard_device_name(const char *agent, char out[GUARD_DEVICE_SIZE])
{
	const char *browser = NULL, *system = NULL;

	if (agent) {
		browser = find(agent, browsers, COUNT(browsers));
		system = find(agent, systems, COUNT(systems));
	}
	snprintf(out, GUARD_DEVICE_SIZE, "%s%s%s",
		 browser ? browser : "Unknown browser", system ? " on " : "",
		 system ? system : "");
}
