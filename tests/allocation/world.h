/*
 * What one life is led in, and what its client may rely on.
 */
#ifndef TESTS_ALLOCATION_WORLD_H
#define TESTS_ALLOCATION_WORLD_H

#include "client.h"
#include "life.h"
#include "store/store.h"

/* Of the session whose cookie the client has. */
struct known {
	char id[KRI_ID_LEN + 1]; /* "": it has none */
	bool blue;               /* it has been painted */
	int least, most;         /* of the count */
	bool noted, maybe_noted;
	bool doubtful; /* a login failed: the cookie may be superseded */
	bool ended;    /* or it may: a logout failed, or did not */
};

struct world {
	struct life *life;
	struct kr_app *app;
	struct kri_store *store;
	struct kri_loop *loop; /* NULL: it could not be opened */
	struct client client;
	struct known known;
};

/* Notes what it is at. */
void world_say(struct world *world, const char *doing);

/* Notes what was wrong, the first time; returns false. */
bool world_wrong(struct world *world, const char *format, ...) KR_PRINTF(2, 3);

/* Whether the stored session is what was promised, whatever has failed. */
bool world_look(struct world *world);

/* Counts all sessions, and sweeps, as an operator does. */
void world_walk(struct world *world);

#endif
