/*
 * krsessionctl's own: the store as one command uses it, and what commands
 * share. Stands on the store's contract, so it does the same on every store.
 */
#ifndef KRI_CTL_CTL_H
#define KRI_CTL_CTL_H

#include <uv.h>

#include "config/config.h"
#include "store/store.h"

/* Exit statuses, as krsessionctl(1) has them. */
enum ctl_status {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* the store cannot be reached, or refuses */
	CTL_USAGE = 2,  /* a bad command line or configuration */
	CTL_NO = 3      /* no such session, or something is to be mended */
};

struct ctl {
	struct kri_config config;
	struct kri_store *store;
	struct kri_link *link;
	uv_loop_t loop;
	bool guard; /* sessions of krsession-guard, in place of krsessiond's */
	bool json;
	bool all;  /* end: every session */
	bool scan; /* the user's are looked for among all sessions, too */
	const char *user; /* list, end, count: this one's; NULL: any */
	const char *keep; /* end: not this one of the user's; NULL: all */
	const char *from; /* top: where to look; NULL: as configured */
	int64_t count;    /* top: pictures; 0: without end */
	double seconds;   /* top: between two of them */
	char **args;      /* what stands behind the command: n of them */
	int n;
	bool deaf; /* nobody takes our output any more */
};

/* Fills the configuration as the program would: `file`, or where it is if that
 * is NULL, the environment, and n options. KR_ERR_CONFIG with one line in
 * `why`, KR_ERR_MEMORY. (configure.c) */
enum kr_err ctl_configure(struct ctl *ctl, const char *file,
			  const char *const *assigned, size_t n,
			  struct kri_buffer *why) KR_MUST_CHECK;

/* Whether another process can see sessions of that kind of store at all.
 * KR_ERR_CONFIG likewise. */
enum kr_err ctl_check_kind(const struct ctl *ctl,
			   struct kri_buffer *why) KR_MUST_CHECK;

/* Waits, on the loop, for operations that call ctl_done() with the ctl. */
void ctl_begin(struct ctl *ctl);
void ctl_done(void *ctl);
void ctl_wait(struct ctl *ctl);

/* A link anew, as an earlier one may be in its pause after an error. */
enum kr_err ctl_reopen(struct ctl *ctl) KR_MUST_CHECK;

/* Says on stderr what went wrong; returns CTL_FAILED. */
int ctl_fail(const char *what, enum kr_err err);

/* ---- sessions (sessions.c) -------------------------------------------- */

#define CTL_PAGE 256 /* sessions that are asked for at once */

/* Records for one question, with an arena that is theirs until the next. */
struct ctl_page {
	struct kri_record records[CTL_PAGE];
	struct kri_record *list[CTL_PAGE];
	size_t n;
	struct kri_arena arena;
};

void ctl_page_init(struct ctl_page *page, const struct ctl *ctl);
void ctl_page_free(struct ctl_page *page);

/* Empties it, and adds a session by its id. */
void ctl_page_clear(struct ctl_page *page);
void ctl_page_add(struct ctl_page *page, const char *id);

/* What the store has of them; prolongs nothing. A look tells how long they
 * will live, too, for which an operator's rights are needed. */
void ctl_page_load(struct ctl *ctl, struct ctl_page *page);
void ctl_page_peek(struct ctl *ctl, struct ctl_page *page);

/* Carries out each record's operation. */
void ctl_page_commit(struct ctl *ctl, struct ctl_page *page);

/* The user who has logged in, or no text; and what the session is called among
 * the user's. */
struct kri_text ctl_user_of(const struct kri_record *record);
struct kri_text ctl_label_of(const struct kri_record *record);

/* Whether it is one of ctl->user's, or there is none. */
bool ctl_is_wanted(const struct ctl *ctl, const struct kri_record *record);

/* ---- the walk (walk.c) ------------------------------------------------ */

/* A page of sessions that exist, none of them for the second time. */
typedef enum kr_err ctl_visit(struct ctl *ctl, struct ctl_page *page,
			      void *arg);

/*
 * Visits all sessions; with `peek` they have been looked at, else their ids
 * are all there is. Shows on a terminal how far it is. The visitor's error
 * ends it.
 */
enum kr_err ctl_walk(struct ctl *ctl, bool peek, ctl_visit *visit,
		     void *arg) KR_MUST_CHECK;

/* Has ended sessions leave a page that was looked at; another error is that of
 * all. */
enum kr_err ctl_page_drop_ended(struct ctl_page *page) KR_MUST_CHECK;

/* ---- those of a user (user.c) ----------------------------------------- */

/* Visits what the store's index has of ctl->user, looked at. */
enum kr_err ctl_user_walk(struct ctl *ctl, ctl_visit *visit,
			  void *arg) KR_MUST_CHECK;

/* Ends them, but ctl->keep; how many comes on top of *n. */
enum kr_err ctl_user_end(struct ctl *ctl, int64_t *n) KR_MUST_CHECK;

/* ---- output (print.c) ------------------------------------------------- */

/* Gives on what has been printed. false, and said why if need be, if nobody
 * takes it: a pipe's reader may have had enough. */
bool ctl_flush(struct ctl *ctl);

/* Text that may hold anything, as a terminal can be shown it. */
void ctl_print_text(struct kri_text text);

/* Seconds in the two largest units, such as "3d 4h"; "-" if below 0. */
#define CTL_SPAN 48
const char *ctl_span(int64_t seconds, char room[CTL_SPAN]);

/* Table rows and JSON lines of sessions. */
void ctl_print_head(void);
void ctl_print_row(const struct kri_record *record);
void ctl_print_session(const struct kri_record *record);
void ctl_print_json(const struct kri_record *record, bool values);

/* ---- a running krsessiond (fetch.c) ----------------------------------- */

/* Whether it is spelt unix:PATH or tcp:HOST:PORT. */
bool ctl_is_place(const char *place);

/* Fetches a page of its own socket: the body lies in `answer`. NULL, or what
 * is wrong, until the next call. */
const char *ctl_fetch(const char *place, const char *path,
		      struct kri_buffer *answer, struct kri_text *body);

/* ---- commands --------------------------------------------------------- */

/* Each returns the exit status. */
int ctl_check(struct ctl *ctl);
int ctl_list(struct ctl *ctl);
int ctl_show(struct ctl *ctl);
int ctl_end(struct ctl *ctl);
int ctl_count(struct ctl *ctl);
int ctl_stats(struct ctl *ctl);
int ctl_sweep(struct ctl *ctl);
int ctl_top(struct ctl *ctl);

#endif
