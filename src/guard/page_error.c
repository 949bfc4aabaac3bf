/*
 * Owns the pages that say no: what is not allowed, what is not there, and what
 * did not work.
 */
#include "guard/page.h"

#include "guard/page_frame.h"

#define MOST_ADDRESS 300 /* characters that are shown of one, or of a text */

enum kr_err guard_page_denied(struct kr_context *c, int status,
			      const struct guard_site *site,
			      const struct guard_denied_page *page)
{
	struct guard_html html = {0};
	struct guard_frame frame = {.site = site, .heading = "No access"};

	guard_frame_begin(&html, &frame);
	guard_html_put(&html, "<p class=\"lead quiet\">");
	if (guard_has(page->user)) {
		guard_html_put(&html, "You are signed in as "
				      "<span class=\"who\">");
		guard_html_name(&html, page->user);
		guard_html_put(&html, "</span>, who may not open this.");
	} else {
		guard_html_put(&html, "This is not open to you.");
	}
	guard_html_put(&html, "</p>\n");
	if (guard_has(page->uri)) {
		guard_html_put(&html, "<p class=\"where mono\">");
		guard_html_apart(&html, page->uri, MOST_ADDRESS);
		guard_html_put(&html, "</p>\n");
	}
	guard_html_put(&html, "<a class=\"button\"");
	guard_html_attribute(&html, "href", site->home);
	guard_html_put(&html, ">Go to the start</a>\n");
	guard_part_ways(&html);
	guard_part_way(&html, site->path, "/logout", "Sign out");
	guard_part_ways_end(&html);
	return guard_frame_end(&html, c, status, &frame);
}

/* What people make of a status. */
static const struct cause {
	int status;
	bool again; /* the same may work in a moment */
	const char *heading;
} causes[] = {
	{400, false, "That was not understood"},
	{403, false, "That is not allowed"},
	{404, false, "There is no such page"},
	{405, false, "That is not how this page is used"},
	{409, true, "Your session has changed"},
	{413, false, "That was too long"},
	{415, false, "That was not understood"},
	{429, true, "Too many tries"},
	{503, true, "Not available just now"},
	{0, true, "That did not work"},
};

static const struct cause *cause_of(int status)
{
	const struct cause *cause = causes;

	while (cause->status && cause->status != status)
		cause++;
	return cause;
}

/* An empty address is that of the page itself, wherever it stands. */
static void put_ways(struct guard_html *html, const struct guard_site *site,
		     bool again)
{
	if (again) {
		guard_html_put(html, "<a class=\"button\" href=\"\">"
				     "Try again</a>\n");
		guard_part_ways(html);
		guard_part_way(html, site->home, "", "Go to the start");
		guard_part_ways_end(html);
		return;
	}
	guard_html_put(html, "<a class=\"button\"");
	guard_html_attribute(html, "href", site->home);
	guard_html_put(html, ">Go to the start</a>\n");
}

enum kr_err guard_page_error(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_error_page *page)
{
	struct guard_html html = {0};
	const struct cause *cause = cause_of(status);
	struct guard_frame frame = {.site = site, .heading = cause->heading};

	guard_frame_begin(&html, &frame);
	if (guard_has(page->text)) {
		guard_html_put(&html, "<p class=\"lead quiet\">");
		guard_html_apart(&html, page->text, MOST_ADDRESS);
		guard_html_put(&html, "</p>\n");
	}
	put_ways(&html, site, cause->again);
	guard_html_put(&html, "<p class=\"quiet small\">Error ");
	guard_html_number(&html, status);
	guard_html_put(&html, "</p>\n");
	return guard_frame_end(&html, c, status, &frame);
}
