/*
 * The steps of a session, each waited for at a desk of the store's.
 */
#ifndef KRI_ALONE_BLOCKING_H
#define KRI_ALONE_BLOCKING_H

#include "alone/session.h"

/* Errors of the store, and of taking a desk. */
enum kr_err kri_blocking_load(struct kri_alone *alone) KR_MUST_CHECK;
enum kr_err kri_blocking_commit(struct kri_alone *alone) KR_MUST_CHECK;

#endif
