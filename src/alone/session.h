/*
 * A session without an exchange: a visit with memory of its own, and its steps
 * to the store and back. Each step begins with a question that needs no store
 * (_begin, _change, _renew); if the answer is yes the store is asked, and
 * `finished` is called, maybe before that returns.
 *
 *     _open -> (_load) -> ... -> _change -> (_commit) -> ...
 *                                _again -> (_load)
 */
#ifndef KRI_ALONE_SESSION_H
#define KRI_ALONE_SESSION_H

#include "alone/store.h"
#include "session/visit.h"

typedef void kri_alone_finished(struct kri_alone *alone, enum kr_err err);

struct kri_alone {
	struct kri_visit visit;
	struct kri_arena arena; /* changes, and a session that was made */
	struct kri_arena loads; /* what was loaded */
	struct kr_store *store;
	bool atomic;
	enum kr_err failed; /* why nothing is done before it is loaded again */
	bool outrun;        /* that was a renewal, lost at the store */
	bool anew;          /* it is loaded again: no copy will do */
	struct kri_buffer cookies[2]; /* to be sent; by whether it is Secure */

	/* Of the step under way: */
	bool busy;
	struct kri_link *link;
	struct kri_record *records[KRI_CANDIDATES];
	size_t n;
	kri_alone_finished *finished;
	enum kr_err result;

	/* Where calls do not block: */
	struct kr_link *host; /* NULL: they do */
	kr_session_done *done;
	void *arg;
	bool opening;   /* nobody has it yet */
	bool abandoned; /* nobody wants it any more */
	struct kri_alone *next;
};

/* Whose session it is; NULL for a handler's. */
struct kri_alone *kri_alone_of(struct kr_session *session);

/* Reads the cookies of `cookies`, which may be NULL. KR_ERR_MEMORY. */
enum kr_err kri_alone_open(struct kr_store *store, const char *const *cookies,
			   bool atomic, struct kri_alone **alone) KR_MUST_CHECK;

/* Nothing is under way. Wipes the secrets. */
void kri_alone_close(struct kri_alone **alone);

/* Whether there is something to load. */
bool kri_alone_names_any(const struct kri_alone *alone);

/* Loads it, and ends or prolongs what is found to be due. */
void kri_alone_load(struct kri_alone *alone, struct kri_link *link,
		    kri_alone_finished *finished);

/* Puts the changes where the store finds them; *waits tells whether it is to
 * be asked, else all is done. Errors of kri_visit_leave(). */
enum kr_err kri_alone_change(struct kri_alone *alone,
			     bool *waits) KR_MUST_CHECK;

/* Has them stored. */
void kri_alone_commit(struct kri_alone *alone, struct kri_link *link,
		      kri_alone_finished *finished);

/* What failed stays so, as the session is neither as it was nor as it was to
 * be: changes and commits are this error from now on. */
void kri_alone_keep(struct kri_alone *alone, enum kr_err err);

/* Drops the changes and all that was loaded. */
void kri_alone_again(struct kri_alone *alone);

#endif
