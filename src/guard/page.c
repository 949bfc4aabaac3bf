/*
 * Owns the markup of every page and the headers that go with it.
 */
#include "guard/page.h"

#include "guard/html.h"

/* No script, no frame around it, nothing from elsewhere. */
static enum kr_err put_headers(struct kr_context *c)
{
	static const char *const headers[][2] = {
		{"Content-Security-Policy",
		 "default-src 'none'; style-src 'self'; img-src 'self'; "
		 "base-uri 'none'; frame-ancestors 'none'"},
		{"Referrer-Policy", "same-origin"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
	};
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers) && !err; i++)
		err = kr_header(c, headers[i][0], headers[i][1]);
	return err;
}

static void begin(struct guard_html *html, const struct guard_site *site,
		  const char *heading)
{
	guard_html_put(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			     "<meta charset=\"utf-8\">\n"
			     "<meta name=\"viewport\" "
			     "content=\"width=device-width\">\n<title>");
	guard_html_text(html, heading);
	guard_html_put(html, " - ");
	guard_html_text(html, site->title);
	guard_html_put(html, "</title>\n<link rel=\"stylesheet\" href=\"");
	guard_html_text(html, site->path);
	guard_html_put(html, "/style.css\">\n</head>\n<body>\n<main>\n<h1>");
	guard_html_text(html, heading);
	guard_html_put(html, "</h1>\n");
}

static enum kr_err end(struct guard_html *html, struct kr_context *c,
		       int status)
{
	enum kr_err err = put_headers(c);

	guard_html_put(html, "</main>\n</body>\n</html>\n");
	if (err) {
		guard_html_free(html);
		return err;
	}
	return guard_html_send(html, c, status);
}

static void paragraph(struct guard_html *html, const char *role,
		      const char *text)
{
	if (!text || !*text)
		return;
	guard_html_put(html, "<p");
	if (role)
		guard_html_attribute(html, "role", role);
	guard_html_put(html, ">");
	guard_html_text(html, text);
	guard_html_put(html, "</p>\n");
}

static void wait_note(struct guard_html *html, int64_t seconds)
{
	if (seconds <= 0)
		return;
	guard_html_put(html, "<p role=\"alert\">Try again in ");
	guard_html_number(html, (seconds + 59) / 60);
	guard_html_put(html, " min.</p>\n");
}

static void begin_form(struct guard_html *html, const struct guard_site *site,
		       const char *action)
{
	guard_html_put(html, "<form method=\"post\" action=\"");
	guard_html_text(html, site->path);
	guard_html_put(html, action);
	guard_html_put(html, "\">\n");
}

static void hidden(struct guard_html *html, const char *name,
		   const char *value)
{
	if (!value || !*value)
		return;
	guard_html_put(html, "<input type=\"hidden\"");
	guard_html_attribute(html, "name", name);
	guard_html_attribute(html, "value", value);
	guard_html_put(html, ">\n");
}

static void password_field(struct guard_html *html)
{
	guard_html_put(html,
		       "<p><label for=\"password\">Password</label>\n"
		       "<input id=\"password\" name=\"password\" "
		       "type=\"password\" autocomplete=\"current-password\" "
		       "required></p>\n");
}

static void button(struct guard_html *html, const char *text)
{
	guard_html_put(html, "<p><button>");
	guard_html_text(html, text);
	guard_html_put(html, "</button></p>\n");
}

static void link_to(struct guard_html *html, const char *href,
		    const char *rest, const char *text)
{
	guard_html_put(html, "<p><a href=\"");
	guard_html_text(html, href);
	guard_html_put(html, rest);
	guard_html_put(html, "\">");
	guard_html_text(html, text);
	guard_html_put(html, "</a></p>\n");
}

enum kr_err guard_page_login(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_login_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Sign in");
	paragraph(&html, "status", page->notice);
	paragraph(&html, "alert", page->error);
	wait_note(&html, page->wait);
	begin_form(&html, site, "/login");
	hidden(&html, "rd", page->rd);
	guard_html_put(&html, "<p><label for=\"user\">Name</label>\n"
			      "<input id=\"user\" name=\"user\" "
			      "autocomplete=\"username\" required");
	guard_html_attribute(&html, "value", page->user);
	guard_html_put(&html, "></p>\n");
	password_field(&html);
	if (page->remember)
		guard_html_put(&html,
			       "<p><label><input type=\"checkbox\" "
			       "name=\"remember\" value=\"1\"> Remember me"
			       "</label></p>\n");
	button(&html, "Sign in");
	guard_html_put(&html, "</form>\n");
	return end(&html, c, status);
}

