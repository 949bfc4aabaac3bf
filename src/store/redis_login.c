/*
 * Who logs in: first into the index of the user, then the session is written.
 *
 *     enter, and the mark -> (look, enter) -> (end others) -> write ->
 * (confirm)
 *
 * What is in brackets is for session.max_per_user. An entry whose session is
 * not there is a ghost, or of one that is about to be written; the latter
 * counts for a while. Whose entry was taken out before it could confirm it,
 * because others came that end later, or because it took too long, ends its
 * session itself. So no more sessions are confirmed than may be, whoever is
 * fast or dies in between.
 */
#include "store/redis_link.h"

#include <stdlib.h>

#include "base/clock.h"
#include "redis/command.h"
#include "store/redis_user_script.h"

#define LOOK_ROOM ((size_t)1 << 20) /* bytes of a reply with ids and scores */
#define INDEX "the index of a user's sessions"

/* All logins of a commit, and what the commit has besides. */
struct logins {
	struct kri_redis_link *link;
	kri_store_done *done;
	void *arg;
	size_t left; /* logins, and one for the rest */
	struct login *of;
};

struct login {
	struct logins *all;
	struct kri_record *record;
	const char **ids; /* in the record's arena: to end, or to look at */
	const char **scores;
	size_t n;
	bool marked; /* the record has its mark */
	bool fresh;  /* the entry is this login's own */
};

/* ---- the beginning and the end ----------------------------------------- */

static void one_done(void *arg)
{
	struct logins *all = arg;
	kri_store_done *done = all->done;
	void *his = all->arg;

	if (--all->left)
		return;
	kri_redis_link_release(all->link);
	free(all->of);
	free(all);
	done(his);
}

static void finish(struct login *login, enum kr_err err)
{
	login->record->err = err;
	one_done(login->all);
}

static struct kri_redis_link *link_of(const struct login *login)
{
	return login->all->link;
}

static const struct kri_config *config_of(const struct login *login)
{
	return ((struct kri_redis_store *)link_of(login)->base.store)->config;
}

static struct kri_text id_of(const struct login *login)
{
	return kri_text(login->record->id, KRI_ID_LEN);
}

/* The entry of a session that will not be. */
static void drop_entry(struct login *login)
{
	if (login->fresh)
		kri_redis_user_forget(link_of(login), login->record->user,
				      login->record->id);
	login->fresh = false;
}

/* What was written is ended: there is no place for it. */
static void undone(struct kri_redis_batch *batch)
{
	struct login *login = batch->arg;
	enum kr_err err = kri_redis_user_check(&batch->pipeline.calls[0],
					       KRI_REPLY_INTEGER, "UNLINK");

	kri_redis_batch_give(batch);
	finish(login, err ? err : login->record->err);
}

static void undo(struct login *login, enum kr_err err)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link_of(login), 1);

	drop_entry(login);
	login->record->err = err;
	if (!batch) {
		finish(login, KR_ERR_MEMORY);
		return;
	}
	batch->arg = login;
	kri_redis_batch_begin(batch, "UNLINK", KRI_KIND_SESSION, id_of(login),
			      0)
		->repeatable = true;
	kri_redis_batch_end(batch);
	kri_redis_batch_submit(batch, undone);
}

/* Nothing was written. */
static void fail(struct login *login, enum kr_err err)
{
	drop_entry(login);
	finish(login, err);
}

/* A batch with room for n calls, whose `arg` is the login; NULL: it failed. */
static struct kri_redis_batch *step(struct login *login, size_t n)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link_of(login), n);

	if (batch)
		batch->arg = login;
	else
		fail(login, KR_ERR_MEMORY);
	return batch;
}

/* ---- the last step: whether the place is still ours --------------------- */

static bool is_refusing(const struct login *login)
{
	return config_of(login)->max_per_user_rule == KRI_USER_REFUSE;
}

/* By the rule that the oldest end, it was logged in and has ended. */
static void confirmed(struct kri_redis_batch *batch)
{
	struct login *login = batch->arg;
	const struct kri_call *call = &batch->pipeline.calls[0];
	enum kr_err err = kri_redis_user_check(call, KRI_REPLY_INTEGER, INDEX);
	bool there = !err && call->reply[0]->integer == 1;

	kri_redis_batch_give(batch);
	if (err)
		undo(login, err);
	else if (there)
		finish(login, KR_OK);
	else
		undo(login, is_refusing(login) ? KR_ERR_SESSIONS : KR_OK);
}

static void confirm(struct login *login)
{
	struct kri_redis_batch *batch = kri_redis_batch_take(link_of(login), 1);

	if (!batch) {
		undo(login, KR_ERR_MEMORY);
		return;
	}
	batch->arg = login;
	kri_redis_batch_begin_script(batch, kri_script_confirm, KRI_KIND_INDEX,
				     login->record->user, 2)
		->repeatable = true;
	kri_command_int(&batch->pipeline.commands, login->record->ttl);
	kri_command_text(&batch->pipeline.commands, id_of(login));
	kri_redis_batch_end(batch);
	kri_redis_batch_submit(batch, confirmed);
}

