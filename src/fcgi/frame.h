/*
 * Frames, which FastCGI calls records, and name-value pairs as bytes
 * (FastCGI 1.0, sections 3.3, 3.4 and 5). Remembers nothing of them.
 */
#ifndef KRI_FCGI_FRAME_H
#define KRI_FCGI_FRAME_H

#include "base/buffer.h"

struct kri_frame {
	unsigned type;
	unsigned id;             /* of its request; 0: management */
	struct kri_text content; /* borrowed from the bytes it was cut from */
	size_t size;             /* bytes of header, content and padding */
};

enum kri_frame_cut {
	KRI_FRAME_WHOLE,   /* *frame is set */
	KRI_FRAME_PARTIAL, /* good so far, more must come */
	KRI_FRAME_BAD      /* no FastCGI, or not what a server may send */
};

/* The frame that `bytes` begin with. Says bad as early as it is known. */
enum kri_frame_cut kri_frame_cut(struct kri_text bytes,
				 struct kri_frame *frame);

/* What a BEGIN_REQUEST frame says. */
struct kri_begin {
	unsigned role;
	bool keep; /* the connection is wanted for more */
};

/* False if the frame is of the wrong size. */
bool kri_begin_read(const struct kri_frame *frame, struct kri_begin *begin);

/* Takes a pair off *bytes. False if a length says more than there is. */
bool kri_pair_cut(struct kri_text *bytes, struct kri_text *name,
		  struct kri_text *value);

/* Whether `bytes` are whole pairs and nothing else, without a NUL in a path. */
bool kri_pairs_fit(struct kri_text bytes);

/*
 * Whether `bytes` are exactly one whole request, of the role Responder,
 * with no other frame among its own and no pair split between two: such a
 * one libfcgi reads to the last byte, and no further.
 */
bool kri_frame_is_plain(struct kri_text bytes);

/* Appends a frame without padding; its content is at most 65,535 bytes. */
void kri_frame_put(struct kri_buffer *out, unsigned type, unsigned id,
		   struct kri_text content);

#endif