enum kr_err guard_page_welcome(struct kr_context *c, int status,
			       const struct guard_site *site,
			       const struct guard_welcome_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Signed in");
	paragraph(&html, NULL, page->user);
	link_to(&html, page->rd, "", "Continue");
	link_to(&html, site->path, "/sessions", "Your sessions");
	link_to(&html, site->path, "/logout", "Sign out");
	return end(&html, c, status);
}

enum kr_err guard_page_step_up(struct kr_context *c, int status,
			       const struct guard_site *site,
			       const struct guard_step_up_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Confirm that it is you");
	paragraph(&html, NULL, page->user);
	paragraph(&html, "alert", page->error);
	wait_note(&html, page->wait);
	begin_form(&html, site, "/step-up");
	hidden(&html, "rd", page->rd);
	password_field(&html);
	button(&html, "Confirm");
	guard_html_put(&html, "</form>\n");
	return end(&html, c, status);
}

enum kr_err guard_page_logout(struct kr_context *c, int status,
			      const struct guard_site *site,
			      const struct guard_logout_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Sign out");
	if (page->user && *page->user) {
		paragraph(&html, NULL, page->user);
		begin_form(&html, site, "/logout");
		hidden(&html, "rd", page->rd);
		button(&html, "Sign out");
		guard_html_put(&html, "</form>\n");
	} else {
		paragraph(&html, NULL, "Nobody is signed in.");
		link_to(&html, site->path, "/login", "Sign in");
	}
	return end(&html, c, status);
}

static void put_row(struct guard_html *html, const struct guard_site *site,
		    const struct guard_sessions_page *page,
		    const struct guard_session_row *row)
{
	guard_html_put(html, "<li>");
	guard_html_text(html, row->label);
	if (row->current) {
		guard_html_put(html, " (this one)</li>\n");
		return;
	}
	begin_form(html, site, "/sessions");
	hidden(html, "action", "end");
	hidden(html, "id", row->id);
	if (!page->fresh)
		guard_html_put(html, "<input name=\"password\" "
				     "type=\"password\" "
				     "aria-label=\"Password\" required>\n");
	button(html, "End it");
	guard_html_put(html, "</form></li>\n");
}

enum kr_err guard_page_sessions(struct kr_context *c, int status,
				const struct guard_site *site,
				const struct guard_sessions_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Your sessions");
	paragraph(&html, "status", page->notice);
	paragraph(&html, "alert", page->error);
	wait_note(&html, page->wait);
	guard_html_put(&html, "<ul>\n");
	for (size_t i = 0; i < page->n; i++)
		put_row(&html, site, page, &page->rows[i]);
	guard_html_put(&html, "</ul>\n");
	begin_form(&html, site, "/sessions");
	hidden(&html, "action", "others");
	if (!page->fresh)
		password_field(&html);
	button(&html, "End all others");
	guard_html_put(&html, "</form>\n");
	return end(&html, c, status);
}

enum kr_err guard_page_denied(struct kr_context *c, int status,
			      const struct guard_site *site,
			      const struct guard_denied_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "Not for you");
	paragraph(&html, NULL, page->user);
	paragraph(&html, NULL, page->uri);
	link_to(&html, site->home, "", "Back");
	link_to(&html, site->path, "/logout", "Sign out");
	return end(&html, c, status);
}

enum kr_err guard_page_error(struct kr_context *c, int status,
			     const struct guard_site *site,
			     const struct guard_error_page *page)
{
	struct guard_html html = {0};

	begin(&html, site, "That did not work");
	paragraph(&html, "alert", page->text);
	link_to(&html, site->home, "", "Back");
	return end(&html, c, status);
}

enum kr_err guard_page_style(struct kr_context *c)
{
	static const char style[] = "body { margin: 2rem auto; "
				    "max-width: 40rem; padding: 0 1rem }\n";
	enum kr_err err = kr_header(c, "X-Content-Type-Options", "nosniff");

	return err ? err
		   : kr_send(c, 200, "text/css; charset=utf-8", style,
			     sizeof(style) - 1);
}
