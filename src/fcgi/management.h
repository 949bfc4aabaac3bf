/*
 * What is said to a front server besides answers: which values this program
 * has, that it does not know a frame, that a request has ended (FastCGI
 * 1.0, sections 4 and 5.5). Each appends one frame.
 */
#ifndef KRI_FCGI_MANAGEMENT_H
#define KRI_FCGI_MANAGEMENT_H

#include "base/buffer.h"

/* The answer to GET_VALUES: of those asked for, the ones that are known.
 * False, with nothing appended, if the question is malformed. */
bool kri_management_values(struct kri_buffer *out, struct kri_text question);

/* The answer to a management frame that is not understood. */
void kri_management_unknown(struct kri_buffer *out, unsigned type);

/* The end of a request that gets no answer; `status` is one of fastcgi.h. */
void kri_management_end(struct kri_buffer *out, unsigned id, unsigned status);

#endif
