/*
 * Only routes with KR_BODY take more than a form, so the route has to be found
 * before the body is read: as soon as all parameters are there.
 */
#include "fcgi/body.h"

#include "fcgi/exchange.h"
#include "fcgi/frame.h"

/* ---- memory ----------------------------------------------------------- */

static bool take(struct kri_body_room *room, size_t size)
{
	size_t used;

	if (!room)
		return true;
	used = atomic_fetch_add(&room->used, size);
	if (size <= room->limit && used <= room->limit - size)
		return true;
	atomic_fetch_sub(&room->used, size);
	return false;
}

static void give(struct kri_body *body, struct kri_body_room *room)
{
	if (room)
		atomic_fetch_sub(&room->used, body->taken);
	body->taken = 0;
}

void kri_body_charge(struct kri_body *body, struct kri_body_room *room)
{
	size_t cap = body->bytes.cap;

	if (cap <= KRI_BODY_KEPT || cap <= body->taken)
		return;
	if (take(room, cap - body->taken)) {
		body->taken = cap;
		return;
	}
	kri_buffer_free(&body->bytes);
	give(body, room);
	body->err = KR_ERR_MEMORY;
}

/* A form may hold a password. */
void kri_body_drop(struct kri_body *body, struct kri_body_room *room)
{
	kri_buffer_wipe(&body->bytes);
	if (body->bytes.cap > KRI_BODY_KEPT)
		kri_buffer_free(&body->bytes);
	if (body->taken)
		give(body, room);
	body->err = KR_OK;
}

struct kri_body_room *kri_body_room_of(const struct kri_site *site)
{
	return site ? site->bodies : NULL;
}

/* ---- the route -------------------------------------------------------- */

static size_t most_of(const struct kri_site *site,
		      const struct kri_request *request)
{
	const struct kri_route *route;
	unsigned allow;

	if (!kri_router_find(site->router, request->path, request->method,
			     &route, &allow) &&
	    route->flags & KR_BODY)
		return (size_t)site->config->max_body;
	return KRI_REQUEST_BODY_MAX;
}

size_t kri_body_most(const struct kri_site *site, char **params)
{
	struct kri_request request;

	if (!site)
		return KRI_REQUEST_BODY_MAX;
	kri_request_read(&request, params);
	return most_of(site, &request);
}

/* Whether a route may depend on it. */
static bool matters(struct kri_text name)
{
	return kri_text_equal(name, KRI_TEXT("REQUEST_METHOD")) ||
	       kri_text_equal(name, KRI_TEXT("PATH_INFO")) ||
	       kri_text_equal(name, KRI_TEXT("DOCUMENT_URI")) ||
	       kri_text_equal(name, KRI_TEXT("SCRIPT_NAME"));
}

#define PARAMS 8 /* four names; a server that says one twice says it early */

size_t kri_body_most_of_pairs(const struct kri_site *site,
			      struct kri_text pairs)
{
	struct kri_buffer texts = KRI_BUFFER_EMPTY;
	size_t begins[PARAMS], n = 0, most = KRI_REQUEST_BODY_MAX;
	char *params[PARAMS + 1] = {NULL};
	struct kri_text name, value;

	while (n < PARAMS && pairs.len && kri_pair_cut(&pairs, &name, &value)) {
		if (!matters(name))
			continue;
		begins[n++] = texts.len;
		kri_buffer_append(&texts, name);
		kri_buffer_byte(&texts, '=');
		kri_buffer_append(&texts, value);
		kri_buffer_byte(&texts, '\0');
	}
	for (size_t i = 0; i < n && !texts.failed; i++)
		params[i] = texts.data + begins[i];
	if (!texts.failed)
		most = kri_body_most(site, params);
	kri_buffer_free(&texts);
	return most;
}
