/*
 * The commands that end sessions: end, and sweep for those that have ended by
 * themselves. Who comes with the cookie of a session that was ended here finds
 * none, on any process, from the next request on.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>

/* Ends the page's sessions; how many there were comes on top of *n. */
static enum kr_err end_page(struct ctl *ctl, struct ctl_page *page, int64_t *n)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < page->n; i++) {
		page->list[i]->operation = KRI_OP_DESTROY;
		page->list[i]->user = ctl_user_of(page->list[i]);
	}
	if (page->n)
		ctl_page_commit(ctl, page);
	for (size_t i = 0; i < page->n; i++) {
		if (!page->list[i]->err)
			*n += 1;
		else if (!err)
			err = page->list[i]->err;
	}
	return err;
}

/* ---- those that are named --------------------------------------------- */

/* Sessions that exist stay in the page; the others are named on stderr, and
 * make the exit status another. */
static enum kr_err keep_known(struct ctl_page *page, bool *all_known)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n; i++) {
		struct kri_record *record = page->list[i];

		if (record->err == KR_ERR_NOT_FOUND) {
			fprintf(stderr,
				"krsessionctl: there is no session %s\n",
				record->id);
			*all_known = false;
		} else if (record->err) {
			return record->err;
		} else {
			page->list[n++] = record;
		}
	}
	page->n = n;
	return KR_OK;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One that is named twice is ended once, and counted once. */
static void drop_repeated(struct ctl *ctl)
{
	int n = 0;

	qsort(ctl->args, (size_t)ctl->n, sizeof(*ctl->args), compare);
	for (int i = 0; i < ctl->n; i++)
		if (!n || strcmp(ctl->args[n - 1], ctl->args[i]))
			ctl->args[n++] = ctl->args[i];
	ctl->n = n;
}

static enum kr_err end_named(struct ctl *ctl, struct ctl_page *page, int64_t *n,
			     bool *all_known)
{
	enum kr_err err = KR_OK;

	drop_repeated(ctl);
	for (int i = 0; i < ctl->n && !err; i++) {
		ctl_page_add(page, ctl->args[i]);
		if (page->n < CTL_PAGE && i + 1 < ctl->n)
			continue;
		ctl_page_peek(ctl, page);
		err = keep_known(page, all_known);
		if (!err)
			err = end_page(ctl, page, n);
		ctl_page_clear(page);
	}
	return err;
}

/* ---- a user's, or all ------------------------------------------------- */

static enum kr_err end_wanted(struct ctl *ctl, struct ctl_page *page, void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n; i++)
		if (ctl_is_wanted(ctl, page->list[i]) &&
		    (!ctl->keep || strcmp(ctl->keep, page->list[i]->id) != 0))
			page->list[n++] = page->list[i];
	page->n = n;
	return end_page(ctl, page, arg);
}

/* The store ends a user's itself, so that none is missed that the user had
 * logged in to by then; what it does not know as the user's is looked for. */
static enum kr_err end_all_wanted(struct ctl *ctl, int64_t *n)
{
	enum kr_err err = ctl->user ? ctl_user_end(ctl, n) : KR_OK;

	if (err || (ctl->user && !ctl->scan))
		return err;
	return ctl_walk(ctl, ctl->user != NULL, end_wanted, n);
}

int ctl_end(struct ctl *ctl)
{
	struct ctl_page *page = calloc(1, sizeof(*page));
	bool all_known = true;
	int64_t n = 0;
	enum kr_err err;

	if (!page)
		return ctl_fail("end", KR_ERR_MEMORY);
	ctl_page_init(page, ctl);
	if (ctl->n)
		err = end_named(ctl, page, &n, &all_known);
	else
		err = end_all_wanted(ctl, &n);
	ctl_page_free(page);
	free(page);
	printf("ended %lld\n", (long long)n);
	if (err)
		return ctl_fail("end", err);
	return all_known ? CTL_DONE : CTL_NO;
}

/* ---- sweep ------------------------------------------------------------ */

int ctl_sweep(struct ctl *ctl)
{
	size_t n = 0;
	enum kr_err err = ctl->store->ops->sweep(ctl->store, &n);

	printf("swept %zu\n", n);
	return err ? ctl_fail("sweep", err) : CTL_DONE;
}
