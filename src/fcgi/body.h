/*
 * The body of a request on its way: how much of it the request's route takes,
 * and what all bodies together may take of the memory.
 */
#ifndef KRI_FCGI_BODY_H
#define KRI_FCGI_BODY_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "http/request.h"

struct kri_site;

/* Bodies of this size and less are not counted: their room is used again. */
#define KRI_BODY_KEPT (16 << 10)

/* Shared by all loops. */
struct kri_body_room {
	_Atomic size_t used;
	size_t limit; /* bytes: server.body_memory */
};

struct kri_body {
	struct kri_buffer bytes;
	size_t taken; /* of the room of all bodies */
	/* KR_OK; KR_ERR_LIMIT: it was longer than its route takes;
	 * KR_ERR_MEMORY: there was no room; KR_ERR_PROTOCOL: it broke off. */
	enum kr_err err;
};

/* Takes from the room what the body's memory has grown by; when there is no
 * such room its memory is given back and its err set. `room` may be NULL. */
void kri_body_charge(struct kri_body *body, struct kri_body_room *room);

/* Empties it for the next one, and gives back what the next one will hardly
 * need. */
void kri_body_drop(struct kri_body *body, struct kri_body_room *room);

/* The bytes of body that the route of these parameters takes, which are
 * "NAME=value" and end with NULL, or pairs as FastCGI sends them. Without a
 * site, those of a form. */
size_t kri_body_most(const struct kri_site *site, char **params);
size_t kri_body_most_of_pairs(const struct kri_site *site,
			      struct kri_text pairs);

/* The room of the site's bodies; NULL: there is no limit. */
struct kri_body_room *kri_body_room_of(const struct kri_site *site);

#endif
