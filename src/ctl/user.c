/*
 * The sessions of one user, as the store's index has them. What of it is shown
 * has been looked at: an index may name sessions that have ended.
 */
#include "ctl/ctl.h"

#include <stdlib.h>

#define CHUNK (64 << 10)
#define LIMIT ((size_t)64 << 20) /* bytes of one user's ids */

static struct kri_user_query query_of(const struct ctl *ctl,
				      struct kri_arena *ids)
{
	kri_arena_init(ids, CHUNK, LIMIT);
	return (struct kri_user_query){
		.user = kri_text_of(ctl->user),
		.keep = ctl->keep,
		.arena = ids,
	};
}

/* Those that are the user's, still. */
static enum kr_err look(struct ctl *ctl, struct ctl_page *page)
{
	enum kr_err err;
	size_t n = 0;

	ctl_page_peek(ctl, page);
	err = ctl_page_drop_ended(page);
	for (size_t i = 0; i < page->n && !err; i++)
		if (ctl_is_wanted(ctl, page->list[i]))
			page->list[n++] = page->list[i];
	page->n = n;
	return err;
}

static enum kr_err visit_all(struct ctl *ctl,
			     const struct kri_user_query *query,
			     struct ctl_page *page, ctl_visit *visit, void *arg)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < query->n && !err; i++) {
		ctl_page_add(page, query->ids[i]);
		if (page->n < CTL_PAGE && i + 1 < query->n)
			continue;
		err = look(ctl, page);
		if (!err)
			err = visit(ctl, page, arg);
		ctl_page_clear(page);
	}
	return err;
}

enum kr_err ctl_user_walk(struct ctl *ctl, ctl_visit *visit, void *arg)
{
	struct ctl_page *page = calloc(1, sizeof(*page));
	struct kri_arena ids;
	struct kri_user_query query;
	enum kr_err err;

	if (!page)
		return KR_ERR_MEMORY;
	query = query_of(ctl, &ids);
	ctl_page_init(page, ctl);
	ctl_begin(ctl);
	ctl->store->ops->user_list(ctl->link, &query, ctl_done, ctl);
	ctl_wait(ctl);
	err = query.err;
	if (!err)
		err = visit_all(ctl, &query, page, visit, arg);
	ctl_page_free(page);
	kri_arena_free(&ids);
	free(page);
	return err;
}

enum kr_err ctl_user_end(struct ctl *ctl, int64_t *n)
{
	struct kri_arena ids;
	struct kri_user_query query = query_of(ctl, &ids);

	ctl_begin(ctl);
	ctl->store->ops->user_end(ctl->link, &query, ctl_done, ctl);
	ctl_wait(ctl);
	kri_arena_free(&ids);
	*n += query.ended;
	return query.err;
}
