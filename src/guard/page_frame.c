/*
 * Owns what all pages of the guard have: the frame, its headers, and how a
 * form's parts are written, once.
 */
#include "guard/page_frame.h"

#include <stdio.h>
#include <string.h>

#include "www/asset.h"

extern const struct asset guard_assets[]; /* made by www/embed */

#define MOST_SENTENCE 1000 /* characters of a message */
#define MOST_ORIGIN 300 /* bytes: a host name has 253 at most */

bool guard_has(const char *text)
{
	return text && *text;
}

void guard_frame_begin(struct guard_html *html,
		       const struct guard_frame *frame)
{
	const char *path = frame->site->path;

	guard_html_put(html,
		       "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
		       "<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" "
		       "content=\"width=device-width, initial-scale=1\">\n"
		       "<meta name=\"color-scheme\" content=\"light dark\">\n"
		       "<meta name=\"robots\" content=\"noindex\">\n<title>");
	guard_html_put(html, frame->bad ? "Error: " : "");
	guard_html_text(html, frame->heading);
	guard_html_put(html, " \xE2\x80\x93 "); /* U+2013 */
	guard_html_text(html, frame->site->title);
	guard_html_put(html, "</title>\n<link rel=\"icon\" href=\"");
	guard_html_text(html, path);
	guard_html_put(html, "/icon.svg\" type=\"image/svg+xml\">\n"
			     "<link rel=\"stylesheet\" href=\"");
	guard_html_text(html, path);
	guard_html_put(html, "/style.css\">\n</head>\n<body>\n<main class=\"");
	guard_html_put(html, frame->wide ? "page wide" : "page");
	guard_html_put(html, "\">\n<p class=\"brand\"><img class=\"sign\" "
			     "width=\"36\" height=\"36\" alt=\"\" src=\"");
	guard_html_text(html, path);
	guard_html_put(html, "/icon.svg\"> ");
	guard_html_name(html, frame->site->title);
	guard_html_put(html, "</p>\n<div class=\"card panel\">\n<h1>");
	guard_html_text(html, frame->heading);
	guard_html_put(html, "</h1>\n");
}

/* The origin of a URL, with a space in front of it; "" for an address of this
 * site, and for anything that could be more than an origin in a policy. */
static void write_origin(char *out, size_t room, const char *url)
{
	size_t scheme, len;

	*out = '\0';
	if (!guard_has(url))
		return;
	scheme = !strncmp(url, "https://", 8)  ? 8
		 : !strncmp(url, "http://", 7) ? 7
					       : 0;
	len = scheme + strspn(url + scheme, "abcdefghijklmnopqrstuvwxyz"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					    "0123456789.-:");
	if (scheme && len > scheme && len < room - 2 &&
	    (!url[len] || strchr("/?#", url[len])))
		snprintf(out, room, " %.*s", (int)len, url);
}

static enum kr_err put_headers(struct kr_context *c, const char *aim)
{
	char origin[MOST_ORIGIN], policy[MOST_ORIGIN + 80];
	enum kr_err err;

	write_origin(origin, sizeof(origin), aim);
	snprintf(policy, sizeof(policy),
		 "style-src 'self'; img-src 'self'; form-action 'self'%s",
		 origin);
	err = asset_protect(c, policy);
	if (!err && !kr_session(c)) /* with one, the library has said so */
		err = kr_header(c, "Cache-Control", "no-store");
	return err;
}

enum kr_err guard_frame_end(struct guard_html *html, struct kr_context *c,
			    int status, const struct guard_frame *frame)
{
	enum kr_err err = put_headers(c, frame->aim);

	guard_html_put(html, "</div>\n</main>\n</body>\n</html>\n");
	if (err) {
		guard_html_free(html);
		return err;
	}
	return guard_html_send(html, c, status);
}

static enum kr_err send_asset(struct kr_context *c, const char *name)
{
	enum kr_err err = asset_protect(c, "form-action 'none'");

	return err ? err : asset_send(c, asset_find(guard_assets, name));
}

