/*
 * Sessions a page at a time: asked for, looked at, committed. Here the store's
 * asynchronous contract becomes calls that return when they are done.
 */
#include "ctl/ctl.h"

#include <stdio.h>

#include "session/session.h"

#define CHUNK (64 << 10)

/* ---- waiting ---------------------------------------------------------- */

/* The loop's data counts what is waited for. */
void ctl_begin(struct ctl *ctl)
{
	ctl->loop.data = ctl;
}

void ctl_done(void *ctl)
{
	((struct ctl *)ctl)->loop.data = NULL;
}

void ctl_wait(struct ctl *ctl)
{
	ctl->store->ops->flush(ctl->link);
	while (ctl->loop.data) {
		uv_run(&ctl->loop, UV_RUN_ONCE);
		ctl->store->ops->flush(ctl->link);
	}
}

enum kr_err ctl_reopen(struct ctl *ctl)
{
	ctl->store->ops->detach(&ctl->link);
	uv_run(&ctl->loop, UV_RUN_DEFAULT);
	return ctl->store->ops->attach(ctl->store, &ctl->loop, &ctl->link);
}

int ctl_fail(const char *what, enum kr_err err)
{
	fprintf(stderr, "krsessionctl: %s: %s\n", what, kr_strerror(err));
	return CTL_FAILED;
}

/* ---- pages ------------------------------------------------------------ */

/* Room for a page of the largest sessions there may be, and then some: others
 * may have been stored under limits that were higher. */
void ctl_page_init(struct ctl_page *page, const struct ctl *ctl)
{
	page->n = 0;
	kri_arena_init(&page->arena, CHUNK,
		       CTL_PAGE * 4 * (size_t)ctl->config.max_size);
}

void ctl_page_free(struct ctl_page *page)
{
	kri_arena_free(&page->arena);
}

void ctl_page_clear(struct ctl_page *page)
{
	page->n = 0;
	kri_arena_reset(&page->arena);
}

void ctl_page_add(struct ctl_page *page, const char *id)
{
	struct kri_record *record = &page->records[page->n];

	*record = (struct kri_record){.arena = &page->arena};
	memcpy(record->id, id, KRI_ID_LEN);
	page->list[page->n++] = record;
}

void ctl_page_load(struct ctl *ctl, struct ctl_page *page)
{
	ctl_begin(ctl);
	ctl->store->ops->load(ctl->link, page->list, page->n, ctl_done, ctl);
	ctl_wait(ctl);
}

void ctl_page_peek(struct ctl *ctl, struct ctl_page *page)
{
	ctl_begin(ctl);
	ctl->store->ops->peek(ctl->link, page->list, page->n, ctl_done, ctl);
	ctl_wait(ctl);
}

void ctl_page_commit(struct ctl *ctl, struct ctl_page *page)
{
	ctl_begin(ctl);
	ctl->store->ops->commit(ctl->link, page->list, page->n, ctl_done, ctl);
	ctl_wait(ctl);
}

/* ---- what is in them -------------------------------------------------- */

static struct kri_text value_of(const struct kri_record *record,
				struct kri_text key)
{
	const struct kri_value *value = kri_record_find(record, key);

	return value ? value->data : kri_text(NULL, 0);
}

struct kri_text ctl_user_of(const struct kri_record *record)
{
	return value_of(record, KRI_KEY_USER);
}

struct kri_text ctl_label_of(const struct kri_record *record)
{
	return value_of(record, KRI_KEY_LABEL);
}

bool ctl_is_wanted(const struct ctl *ctl, const struct kri_record *record)
{
	return !ctl->user ||
	       kri_text_equal(ctl_user_of(record), kri_text_of(ctl->user));
}
