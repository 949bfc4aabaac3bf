/*
 * Looks at the store past the program, over the loop's own link.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static void set_flag(void *arg)
{
	*(bool *)arg = true;
}

static void await(struct world *world, const bool *flag)
{
	struct kri_link *link = world->loop->stages.link;

	link->store->ops->flush(link);
	while (!*flag) {
		client_turn(world->loop);
		if (!*flag)
			client_wait(world->loop, -1);
	}
}

static enum kr_err peek(struct world *world, struct kri_record *record)
{
	struct kri_link *link = world->loop->stages.link;
	bool flag = false;

	link->store->ops->peek(link, &record, 1, set_flag, &flag);
	await(world, &flag);
	return record->err;
}

/* A store that has lost its connection may take a while. */
static enum kr_err peek_until(struct world *world, struct kri_record *record)
{
	int64_t until = kri_clock_ms() + RECOVERY;

	while (peek(world, record) && record->err != KR_ERR_NOT_FOUND &&
	       kri_clock_ms() < until)
		client_turn(world->loop);
	return record->err;
}

static bool has(const struct kri_record *record, const char *key,
		const char *data)
{
	const struct kri_value *value =
		kri_record_find(record, kri_text_of(key));

	return value && kri_text_equal(value->data, kri_text_of(data));
}

static int count_of(const struct kri_record *record)
{
	const struct kri_value *value =
		kri_record_find(record, KRI_TEXT("count"));

	return value ? atoi(value->data.data) : 0;
}

static bool judge_record(struct world *world, const struct kri_record *record)
{
	const struct known *known = &world->known;
	int n = count_of(record);
	bool noted = has(record, "note", "hallo");

	if (has(record, "color", "blue") != known->blue)
		return world_wrong(world, "the stored color is another");
	if (n < known->least || n > known->most)
		return world_wrong(world,
				   "the stored count is %d, not %d to %d", n,
				   known->least, known->most);
	if (noted ? !known->maybe_noted : known->noted)
		return world_wrong(world, "the stored note is another");
	return true;
}

/* It holds what was promised, whatever has failed. */
bool world_look(struct world *world)
{
	struct kri_arena arena;
	struct kri_record record = {.arena = &arena};
	bool good = true;

	if (!*world->known.id)
		return true;
	kri_arena_init(&arena, 4096, 1 << 20);
	memcpy(record.id, world->known.id, sizeof(record.id));
	if (peek_until(world, &record))
		world_wrong(world, "the session: %s", kr_strerror(record.err));
	else
		good = judge_record(world, &record);
	kri_arena_free(&arena);
	return good && !record.err;
}

struct counted {
	bool flag;
	enum kr_err err;
};

static void counted(void *arg, enum kr_err err, int64_t n)
{
	*(struct counted *)arg = (struct counted){true, n < 0 ? KR_OK : err};
}

void world_walk(struct world *world)
{
	struct counted result = {0};
	size_t removed;

	world_say(world, "walk");
	if (kri_store_count(world->loop->stages.link, counted, &result))
		return;
	await(world, &result.flag);
	if (result.err)
		world->life->refused++;
	(void)kri_store_away(world->store);
	if (world->store->ops->sweep(world->store, &removed))
		world->life->refused++;
}
