/*
 * krsessionctl check: what is to be mended before users find out. A session is
 * taken through its whole life, as nothing else proves that every right is
 * there; all sessions are looked at; then the store says what only it knows.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "session/token.h"

#define PROBE_TTL 60000 /* ms that a probe lives if we are cut off */
#define PROBES 8        /* sessions, so that a cluster's nodes all have some */

struct check {
	bool mend; /* something is to be mended */
};

static void tell(void *arg, enum kri_finding finding, const char *text,
		 const char *mend)
{
	static const char *const names[] = {
		[KRI_FINDING_GOOD] = "ok",
		[KRI_FINDING_UNKNOWN] = "unknown",
		[KRI_FINDING_WARNING] = "warning",
		[KRI_FINDING_BAD] = "bad",
	};
	struct check *check = arg;

	check->mend |= finding >= KRI_FINDING_WARNING;
	printf("%-8s ", names[finding]);
	ctl_print_text(kri_text_of(text));
	putchar('\n');
	if (mend)
		printf("%-8s mend: %s\n", "", mend);
	fflush(stdout);
}

/* ---- a session's life ------------------------------------------------- */

static const char *const steps[] = {"made", "read", "changed", "renewed",
				    "ended"};
enum { STEP_CREATE, STEP_LOAD, STEP_UPDATE, STEP_RENEW, STEP_END };

static enum kr_err set_value(struct kri_record *record, struct kri_text data)
{
	enum kr_err err = kri_record_reserve(record, 1);

	if (!err)
		record->values[record->n++] = (struct kri_value){
			.key = KRI_TEXT("probe"),
			.data = data,
			.change = KRI_CHANGE_SET,
		};
	return err;
}

static enum kr_err renew(struct kri_record *record)
{
	struct kri_token token;
	enum kr_err err = kri_token_renew(&token, record->id);

	memcpy(record->was, record->auth, sizeof(record->was));
	if (!err)
		err = kri_token_digest(&token, record->auth);
	record->was_at = kri_clock_epoch_ms();
	record->renewed = true;
	return err;
}

/* What the record is to be for that step. */
static enum kr_err prepare(struct kri_record *record, int step)
{
	static const enum kri_operation operations[] = {
		[STEP_CREATE] = KRI_OP_CREATE,
		[STEP_UPDATE] = KRI_OP_UPDATE,
		[STEP_RENEW] = KRI_OP_UPDATE,
		[STEP_END] = KRI_OP_DESTROY,
	};

	record->operation = operations[step];
	record->ttl = PROBE_TTL; /* a change prolongs, too */
	switch (step) {
	case STEP_CREATE:
		record->born = kri_clock_epoch();
		return set_value(record, KRI_TEXT("1"));
	case STEP_UPDATE:
		return set_value(record, KRI_TEXT("2"));
	case STEP_RENEW:
		return renew(record);
	default:
		return KR_OK;
	}
}

static enum kr_err walk_step(struct ctl *ctl, struct ctl_page *page, int step)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < page->n && !err; i++)
		if (step != STEP_LOAD)
			err = prepare(page->list[i], step);
	if (err)
		return err;
	if (step == STEP_LOAD)
		ctl_page_load(ctl, page);
	else
		ctl_page_commit(ctl, page);
	for (size_t i = 0; i < page->n && !err; i++)
		err = page->list[i]->err;
	return err;
}

static enum kr_err make_probes(struct ctl_page *page)
{
	struct kri_token token;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < PROBES && !err; i++) {
		err = kri_token_make(&token);
		if (err)
			break;
		ctl_page_add(page, token.id);
		err = kri_token_digest(&token, page->list[i]->auth);
	}
	return err;
}

static void say_step(struct check *check, int step, enum kr_err err)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&text, "a session cannot be %s: %s", steps[step],
			  kr_strerror(err));
	tell(check, KRI_FINDING_BAD, text.data ? text.data : kr_strerror(err),
	     "the lines above say what the store refused");
	kri_buffer_free(&text);
}

/* Whether the store could be reached. A probe is ended whatever fails. */
static bool check_life(struct ctl *ctl, struct check *check)
{
	struct ctl_page *page = calloc(1, sizeof(*page));
	enum kr_err err = page ? KR_OK : KR_ERR_MEMORY;
	int step = STEP_CREATE;

	if (!page) {
		say_step(check, step, err);
		return false;
	}
	ctl_page_init(page, ctl);
	err = make_probes(page);
	for (; !err && step <= STEP_END; step++)
		err = walk_step(ctl, page, step);
	if (err) {
		say_step(check, step ? step - 1 : 0, err);
		if (!ctl_reopen(ctl))
			(void)walk_step(ctl, page, STEP_END);
	} else {
		tell(check, KRI_FINDING_GOOD,
		     "a session can be made, read, changed, renewed and ended",
		     NULL);
	}
	ctl_page_free(page);
	free(page);
	return err != KR_ERR_UNAVAILABLE && err != KR_ERR_TIMEOUT;
}

/* ---- all sessions ----------------------------------------------------- */

struct lives {
	long long n, endless;
	char example[KRI_ID_LEN + 1];
};

static enum kr_err look(struct ctl *ctl, struct ctl_page *page, void *arg)
{
	struct lives *lives = arg;

	(void)ctl;
	lives->n += (long long)page->n;
	for (size_t i = 0; i < page->n; i++) {
		if (page->list[i]->left >= 0)
			continue;
		lives->endless++;
		memcpy(lives->example, page->list[i]->id,
		       sizeof(lives->example));
	}
	return KR_OK;
}

static void check_lives(struct ctl *ctl, struct check *check)
{
	struct lives lives = {0};
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	enum kr_err err = ctl_walk(ctl, true, look, &lives);

	/* A store that refuses is left alone for a while: not by us. */
	if (err && ctl_reopen(ctl))
		return;
	if (err)
		kri_buffer_printf(&text, "sessions cannot be listed: %s",
				  kr_strerror(err));
	else if (lives.endless)
		kri_buffer_printf(&text,
				  "%lld of %lld sessions have no time to live, "
				  "such as %s: somebody else took it away",
				  lives.endless, lives.n, lives.example);
	else
		kri_buffer_printf(&text, "each of %lld sessions has an end",
				  lives.n);
	if (!text.failed && err)
		tell(check, KRI_FINDING_UNKNOWN, text.data,
		     "give the user the rights to list: +scan in Redis");
	else if (!text.failed)
		tell(check,
		     lives.endless ? KRI_FINDING_WARNING : KRI_FINDING_GOOD,
		     text.data,
		     lives.endless ? "krsessionctl end ID ends one" : NULL);
	kri_buffer_free(&text);
}

/* ---- the store's own -------------------------------------------------- */

static void check_store(struct ctl *ctl, struct check *check)
{
	struct kri_examination examination = {.tell = tell, .arg = check};

	if (!ctl->store->ops->examine)
		return;
	ctl_begin(ctl);
	ctl->store->ops->examine(ctl->link, &examination, ctl_done, ctl);
	ctl_wait(ctl);
}

int ctl_check(struct ctl *ctl)
{
	struct check check = {0};

	if (!check_life(ctl, &check))
		return CTL_FAILED;
	check_lives(ctl, &check);
	check_store(ctl, &check);
	return check.mend ? CTL_NO : CTL_DONE;
}
