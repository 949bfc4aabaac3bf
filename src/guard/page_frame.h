/*
 * What the guard's pages share: the frame around each of them, its headers,
 * and the parts of forms.
 */
#ifndef GUARD_PAGE_FRAME_H
#define GUARD_PAGE_FRAME_H

#include "guard/html.h"
#include "guard/page.h"

struct guard_frame {
	const struct guard_site *site;
	const char *heading; /* of the page, also in its title */
	bool wide;           /* for lists */
	bool bad;            /* something went wrong: the title says so first */
	const char *aim;     /* where its form may lead, or NULL; see _end */
};

/* Text, or "" for none. */
bool guard_has(const char *text);

/* All in front of what a page says. */
void guard_frame_begin(struct guard_html *html,
		       const struct guard_frame *frame);

/*
 * All behind it; answers, and frees the HTML. Browsers hold where a form is
 * sent against the page's policy, and where the answer then redirects to: the
 * origin of frame->aim is let through, if it has one.
 */
enum kr_err guard_frame_end(struct guard_html *html, struct kr_context *c,
			    int status,
			    const struct guard_frame *frame) KR_MUST_CHECK;

/* ---- parts ---- */

/* Good news, or none. */
void guard_part_notice(struct guard_html *html, const char *text);

/* What went wrong, with how long it lasts; true if there was something. The
 * element's id is "error". */
bool guard_part_error(struct guard_html *html, const char *text,
		      int64_t wait);

/* Begins a form that is posted to <path><action>. */
void guard_part_form(struct guard_html *html, const struct guard_site *site,
		     const char *action);

void guard_part_hidden(struct guard_html *html, const char *name,
		       const char *value);

/* The password that goes with a name, which is beside it unseen for those
 * that keep passwords, if `user` is not NULL. `bad`: the last one was wrong. */
void guard_part_password(struct guard_html *html, const char *user, bool first,
			 bool bad);

/* A button, and the end of the form. */
void guard_part_submit(struct guard_html *html, const char *text);

/* A list of links: begin, each, end. */
void guard_part_ways(struct guard_html *html);
void guard_part_way(struct guard_html *html, const char *href,
		    const char *rest, const char *text);
void guard_part_ways_end(struct guard_html *html);

/* Seconds as people say them, "3 minutes", in the largest unit that there are two
 * of, or minutes;
 * rounded up or down. */
void guard_part_span(struct guard_html *html, int64_t seconds, bool up);

#endif
