/*
 * Gathering: the frames that came in pieces, or with others among them,
 * until the request that they make is whole. What has to be said to the
 * front server meanwhile is put into `replies`. Knows no descriptor.
 */
#ifndef KRI_FCGI_GATHER_H
#define KRI_FCGI_GATHER_H

#include "fcgi/body.h"

#define KRI_PARAMS_MAX 65535 /* bytes, of all pairs: one frame */
#define KRI_GATHER_BODY_MAX                                                    \
	(1 << 20) /* bytes that are waited for, even if                        \
		   * fewer are taken */

enum kri_gather {
	KRI_GATHER_IDLE,    /* no request has begun; all is dealt with */
	KRI_GATHER_PARTIAL, /* a request or a frame has */
	KRI_GATHER_WHOLE,   /* the request is there: _replay, then _forget */
	KRI_GATHER_REFUSED, /* `replies` end the connection's last request */
	KRI_GATHER_BAD      /* see `why` */
};

/* All zero but the site is an empty one. */
struct kri_gathered {
	const struct kri_site *site; /* whose routes they are; or NULL */
	struct kri_buffer raw;       /* what came and is not dealt with yet, */
	size_t done;                 /* from here on */
	struct kri_buffer params;    /* the contents of its frames */
	struct kri_body body;        /* a byte more than `most`, at most */
	size_t most;                 /* that the request's route takes of it */
	size_t body_len;             /* of all that was sent */
	struct kri_buffer replies;   /* the caller sends and clears it */
	unsigned id;                 /* the request's; 0: none has begun */
	unsigned role;               /* FastCGI's number of it */
	bool keep;                   /* it wants the connection kept */
	bool params_end;
	bool cut; /* whole only as far as we read: more body is coming */
	const char *why;
};

void kri_gather_free(struct kri_gathered *gathered);

/* What has come. KRI_GATHER_BAD without memory. */
void kri_gather_add(struct kri_gathered *gathered, struct kri_text bytes);

/* Goes through the frames that are whole, up to the end of a request. */
enum kri_gather kri_gather_walk(struct kri_gathered *gathered);

/* Appends the request without its body, as libfcgi reads it best: as few
 * frames as it takes, and none but its own. */
void kri_gather_replay(const struct kri_gathered *gathered,
		       struct kri_buffer *out);

/* The request is dealt with. What came behind it stays. */
void kri_gather_forget(struct kri_gathered *gathered);

#endif