/* ---- the write --------------------------------------------------------- */

/* Whether it is sure that the session has not got this user: then the entry is
 * taken out, unless it may be another's who changed the session first. */
static bool leaves_ghost(enum kr_err err)
{
	return err == KR_ERR_GONE || err == KR_ERR_FULL ||
	       err == KR_ERR_DENIED || err == KR_ERR_PROTOCOL ||
	       err == KR_ERR_MEMORY;
}

static void written(void *arg)
{
	struct login *login = arg;
	enum kr_err err = login->record->err;

	if (leaves_ghost(err))
		drop_entry(login);
	if (err || !config_of(login)->max_per_user)
		finish(login, err);
	else
		confirm(login);
}

static void write_session(struct login *login)
{
	kri_redis_commit_one(link_of(login), login->record, written, login);
}

/* ---- others that have to go -------------------------------------------- */

static void others_ended(struct kri_redis_batch *batch)
{
	struct login *login = batch->arg;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < batch->pipeline.n && !err; i++)
		err = kri_redis_user_check(&batch->pipeline.calls[i],
					   KRI_REPLY_INTEGER,
					   "the end of a session");
	kri_redis_batch_give(batch);
	if (err)
		fail(login, err);
	else
		write_session(login);
}

static void end_others(struct login *login)
{
	struct kri_redis_batch *batch;

	if (!login->n) {
		write_session(login);
		return;
	}
	batch = step(login, login->n);
	if (!batch)
		return;
	for (size_t i = 0; i < login->n; i++) {
		kri_redis_batch_begin_script(
			batch, kri_script_finish, KRI_KIND_SESSION,
			kri_text(login->ids[i], KRI_ID_LEN), 1)
			->repeatable = true;
		kri_command_text(&batch->pipeline.commands,
				 login->record->user);
		kri_redis_batch_end(batch);
	}
	kri_redis_batch_submit(batch, others_ended);
}

static void enter(struct login *login, bool look);

/* ---- the look ---------------------------------------------------------- */

/* Those whose sessions are the user's stay. */
static enum kr_err find_ghosts(struct login *login,
			       const struct kri_redis_batch *batch)
{
	size_t ghosts = 0;

	for (size_t i = 0; i < batch->pipeline.n; i++) {
		const struct kri_call *call = &batch->pipeline.calls[i];
		const struct kri_reply *user = call->reply[0];
		enum kr_err err = KR_OK;

		if (call->err || user->type != KRI_REPLY_NIL)
			err = kri_redis_user_check(call, KRI_REPLY_STRING,
						   "HGET");
		if (err)
			return err;
		if (user->type == KRI_REPLY_STRING &&
		    kri_text_equal(user->text, login->record->user))
			continue;
		login->ids[ghosts] = login->ids[i];
		login->scores[ghosts++] = login->scores[i];
	}
	login->n = ghosts;
	return KR_OK;
}

static void looked(struct kri_redis_batch *batch)
{
	struct login *login = batch->arg;
	enum kr_err err = find_ghosts(login, batch);

	kri_redis_batch_give(batch);
	if (err)
		fail(login, err);
	else
		enter(login, false);
}

static void look(struct login *login)
{
	struct kri_redis_batch *batch = step(login, login->n);

	if (!batch)
		return;
	for (size_t i = 0; i < login->n; i++) {
		kri_redis_batch_begin(batch, "HGET", KRI_KIND_SESSION,
				      kri_text(login->ids[i], KRI_ID_LEN), 1)
			->repeatable = true;
		kri_command_text(&batch->pipeline.commands, KRI_TEXT("@user"));
		kri_redis_batch_end(batch);
	}
	kri_redis_batch_submit(batch, looked);
}

/* ---- the entry --------------------------------------------------------- */

static const char *keep(struct login *login, const struct kri_reply *text)
{
	return kri_arena_dup(login->record->arena, text->text).data;
}

/* The ids behind the first element, each with a score or none. What is no id
 * can be no session of ours, and is passed over. */
static enum kr_err read_ids(struct login *login, const struct kri_reply *answer,
			    bool scored)
{
	struct kri_arena *arena = login->record->arena;
	size_t each = scored ? 2 : 1;

	login->n = 0;
	login->ids = kri_arena_alloc(arena, answer->n * sizeof(char *));
	login->scores = kri_arena_alloc(arena, answer->n * sizeof(char *));
	if (!login->ids || !login->scores)
		return KR_ERR_MEMORY;
	for (size_t i = 1; i + each <= answer->n; i += each) {
		const struct kri_reply *id = answer->elements[i];
		const struct kri_reply *score = answer->elements[i + each - 1];

		if (id->type != KRI_REPLY_STRING ||
		    score->type != KRI_REPLY_STRING)
			return KR_ERR_PROTOCOL;
		if (id->text.len != KRI_ID_LEN)
			continue;
		login->ids[login->n] = keep(login, id);
		login->scores[login->n] = keep(login, score);
		if (!login->ids[login->n] || !login->scores[login->n])
			return KR_ERR_MEMORY;
		login->n++;
	}
	return KR_OK;
}

