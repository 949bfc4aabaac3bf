/*
 * What a life is led in: the program with its store and its loop, its client,
 * and what the client may rely on. How it begins and ends.
 */
#ifndef TESTS_ALLOCATION_WORLD_H
#define TESTS_ALLOCATION_WORLD_H

#include "api/app.h"
#include "client.h"
#include "store/store.h"

struct life;

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

/* What it is at. */
void world_say(struct world *world, const char *doing);

/* Notes what was wrong; the first is kept. Always false. */
bool world_wrong(struct world *world, const char *format, ...) KR_PRINTF(2, 3);

/* False if a call was refused. */
bool world_begin(struct world *world);

/* The loop alone, where it could not be opened. */
bool world_open_loop(struct world *world);

void world_end(struct world *world);

#endif
