/*
 * HTML on its way: a text that grows up to a bound, with what is put into it
 * escaped. Errors wait for the end.
 */
#ifndef GUARD_HTML_H
#define GUARD_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "krsession.h"

struct guard_html {
	char *data;
	size_t len, cap;
	bool failed; /* out of memory or bounds: nothing more is added */
};

/* Adds HTML as it is: for literals. */
void guard_html_put(struct guard_html *html, const char *literal);

/* Adds text, escaped so that it is text and nothing else in an element and in
 * a quoted attribute. What is not UTF-8, and control characters, come out as
 * U+FFFD. NULL is none. */
void guard_html_text(struct guard_html *html, const char *text);

/* The same, with "..." in place of what is beyond `most` characters. */
void guard_html_short(struct guard_html *html, const char *text, size_t most);

/* The same in an element (bdi) whose direction is its own: it reorders nothing
 * that stands beside it. */
void guard_html_apart(struct guard_html *html, const char *text, size_t most);

/* A name, shown so as far as one can be long. */
void guard_html_name(struct guard_html *html, const char *text);

/* Adds ` name="value"`, escaped. */
void guard_html_attribute(struct guard_html *html, const char *name,
			  const char *value);

/* Adds a number. */
void guard_html_number(struct guard_html *html, long long number);

/* Adds text as a part of a query string: percent-encoded. */
void guard_html_escape(struct guard_html *html, const char *text);

/* Answers with it and frees it. KR_ERR_MEMORY if something was lost. */
enum kr_err guard_html_send(struct guard_html *html, struct kr_context *c,
			    int status) KR_MUST_CHECK;

void guard_html_free(struct guard_html *html);

#endif
