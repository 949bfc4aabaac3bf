/*
 * The stages of a loop: what one of its turns has read is a batch, and goes
 *
 *     accept -> load -> handle -> commit -> respond
 *
 * with one write and one read to the store in each direction, however many
 * exchanges are in it. Any number of batches are under way while the store
 * thinks. Used by the loop's thread alone.
 */
#ifndef KRI_FCGI_STAGES_H
#define KRI_FCGI_STAGES_H

#include <stdatomic.h>
#include <uv.h>

#include "fcgi/exchange.h"
#include "fcgi/lines.h"
#include "store/store.h"

struct kri_batch {
	struct kri_stages *stages;
	struct kr_context **members; /* n of them; NULL: it has gone */
	size_t n;
	size_t commits_n;       /* in commits, as it went to the store */
	size_t soon_n;          /* of them, before those that end sessions */
	int commits_left;       /* calls of the store under way */
	struct kri_arena arena; /* of the records, with what was loaded */
	struct kri_record **records; /* to load, each session once */
	size_t records_n;
	struct kri_record **commits; /* what the commit stage collects */
	uv_work_t work;              /* of a KR_BLOCKING handler */
	enum kr_err work_err;
	void (*handled)(struct kri_batch *batch); /* what follows it */
	int64_t since; /* kri_clock_us(), of the store's part under way */
	struct kri_batch *next; /* among the unused */
};

struct kri_queue {
	struct kr_context *first, **last;
};

struct kri_stages {
	const struct kri_site *site;
	struct kri_link *link;
	uv_loop_t *loop;
	uv_timer_t timer; /* of those that repeat */
	size_t cap;       /* exchanges of a batch */
	bool alone;       /* nobody else waits for the loop: KR_BLOCKING
			   * handlers run on it too */
	struct kri_lines lines;
	struct kri_queue gathered;  /* read, in this turn */
	struct kri_queue repeating; /* that wait for their time */
	struct kr_context *unused;  /* exchanges */
	size_t unused_n;
	struct kri_batch *spare; /* batches */
	size_t under_way;        /* exchanges that were taken */
	size_t added;            /* in this turn */
	int64_t requests;        /* that have begun, in so many */
	int64_t batches;
	unsigned random;
	atomic_llong turn_at; /* kri_clock_us() of the turn's begin; 0: the
			       * loop waits. Others may read it. */
	struct kri_buffer out;
	/* Sends an answer and is done with the exchange's connection. */
	void (*send)(void *arg, struct kr_context *c, struct kri_text answer);
	void *arg;
};

/* `send` and `arg` are the caller's to fill in. KR_ERR_MEMORY. */
enum kr_err kri_stages_open(struct kri_stages *stages,
			    const struct kri_site *site,
			    struct kri_store *store,
			    uv_loop_t *loop) KR_MUST_CHECK;

/* Nothing is under way any more. The loop must run what is left of it
 * before _free. */
void kri_stages_close(struct kri_stages *stages);
void kri_stages_free(struct kri_stages *stages);

/* The loop has something to do: if it waited, its turn begins. Called first
 * by all that it calls back, as nothing else tells that the wait is over. */
void kri_stages_wake(struct kri_stages *stages);

/* An unused exchange; NULL without memory. */
struct kr_context *kri_stages_take(struct kri_stages *stages);

/* Gives back one that was not added. */
void kri_stages_drop(struct kri_stages *stages, struct kr_context *c);

/* An exchange that has begun goes with the next turn. */
void kri_stages_add(struct kri_stages *stages, struct kr_context *c);

/* So many go with it that the rest had better be read in the one after: an
 * exchange takes memory, and ten thousand at once all that there is. */
bool kri_stages_is_full(const struct kri_stages *stages);

/* Walks what was added, and sends to the store what has gathered for it: the
 * last thing before the loop waits. */
void kri_stages_turn(struct kri_stages *stages);

#endif
