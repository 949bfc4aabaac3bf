/*
 * Lines on the log for machines and auditors: what happened to whom, as
 * "audit event=login user="max" address=192.0.2.1 ...". What comes from outside
 * stands in quotes, in which it can end neither them nor the line.
 */
#ifndef GUARD_AUDIT_H
#define GUARD_AUDIT_H

#include "krsession.h"

/* `user` may be NULL. `detail` is of ours: words such as "count=2", or "". The
 * client's address and the session go with it. */
void guard_audit(struct kr_context *c, enum kr_log_level level,
		 const char *event, const char *user, const char *detail);

#define GUARD_QUOTED_MAX 400 /* bytes, with NUL */

/* Puts text between quotes, escaped; what is too long is cut off. */
void guard_quote(const char *text, char out[GUARD_QUOTED_MAX]);

#endif
