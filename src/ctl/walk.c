/*
 * The walk over all sessions, with its cursor in the store. A store may name a
 * session twice while its tables grow, so ids that have been met are kept.
 */
#include "ctl/ctl.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define CHUNK (64 << 10)
#define LIMIT ((size_t)64 << 20) /* bytes of one step's ids */
#define TICK 100                 /* ms between two words of progress */

struct walk {
	struct ctl *ctl;
	struct kri_listing listing;
	struct kri_arena arena;
	struct ctl_page page;
	void *met; /* tsearch(3)'s tree of ids */
	bool peek;
	ctl_visit *visit;
	void *arg;
	int64_t n;       /* sessions so far */
	int64_t said_at; /* kri_clock_ms(); 0: nobody wants to know */
};

/* ---- progress --------------------------------------------------------- */

static void say(struct walk *walk)
{
	int64_t now = kri_clock_ms();

	if (!walk->said_at || now - walk->said_at < TICK)
		return;
	walk->said_at = now;
	fprintf(stderr, "\r%lld sessions looked at", (long long)walk->n);
}

static void unsay(const struct walk *walk)
{
	if (walk->said_at)
		fprintf(stderr, "\r\033[K");
}

/* ---- ids -------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, KRI_ID_LEN);
}

/* Whether it comes for the first time, as always where the store has them in
 * order: then none need be kept. */
static enum kr_err meet(struct walk *walk, const char *id, bool *first)
{
	char *copy, **found;

	*first = true;
	if (*walk->listing.last)
		return KR_OK;
	copy = strdup(id);
	found = copy ? tsearch(copy, &walk->met, compare) : NULL;
	if (found)
		*first = *found == copy;
	if (!found || !*first)
		free(copy);
	return found ? KR_OK : KR_ERR_MEMORY;
}

/* ---- pages ------------------------------------------------------------ */

/* What ended between the list and the look is nobody's business; another
 * error is that of all. */
enum kr_err ctl_page_drop_ended(struct ctl_page *page)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n; i++) {
		struct kri_record *record = page->list[i];

		if (record->err && record->err != KR_ERR_NOT_FOUND)
			return record->err;
		if (!record->err)
			page->list[n++] = record;
	}
	page->n = n;
	return KR_OK;
}

static enum kr_err end_page(struct walk *walk)
{
	struct ctl_page *page = &walk->page;
	enum kr_err err = KR_OK;

	if (walk->peek && page->n) {
		ctl_page_peek(walk->ctl, page);
		err = ctl_page_drop_ended(page);
	}
	walk->n += (int64_t)page->n;
	if (!err && page->n)
		err = walk->visit(walk->ctl, page, walk->arg);
	ctl_page_clear(page);
	say(walk);
	return err;
}

static enum kr_err take_ids(struct walk *walk)
{
	enum kr_err err = walk->listing.err;
	bool first = false;

	for (size_t i = 0; i < walk->listing.n && !err; i++) {
		err = meet(walk, walk->listing.ids[i], &first);
		if (!err && first)
			ctl_page_add(&walk->page, walk->listing.ids[i]);
		if (!err && walk->page.n == CTL_PAGE)
			err = end_page(walk);
	}
	return err;
}

static enum kr_err step(struct walk *walk)
{
	struct ctl *ctl = walk->ctl;

	kri_arena_reset(&walk->arena);
	ctl_begin(ctl);
	ctl->store->ops->list(ctl->link, &walk->listing, ctl_done, ctl);
	ctl_wait(ctl);
	return take_ids(walk);
}

enum kr_err ctl_walk(struct ctl *ctl, bool peek, ctl_visit *visit, void *arg)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	enum kr_err err = KR_OK;

	if (!walk)
		return KR_ERR_MEMORY;
	*walk = (struct walk){
		.ctl = ctl,
		.listing = {.arena = &walk->arena},
		.peek = peek,
		.visit = visit,
		.arg = arg,
		.said_at = isatty(STDERR_FILENO) ? kri_clock_ms() : 0,
	};
	kri_arena_init(&walk->arena, CHUNK, LIMIT);
	ctl_page_init(&walk->page, ctl);
	while (!err && !walk->listing.end)
		err = step(walk);
	if (!err)
		err = end_page(walk);
	unsay(walk);
	tdestroy(walk->met, free);
	ctl_page_free(&walk->page);
	kri_arena_free(&walk->arena);
	free(walk);
	return err;
}
