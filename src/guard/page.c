/*
 * Owns the markup of the pages that people sign in and out by.
 */
#include "guard/page.h"

#include "guard/page_frame.h"

static void name_field(struct guard_html *html, const char *user, bool first,
		       bool bad)
{
	guard_html_put(html,
		       "<div class=\"field\"><label for=\"user\">Name</label>\n"
		       "<input id=\"user\" name=\"user\" "
		       "autocomplete=\"username\" autocapitalize=\"none\" "
		       "spellcheck=\"false\" required");
	if (guard_has(user))
		guard_html_attribute(html, "value", user);
	if (bad)
		guard_html_put(html, " aria-invalid=\"true\" "
				     "aria-describedby=\"error\"");
	guard_html_put(html, first ? " autofocus></div>\n" : "></div>\n");
}

static void remember_field(struct guard_html *html, int64_t days)
{
	if (days <= 0)
		return;
	guard_html_put(html, "<label class=\"check\"><input type=\"checkbox\" "
			     "name=\"remember\" value=\"1\"> Remember me for ");
	guard_html_number(html, days);
	guard_html_put(html, days == 1 ? " day" : " days");
	guard_html_put(html, "</label>\n");
}

enum kr_err guard_page_login(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_login_page *page)
{
	struct guard_html html = {0};
	bool named = guard_has(page->user);
	struct guard_frame frame = {
		.site = site,
		.heading = "Sign in",
		.bad = guard_has(page->error) || page->wait > 0,
		.aim = page->rd,
	};

	guard_frame_begin(&html, &frame);
	guard_part_notice(&html, page->notice);
	guard_part_error(&html, page->error, page->wait);
	guard_part_form(&html, site, "/login");
	guard_part_hidden(&html, "rd", page->rd);
	name_field(&html, page->user, !named, frame.bad);
	guard_part_password(&html, NULL, named, frame.bad);
	remember_field(&html, page->remember);
	guard_part_submit(&html, "Sign in");
	return guard_frame_end(&html, c, status, &frame);
}

/* "Signed in as max", with more behind it. */
static void lead(struct guard_html *html, const char *user, const char *rest)
{
	if (!guard_has(user))
		return;
	guard_html_put(html, "<p class=\"lead quiet\">Signed in as "
			     "<span class=\"who\">");
	guard_html_name(html, user);
	guard_html_put(html, "</span>");
	guard_html_put(html, rest);
	guard_html_put(html, "</p>\n");
}

static void big_link(struct guard_html *html, const char *href,
		     const char *text)
{
	guard_html_put(html, "<a class=\"button\"");
	guard_html_attribute(html, "href", href);
	guard_html_put(html, ">");
	guard_html_text(html, text);
	guard_html_put(html, "</a>\n");
}

enum kr_err guard_page_welcome(struct kr_context *c, int status,
			       const struct guard_site *site,
			       const struct guard_welcome_page *page)
{
	struct guard_html html = {0};
	struct guard_frame frame = {.site = site, .heading = "Welcome back"};

	guard_frame_begin(&html, &frame);
	lead(&html, page->user, ".");
	big_link(&html, guard_has(page->rd) ? page->rd : site->home,
		 "Continue");
	guard_part_ways(&html);
	guard_part_way(&html, site->path, "/sessions", "Your sessions");
	guard_part_way(&html, site->path, "/logout", "Sign out");
	guard_part_ways_end(&html);
	return guard_frame_end(&html, c, status, &frame);
}

enum kr_err guard_page_step_up(struct kr_context *c, int status,
			       const struct guard_site *site,
			       const struct guard_step_up_page *page)
{
	struct guard_html html = {0};
	struct guard_frame frame = {
		.site = site,
		.heading = "Confirm that it is you",
		.bad = guard_has(page->error) || page->wait > 0,
		.aim = page->rd,
	};

	guard_frame_begin(&html, &frame);
	lead(&html, page->user, ". This wants your password once more.");
	guard_part_error(&html, page->error, page->wait);
	guard_part_form(&html, site, "/step-up");
	guard_part_hidden(&html, "rd", page->rd);
	guard_part_password(&html, page->user ? page->user : "", true,
			    frame.bad);
	guard_part_submit(&html, "Confirm");
	guard_part_ways(&html);
	guard_part_way(&html, site->home, "", "Not now");
	guard_part_way(&html, site->path, "/logout", "Sign out");
	guard_part_ways_end(&html);
	return guard_frame_end(&html, c, status, &frame);
}

static void ask_to_sign_out(struct guard_html *html,
			    const struct guard_site *site,
			    const struct guard_logout_page *page)
{
	lead(html, page->user, " on this device.");
	guard_part_form(html, site, "/logout");
	guard_part_hidden(html, "rd", page->rd);
	guard_part_submit(html, "Sign out");
	guard_part_ways(html);
	guard_part_way(html, site->home, "", "Stay signed in");
	guard_part_way(html, site->path, "/sessions", "Your sessions");
	guard_part_ways_end(html);
}

enum kr_err guard_page_logout(struct kr_context *c, int status,
			      const struct guard_site *site,
			      const struct guard_logout_page *page)
{
	struct guard_html html = {0};
	bool somebody = guard_has(page->user);
	struct guard_frame frame = {
		.site = site,
		.heading = somebody ? "Sign out?" : "Signed out",
		.aim = page->rd,
	};

	guard_frame_begin(&html, &frame);
	if (somebody) {
		ask_to_sign_out(&html, site, page);
	} else {
		guard_html_put(&html, "<p class=\"lead quiet\">Nobody is "
				      "signed in on this device.</p>\n"
				      "<a class=\"button\" href=\"");
		guard_html_text(&html, site->path);
		guard_html_put(&html, "/login\">Sign in</a>\n");
	}
	return guard_frame_end(&html, c, status, &frame);
}
