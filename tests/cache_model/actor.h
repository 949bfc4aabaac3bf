/*
 * A thread that takes part in the history, and what it can do.
 */
#ifndef CACHE_MODEL_ACTOR_H
#define CACHE_MODEL_ACTOR_H

#include "model.h"

struct self {
	unsigned number, process;
	uint64_t random;
	struct kr_store *store;
	struct kr_store *ends; /* where sessions are ended */
	struct actor *notes;
	/* BREAK_HOLD: what a cache that asks nobody would answer from. */
	struct card *held_card;
	struct kr_session *held;
	uint64_t held_until;
};

/* Does it, at a card or, to log in anew, at a user's slot. */
enum kr_err operate(struct self *self, enum operation operation,
		    struct card *card, unsigned user, unsigned slot);

#endif
