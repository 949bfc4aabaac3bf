/*
 * A table of sessions under way on one loop, each with the exchanges that
 * wait for it, in the order in which they came.
 */
#include "fcgi/lines.h"

#include <stdlib.h>

/* An id is random, and so is any part of it. */
static struct kri_line **list_of(struct kri_lines *lines, const char *id)
{
	unsigned char a = (unsigned char)id[0], b = (unsigned char)id[1];

	return &lines->lists[(a * 64u + b) % KRI_LINES];
}

static struct kri_line **find(struct kri_lines *lines, const char *id)
{
	struct kri_line **at = list_of(lines, id);

	while (*at && memcmp((*at)->id, id, KRI_ID_LEN))
		at = &(*at)->next;
	return at;
}

static struct kri_line *make(struct kri_lines *lines)
{
	struct kri_line *line = lines->unused;

	if (line)
		lines->unused = line->next;
	else
		line = malloc(sizeof(*line));
	return line;
}

static void hold(struct kri_line *line, struct kr_context *c,
		 const struct kri_batch *batch)
{
	line->batch = batch;
	line->holders++;
	c->line = line;
}

static void wait_in(struct kri_line *line, struct kr_context *c)
{
	c->next = NULL;
	*line->last = c;
	line->last = &c->next;
}

enum kr_err kri_lines_enter(struct kri_lines *lines, struct kr_context *c,
			    const struct kri_batch *batch, bool *turn)
{
	const char *id = c->visit.candidates[0].token.id;
	struct kri_line **at = find(lines, id);
	struct kri_line *line = *at;

	if (line) {
		*turn = line->batch == batch;
		if (*turn)
			hold(line, c, batch);
		else
			wait_in(line, c);
		return KR_OK;
	}
	line = make(lines);
	if (!line)
		return KR_ERR_MEMORY;
	*line = (struct kri_line){.last = &line->first};
	memcpy(line->id, id, KRI_ID_LEN);
	*at = line;
	hold(line, c, batch);
	*turn = true;
	return KR_OK;
}

struct kr_context *kri_lines_leave(struct kri_lines *lines,
				   struct kr_context *c)
{
	struct kri_line *line = c->line;
	struct kri_line **at;

	c->line = NULL;
	if (!line || --line->holders)
		return NULL;
	at = find(lines, line->id);
	*at = line->next;
	line->next = lines->unused;
	lines->unused = line;
	return line->first;
}

void kri_lines_free(struct kri_lines *lines)
{
	while (lines->unused) {
		struct kri_line *line = lines->unused;

		lines->unused = line->next;
		free(line);
	}
}
