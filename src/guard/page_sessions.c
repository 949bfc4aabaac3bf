/*
 * Owns the markup of "your sessions": which there are, and the ways to end
 * them. The password is asked for once, at the step-up, before there is
 * anything to press: no Enter in its field ends the wrong session.
 */
#include "guard/page.h"

#include <stdio.h>
#include <time.h>

#include "guard/page_frame.h"

#define SOON 45 /* seconds that are "now" */

/* Beyond a month the date says more than a count of days. */
#define LONG_AGO (31 * (int64_t)86400)

/* What lies between two times, however odd they are. */
static int64_t between(int64_t from, int64_t to)
{
	int64_t seconds;

	if (__builtin_sub_overflow(to, from, &seconds))
		return to > from ? INT64_MAX : -INT64_MAX;
	return seconds;
}

static void date(struct guard_html *html, const struct tm *tm)
{
	char text[40];

	if (strftime(text, sizeof(text), "%-d %b %Y", tm))
		guard_html_text(html, text);
}

/* A time as people say it, with the exact one for machines and on hover. */
static void moment(struct guard_html *html, int64_t when, int64_t now)
{
	time_t seconds = (time_t)when;
	int64_t ago = between(when, now);
	struct tm tm;
	char text[40];

	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm)) {
		guard_html_put(html, "long ago");
		return;
	}
	guard_html_put(html, "<time");
	guard_html_attribute(html, "datetime", text);
	guard_html_attribute(html, "title", text);
	guard_html_put(html, ">");
	if (ago > LONG_AGO || ago < -LONG_AGO) {
		date(html, &tm);
	} else if (ago < SOON && ago > -SOON) {
		guard_html_put(html, "now");
	} else {
		guard_html_put(html, ago < 0 ? "in " : "");
		guard_part_span(html, ago < 0 ? -ago : ago, ago < 0);
		guard_html_put(html, ago < 0 ? "" : " ago");
	}
	guard_html_put(html, "</time>");
}

static void fact(struct guard_html *html, const char *name, int64_t when,
		 int64_t now)
{
	guard_html_put(html, "<div><dt>");
	guard_html_put(html, name);
	guard_html_put(html, "</dt> <dd>");
	moment(html, when, now);
	guard_html_put(html, "</dd></div>\n");
}

static void label_of(struct guard_html *html,
		     const struct guard_session_row *row)
{
	if (guard_has(row->label))
		guard_html_name(html, row->label);
	else
		guard_html_put(html, "Unknown device");
}

static void end_button(struct guard_html *html, const struct guard_site *site,
		       const struct guard_session_row *row)
{
	guard_part_form(html, site, "/sessions");
	guard_part_hidden(html, "action", "end");
	guard_part_hidden(html, "id", row->id);
	guard_html_put(html, "<button class=\"danger\">End"
			     "<span class=\"unseen\"> ");
	label_of(html, row);
	guard_html_put(html, "</span></button>\n</form>\n");
}

static void put_row(struct guard_html *html, const struct guard_site *site,
		    const struct guard_sessions_page *page,
		    const struct guard_session_row *row)
{
	guard_html_put(html, "<li class=\"row\">\n<div>\n<h2>");
	label_of(html, row);
	if (row->current)
		guard_html_put(html, " <span class=\"badge\">This one</span>");
	guard_html_put(html, "</h2>\n<dl class=\"facts\">\n");
	fact(html, "Created", row->created, page->now);
	if (between(row->created, row->login) > 60)
		fact(html, "Signed in", row->login, page->now);
	fact(html, "Last seen", row->seen, page->now);
	fact(html, "Ends", row->ends, page->now);
	guard_html_put(html, "</dl>\n</div>\n");
	if (page->fresh && !row->current)
		end_button(html, site, row);
	guard_html_put(html, "</li>\n");
}

static void others_button(struct guard_html *html,
			  const struct guard_site *site)
{
	guard_html_put(html, "<div class=\"others\">\n");
	guard_part_form(html, site, "/sessions");
	guard_part_hidden(html, "action", "others");
	guard_html_put(html, "<button class=\"danger\">End all others"
			     "</button>\n</form>\n</div>\n");
}

/* The step-up, with the way back to here. */
static void password_first(struct guard_html *html,
			   const struct guard_site *site,
			   const struct guard_sessions_page *page, bool bad)
{
	char back[512];
	int n = snprintf(back, sizeof(back), "%s/sessions", site->path);

	guard_html_put(html, "<div class=\"others\">\n");
	guard_part_form(html, site, "/step-up");
	guard_html_put(html, "<p class=\"quiet\">To end other sessions, "
			     "confirm that it is you.</p>\n");
	guard_part_hidden(html, "rd",
			  n > 0 && (size_t)n < sizeof(back) ? back : "");
	guard_part_password(html, page->user ? page->user : "", false, bad);
	guard_part_submit(html, "Confirm");
	guard_html_put(html, "</div>\n");
}

static void put_more(struct guard_html *html, size_t more)
{
	if (!more)
		return;
	guard_html_put(html, "<p class=\"quiet\">And ");
	guard_html_number(html, (long long)more);
	guard_html_put(html, " more.</p>\n");
}

static void put_intro(struct guard_html *html,
		      const struct guard_sessions_page *page)
{
	guard_html_put(html, "<p class=\"lead quiet\">Where <span "
			     "class=\"who\">");
	guard_html_name(html, page->user);
	guard_html_put(html, "</span> is signed in. End what you do not know, "
			     "and then change your password.</p>\n");
}

enum kr_err guard_page_sessions(struct kr_context *c, int status,
				const struct guard_site *site,
				const struct guard_sessions_page *page)
{
	struct guard_html html = {0};
	bool others = page->n + page->more > 1;
	struct guard_frame frame = {
		.site = site,
		.heading = "Your sessions",
		.wide = true,
		.bad = guard_has(page->error) || page->wait > 0,
	};

	guard_frame_begin(&html, &frame);
	put_intro(&html, page);
	guard_part_notice(&html, page->notice);
	guard_part_error(&html, page->error, page->wait);
	guard_html_put(&html, "<ul class=\"rows\">\n");
	for (size_t i = 0; i < page->n; i++)
		put_row(&html, site, page, &page->rows[i]);
	guard_html_put(&html, "</ul>\n");
	put_more(&html, page->more);
	if (others && page->fresh)
		others_button(&html, site);
	else if (others)
		password_first(&html, site, page, frame.bad);
	guard_part_ways(&html);
	guard_part_way(&html, site->home, "", "Back");
	guard_part_way(&html, site->path, "/logout", "Sign out");
	guard_part_ways_end(&html);
	return guard_frame_end(&html, c, status, &frame);
}
