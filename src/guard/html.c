/*
 * Owns the one way of foreign text into a page: what a browser could take for
 * markup is written as a reference (HTML Standard, section 13.1.2.3).
 */
#include "guard/html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096
#define MOST_ROOM 1048576 /* no page of ours is near that */
#define NO_CHARACTER "\xEF\xBF\xBD" /* U+FFFD */
#define MOST_NAME 256 /* bytes, so characters too: kr_session_login() */

static bool grow(struct guard_html *html, size_t more)
{
	size_t cap = html->cap ? html->cap : FIRST_ROOM;
	char *data;

	if (html->failed || more >= MOST_ROOM - html->len) {
		html->failed = true;
		return false;
	}
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

static bool follows(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the UTF-8 character at `text`, which is not its end; 0 if it is
 * none, or a control character other than those that are white space. */
static size_t length_of(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	unsigned char second = (unsigned char)text[1];

	if (first < 0x80)
		return (first >= 0x20 && first != 0x7F) ||
		       strchr("\t\n\r", first);
	if (first < 0xC2 || first > 0xF4 || !follows(text[1]))
		return 0;
	if (first == 0xC2 && second < 0xA0) /* C1 */
		return 0;
	if (first < 0xE0)
		return 2;
	if ((first == 0xE0 && second < 0xA0) ||
	    (first == 0xED && second >= 0xA0) || !follows(text[2]))
		return 0;
	if (first < 0xF0)
		return 3;
	if ((first == 0xF0 && second < 0x90) ||
	    (first == 0xF4 && second >= 0x90) || !follows(text[3]))
		return 0;
	return 4;
}

/* One character; returns what follows it. */
static const char *add_character(struct guard_html *html, const char *text)
{
	const char *reference = reference_of(*text);
	size_t len = length_of(text);

	if (reference)
		guard_html_put(html, reference);
	else if (len)
		add(html, text, len);
	else
		guard_html_put(html, NO_CHARACTER);
	return text + (len ? len : 1);
}

void guard_html_text(struct guard_html *html, const char *text)
{
	while (text && *text && !html->failed)
		text = add_character(html, text);
}

void guard_html_short(struct guard_html *html, const char *text, size_t most)
{
	while (text && *text && !html->failed && most-- > 0)
		text = add_character(html, text);
	if (text && *text)
		guard_html_put(html, "\xE2\x80\xA6"); /* U+2026 */
}

void guard_html_apart(struct guard_html *html, const char *text, size_t most)
{
	guard_html_put(html, "<bdi>");
	guard_html_short(html, text, most);
	guard_html_put(html, "</bdi>");
}

void guard_html_name(struct guard_html *html, const char *text)
{
	guard_html_apart(html, text, MOST_NAME);
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
