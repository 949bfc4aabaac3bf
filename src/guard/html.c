/*
 * Owns the one way of foreign text into a page: what a browser could take for
 * markup is written as a reference (HTML Standard, section 13.1.2.3).
 */
#include "guard/html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 2048

static bool grow(struct guard_html *html, size_t more)
{
	size_t cap = html->cap ? html->cap : FIRST_ROOM;
	char *data;

	if (html->failed)
		return false;
	while (cap - html->len <= more)
		cap *= 2;
	if (cap == html->cap)
		return true;
	data = realloc(html->data, cap);
	if (!data) {
		html->failed = true;
		return false;
	}
	html->data = data;
	html->cap = cap;
	return true;
}

static void add(struct guard_html *html, const char *bytes, size_t len)
{
	if (!grow(html, len))
		return;
	memcpy(html->data + html->len, bytes, len);
	html->len += len;
	html->data[html->len] = '\0';
}

void guard_html_put(struct guard_html *html, const char *literal)
{
	add(html, literal, strlen(literal));
}

static const char *reference_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void guard_html_text(struct guard_html *html, const char *text)
{
	for (; text && *text; text++) {
		const char *reference = reference_of(*text);

		if (reference)
			guard_html_put(html, reference);
		else
			add(html, text, 1);
	}
}

void guard_html_attribute(struct guard_html *html, const char *name,
			  const char *value)
{
	guard_html_put(html, " ");
	guard_html_put(html, name);
	guard_html_put(html, "=\"");
	guard_html_text(html, value);
	guard_html_put(html, "\"");
}

void guard_html_number(struct guard_html *html, long long number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", number);
	guard_html_put(html, digits);
}

/* RFC 3986 section 2.3, and "/" for people to read it. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

void guard_html_escape(struct guard_html *html, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; text && *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char escaped[] = {'%', hex[c >> 4], hex[c & 15]};

		if (is_plain(*text))
			add(html, text, 1);
		else
			add(html, escaped, sizeof(escaped));
	}
}

enum kr_err guard_html_send(struct guard_html *html, struct kr_context *c,
			    int status)
{
	enum kr_err err = KR_ERR_MEMORY;

	if (!html->failed)
		err = kr_html(c, status, html->data ? html->data : "");
	guard_html_free(html);
	return err;
}

void guard_html_free(struct guard_html *html)
{
	free(html->data);
	*html = (struct guard_html){0};
}