/* A number takes Redis less room than a text: "-0" is left out. */
static struct kri_text shorten(struct kri_text id)
{
	if (id.len > 2 && !memcmp(id.data + id.len - 2, "-0", 2))
		id.len -= 2;
	return id;
}

static enum kr_err read_mark(struct login *login, const struct kri_call *call)
{
	enum kr_err err = kri_redis_user_check(
		call, KRI_REPLY_STRING, "the stream of ends of sessions");

	if (err)
		return err;
	login->record->mark = kri_arena_dup(login->record->arena,
					    shorten(call->reply[0]->text));
	login->marked = login->record->mark.data != NULL;
	return login->marked ? KR_OK : KR_ERR_MEMORY;
}

static enum kr_err read_entry(struct login *login, const struct kri_call *call,
			      enum kri_enter *entry)
{
	enum kr_err err = kri_redis_user_check(call, KRI_REPLY_ARRAY, INDEX);
	const struct kri_reply *answer = call->reply[0];

	if (err)
		return err;
	if (!answer->n || answer->elements[0]->type != KRI_REPLY_INTEGER ||
	    answer->elements[0]->integer > KRI_ENTER_REFUSED)
		return KR_ERR_PROTOCOL;
	*entry = (enum kri_enter)answer->elements[0]->integer;
	return read_ids(login, answer, *entry == KRI_ENTER_LOOK);
}

static void entered(struct kri_redis_batch *batch)
{
	struct login *login = batch->arg;
	enum kri_enter entry = KRI_ENTER_REFUSED;
	enum kr_err err = read_entry(login, &batch->pipeline.calls[0], &entry);

	login->fresh = !err && entry == KRI_ENTER_NEW;
	if (!err && batch->pipeline.n > 1)
		err = read_mark(login, &batch->pipeline.calls[1]);
	kri_redis_batch_give(batch);
	if (err)
		fail(login, err);
	else if (entry == KRI_ENTER_LOOK)
		look(login);
	else if (entry == KRI_ENTER_REFUSED)
		fail(login, KR_ERR_SESSIONS);
	else
		end_others(login);
}

static void put_entry(struct kri_redis_batch *batch, const struct login *login,
		      bool look)
{
	struct kri_buffer *out = &batch->pipeline.commands;

	kri_redis_batch_begin_script(batch, kri_script_enter, KRI_KIND_INDEX,
				     login->record->user, 5 + 2 * login->n)
		->room = LOOK_ROOM;
	kri_command_int(out, login->record->ttl);
	kri_command_text(out, id_of(login));
	kri_command_int(out, config_of(login)->max_per_user);
	kri_command_text(out, is_refusing(login) ? KRI_TEXT("refuse")
						 : KRI_TEXT("end"));
	kri_command_text(out, look ? KRI_TEXT("look") : KRI_TEXT(""));
	for (size_t i = 0; i < login->n; i++) {
		kri_command_text(out, kri_text_of(login->ids[i]));
		kri_command_text(out, kri_text_of(login->scores[i]));
	}
	kri_redis_batch_end(batch);
}

static void put_mark(struct kri_redis_batch *batch, const struct login *login)
{
	kri_redis_batch_begin_script(batch, kri_script_mark, KRI_KIND_ENDED,
				     KRI_TEXT(""), 1)
		->repeatable = true;
	kri_command_int(&batch->pipeline.commands,
			kri_redis_life(link_of(login)));
	kri_redis_batch_end(batch);
}

static void enter(struct login *login, bool look)
{
	struct kri_redis_batch *batch = step(login, 2);

	if (!batch)
		return;
	put_entry(batch, login, look);
	login->n = 0;
	if (!login->marked)
		put_mark(batch, login);
	kri_redis_batch_submit(batch, entered);
}

/* ---- all of a commit --------------------------------------------------- */

static struct logins *make(struct kri_redis_link *link, size_t n)
{
	struct logins *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->of = calloc(n, sizeof(*all->of));
	if (!all->of) {
		free(all);
		return NULL;
	}
	all->link = link;
	all->left = n + 1;
	link->users++; /* between batches, too */
	return all;
}

void kri_redis_login(struct kri_redis_link *link, struct kri_record **records,
		     size_t n, size_t logins, kri_store_done **done, void **arg)
{
	struct logins *all = make(link, logins);
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		if (kri_redis_is_login(records[i]))
			records[i]->err = KR_ERR_MEMORY;
	if (!all)
		return;
	all->done = *done;
	all->arg = *arg;
	*done = one_done;
	*arg = all;
	for (size_t i = 0; i < n; i++) {
		if (!kri_redis_is_login(records[i]))
			continue;
		all->of[at] = (struct login){.all = all, .record = records[i]};
		enter(&all->of[at++], true);
	}
}