enum kr_err guard_page_style(struct kr_context *c)
{
	return send_asset(c, "style.css");
}

enum kr_err guard_page_icon(struct kr_context *c)
{
	return send_asset(c, "icon.svg");
}

/* ---- parts --------------------------------------------------------------- */

void guard_part_notice(struct guard_html *html, const char *text)
{
	if (!guard_has(text))
		return;
	guard_html_put(html, "<p class=\"message\" role=\"status\">");
	guard_html_apart(html, text, MOST_SENTENCE);
	guard_html_put(html, "</p>\n");
}

void guard_part_span(struct guard_html *html, int64_t seconds, bool up)
{
	static const struct {
		int64_t from, seconds;
		const char *one;
	} units[] = {{172800, 86400, " day"},
		     {7200, 3600, " hour"},
		     {60, 60, " minute"},
		     {0, 1, " second"}};
	size_t i = 0;
	int64_t n;

	while (i < 3 && seconds < units[i].from)
		i++;
	n = seconds / units[i].seconds;
	n += up && seconds % units[i].seconds;
	guard_html_number(html, n);
	guard_html_put(html, units[i].one);
	guard_html_put(html, n == 1 ? "" : "s");
}

bool guard_part_error(struct guard_html *html, const char *text, int64_t wait)
{
	if (!guard_has(text) && wait <= 0)
		return false;
	guard_html_put(html, "<p class=\"message bad\" id=\"error\" "
			     "role=\"alert\">");
	guard_html_apart(html, text, MOST_SENTENCE);
	if (wait > 0) {
		guard_html_put(html, guard_has(text) ? " " : "");
		guard_html_put(html, "Try again in ");
		guard_part_span(html, wait, true);
		guard_html_put(html, ".");
	}
	guard_html_put(html, "</p>\n");
	return true;
}

void guard_part_form(struct guard_html *html, const struct guard_site *site,
		     const char *action)
{
	guard_html_put(html, "<form method=\"post\" action=\"");
	guard_html_text(html, site->path);
	guard_html_put(html, action);
	guard_html_put(html, "\">\n");
}

void guard_part_hidden(struct guard_html *html, const char *name,
		       const char *value)
{
	if (!guard_has(value))
		return;
	guard_html_put(html, "<input type=\"hidden\"");
	guard_html_attribute(html, "name", name);
	guard_html_attribute(html, "value", value);
	guard_html_put(html, ">\n");
}

/* Screen readers may come to an error too late to hear of it: it is read with
 * the field that has the focus. */
void guard_part_password(struct guard_html *html, const char *user, bool first,
			 bool bad)
{
	if (user) {
		guard_html_put(html, "<input type=\"text\" "
				     "autocomplete=\"username\" readonly "
				     "hidden");
		guard_html_attribute(html, "value", user);
		guard_html_put(html, ">\n");
	}
	guard_html_put(html,
		       "<div class=\"field\"><label for=\"password\">Password"
		       "</label>\n<input id=\"password\" name=\"password\" "
		       "type=\"password\" autocomplete=\"current-password\" "
		       "required");
	if (bad)
		guard_html_put(html, " aria-invalid=\"true\" "
				     "aria-describedby=\"error\"");
	if (first)
		guard_html_put(html, " autofocus");
	guard_html_put(html, "></div>\n");
}

void guard_part_submit(struct guard_html *html, const char *text)
{
	guard_html_put(html, "<button>");
	guard_html_text(html, text);
	guard_html_put(html, "</button>\n</form>\n");
}

void guard_part_ways(struct guard_html *html)
{
	guard_html_put(html, "<ul class=\"ways\">\n");
}

void guard_part_way(struct guard_html *html, const char *href,
		    const char *rest, const char *text)
{
	guard_html_put(html, "<li><a href=\"");
	guard_html_text(html, href);
	guard_html_put(html, rest);
	guard_html_put(html, "\">");
	guard_html_text(html, text);
	guard_html_put(html, "</a></li>\n");
}

void guard_part_ways_end(struct guard_html *html)
{
	guard_html_put(html, "</ul>\n");
}
