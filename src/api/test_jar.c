/*
 * Takes Set-Cookie apart as browsers do, with what they forgive, and keeps
 * the cookies in the order in which they are sent.
 */
#include "api/test_jar.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct kri_jar_cookie {
	struct kri_jar_cookie *next;
	struct kri_text name, value, path; /* in `room`, in this order */
	int64_t ends;                      /* seconds since the epoch */
	char room[];
};

/* A Set-Cookie header, taken apart. */
struct offer {
	struct kri_text name, value, path;
	int64_t ends;
	bool aged; /* Max-Age was said, which Expires does not change */
};

/* ---- Set-Cookie ------------------------------------------------------- */

/* Section 5.1.4: the folder of the request's path. */
static struct kri_text default_path(struct kri_text path)
{
	while (path.len > 1 && path.data[path.len - 1] != '/')
		path.len--;
	return path.len > 1 ? kri_text(path.data, path.len - 1) : KRI_TEXT("/");
}

static void take_max_age(struct offer *offer, struct kri_text value)
{
	int64_t seconds;

	if (kri_text_to_int(value, INT32_MIN, INT32_MAX, &seconds))
		return;
	offer->aged = true;
	offer->ends = seconds > 0 ? kri_clock_epoch() + seconds : 0;
}

/* As servers write it: RFC 9110 section 5.6.7, IMF-fixdate. */
static void take_expires(struct offer *offer, struct kri_text value)
{
	char text[40];
	struct tm at = {0};

	if (offer->aged || value.len >= sizeof(text))
		return;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &at))
		offer->ends = (int64_t)timegm(&at);
}

static void take_attribute(struct offer *offer, struct kri_text attribute)
{
	struct kri_text value = attribute;
	struct kri_text name = kri_text_trim(kri_text_cut(&value, '='));

	value = kri_text_trim(value);
	if (kri_text_equal_nocase(name, KRI_TEXT("Max-Age")))
		take_max_age(offer, value);
	else if (kri_text_equal_nocase(name, KRI_TEXT("Expires")))
		take_expires(offer, value);
	else if (kri_text_equal_nocase(name, KRI_TEXT("Path")) &&
		 kri_text_starts(value, KRI_TEXT("/")))
		offer->path = value;
}

static bool read_offer(struct kri_text header, struct kri_text path,
		       struct offer *offer)
{
	struct kri_text pair = kri_text_cut(&header, ';');

	*offer = (struct offer){
		.path = default_path(path),
		.ends = INT64_MAX,
	};
	offer->name = kri_text_trim(kri_text_cut(&pair, '='));
	offer->value = kri_text_trim(pair);
	while (header.data)
		take_attribute(offer, kri_text_cut(&header, ';'));
	return offer->name.len && pair.data;
}

/* ---- the jar ---------------------------------------------------------- */

static struct kri_text keep(struct kri_text text, char **room)
{
	struct kri_text kept = kri_text(*room, text.len);

	if (text.len)
		memcpy(*room, text.data, text.len);
	*room += text.len;
	return kept;
}

static struct kri_jar_cookie *make(const struct offer *offer)
{
	struct kri_jar_cookie *made =
		malloc(sizeof(*made) + offer->name.len + offer->value.len +
		       offer->path.len);
	char *room;

	if (!made)
		return NULL;
	room = made->room;
	made->name = keep(offer->name, &room);
	made->value = keep(offer->value, &room);
	made->path = keep(offer->path, &room);
	made->ends = offer->ends;
	return made;
}

static void drop(struct kri_jar_cookie **at)
{
	struct kri_jar_cookie *dropped = *at;

	*at = dropped->next;
	free(dropped);
}

/* The one of the same name and path gives way. */
static void replace(struct kri_jar *jar, const struct offer *offer)
{
	struct kri_jar_cookie **at = &jar->first;

	while (*at && !(kri_text_equal((*at)->name, offer->name) &&
			kri_text_equal((*at)->path, offer->path)))
		at = &(*at)->next;
	if (*at)
		drop(at);
}

enum kr_err kri_jar_take(struct kri_jar *jar, struct kri_text header,
			 struct kri_text path)
{
	struct kri_jar_cookie **at = &jar->first, *made;
	struct offer offer;

	if (!read_offer(header, path, &offer))
		return KR_OK;
	made = make(&offer);
	if (!made)
		return KR_ERR_MEMORY;
	replace(jar, &offer);
	while (*at && (*at)->path.len >= made->path.len)
		at = &(*at)->next;
	made->next = *at;
	*at = made;
	return KR_OK;
}

/* Section 5.1.4. */
static bool matches(const struct kri_jar_cookie *cookie, struct kri_text path)
{
	size_t len = cookie->path.len;

	return kri_text_starts(path, cookie->path) &&
	       (path.len == len || cookie->path.data[len - 1] == '/' ||
		path.data[len] == '/');
}

void kri_jar_print(struct kri_jar *jar, struct kri_text path,
		   struct kri_buffer *out)
{
	struct kri_jar_cookie **at = &jar->first;
	int64_t now = kri_clock_epoch();

	while (*at) {
		const struct kri_jar_cookie *cookie = *at;

		if (cookie->ends <= now) {
			drop(at);
			continue;
		}
		if (matches(cookie, path)) {
			if (out->len)
				kri_buffer_string(out, "; ");
			kri_buffer_append(out, cookie->name);
			kri_buffer_byte(out, '=');
			kri_buffer_append(out, cookie->value);
		}
		at = &(*at)->next;
	}
}

void kri_jar_free(struct kri_jar *jar)
{
	while (jar->first)
		drop(&jar->first);
}
