/*
 * The operations of a thread, each noted with the moments between which it
 * happened. What may end something says so before it begins, and what did end
 * it after it was acknowledged.
 */
#include "actor.h"

#include <stdio.h>
#include <string.h>

#define TRIES 100         /* of an addition that meets others */
#define HELD_NS 200000000 /* BREAK_HOLD */

static stamp stamp_now(const struct self *self, enum operation operation)
{
	return stamp_of(now_ns(), operation, self->number);
}

/* ---- what may be ended, and what was ----------------------------------- */

/* Cards that an operation ends if it is acknowledged. */
struct scope {
	struct card *cards[SLOTS];
	unsigned n;
};

/* Those of a user that were acknowledged before, but for one session's. */
static void endanger_user(unsigned user, uint32_t kept, struct scope *scope)
{
	struct card *card;

	scope->n = 0;
	for (unsigned i = 0; i < SLOTS; i++) {
		card = slot_card(user, i);
		if (!card || card->session == kept)
			continue;
		card_session(card)->endangered = true;
		scope->cards[scope->n++] = card;
	}
}

static void note_end(const struct self *self, const struct scope *scope,
		     enum operation operation)
{
	stamp at = stamp_now(self, operation);

	for (unsigned i = 0; i < scope->n; i++)
		card_ended(scope->cards[i], at);
}

/* ---- opening ----------------------------------------------------------- */

/* `*session` is opened and is the card's, or NULL. */
static enum kr_err open_card(struct self *self, struct card *card,
			     enum operation operation, unsigned flags,
			     struct kr_session **session)
{
	const char *cookies[] = {card->cookie, NULL};
	struct look look;
	enum kr_err err;

	look_begin(&look, card, self->number, &self->random);
	err = kr_session_open(self->store, cookies, flags, session);
	if (!err && !look_end(&look, *session, operation))
		kr_session_close(session);
	return err;
}

/* A commit that is acknowledged is an answer, too; its session was opened
 * before. */
static enum kr_err commit_card(struct self *self, struct card *card,
			       struct kr_session *session,
			       enum operation operation)
{
	stamp begun = stamp_now(self, operation);
	enum kr_err err = kr_session_commit(session);

	if (!err)
		card_stored(card, begun);
	return err;
}

/* The cache that all others are measured by: it asks nobody. */
static enum kr_err read_held(struct self *self, struct card *card)
{
	const char *cookies[] = {card->cookie, NULL};
	struct look look;
	enum kr_err err = KR_OK;

	if (self->held && now_ns() < self->held_until)
		card = self->held_card;
	else
		kr_session_close(&self->held);
	look_begin(&look, card, self->number, &self->random);
	if (!self->held) {
		self->held_card = card;
		self->held_until = now_ns() + HELD_NS;
		err = kr_session_open(self->store, cookies, 0, &self->held);
	}
	if (!err && !look_end(&look, self->held, READ))
		kr_session_close(&self->held);
	return err;
}

/* ---- operations -------------------------------------------------------- */

static enum kr_err do_read(struct self *self, struct card *card)
{
	struct kr_session *session = NULL;
	enum kr_err err;

	self->notes->reads++;
	if (world->breaking == BREAK_HOLD)
		return read_held(self, card);
	err = open_card(self, card, READ, 0, &session);
	kr_session_close(&session);
	return err;
}

static enum kr_err do_set(struct self *self, struct card *card)
{
	struct setting *setting = &card_session(card)->settings[self->number];
	struct kr_session *session = NULL;
	uint32_t n = setting->begun + 1;
	char key[8];
	enum kr_err err = open_card(self, card, SET, 0, &session);

	if (!session)
		return err;
	snprintf(key, sizeof(key), "t%u", self->number);
	setting->begun = n;
	err = kr_session_set_int32(session, key, (int32_t)n);
	if (!err)
		err = commit_card(self, card, session, SET);
	if (!err) {
		setting->acks[n % 4] = now_ns() << 20 | (n & 0xfffff);
		setting->acked = n;
	} else if (err != KR_ERR_GONE && err != KR_ERR_RENEWED) {
		setting->muddled = true;
	}
	kr_session_close(&session);
	return err;
}

/* Once. What is in doubt stays among those that may have been stored. */
static enum kr_err add_one(struct self *self, struct card *card,
			   struct kr_session *opened)
{
	struct session *session = card_session(card);
	uint32_t floor, told;
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(opened, "count", &n);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	err = kr_session_set_int32(opened, "count", n + 1);
	if (err)
		return err;
	floor = session->added;
	session->adding++;
	err = commit_card(self, card, opened, COUNT);
	if (err == KR_ERR_CONFLICT || err == KR_ERR_GONE ||
	    err == KR_ERR_RENEWED)
		session->adding--;
	if (err)
		return err;
	judge_count(session, (uint32_t)n + 1, floor);
	session->added++;
	if (self->number == AUDITOR)
		return KR_OK;
	told = session->counted[self->process];
	while ((uint32_t)n + 1 > told &&
	       !atomic_compare_exchange_weak(&session->counted[self->process],
					     &told, (uint32_t)n + 1))
		;
	return KR_OK;
}

static enum kr_err do_count(struct self *self, struct card *card)
{
	unsigned flags = world->breaking == BREAK_COUNT ? 0 : KR_ATOMIC;
	struct kr_session *session = NULL;
	enum kr_err err = open_card(self, card, COUNT, flags, &session);

	if (!session)
		return err;
	err = add_one(self, card, session);
	for (int i = 0; err == KR_ERR_CONFLICT && i < TRIES; i++) {
		err = kr_session_reload(session);
		if (!err && !kr_session_user(session))
			break;
		if (!err)
			err = add_one(self, card, session);
	}
	kr_session_close(&session);
	return err;
}

/* What a login needs to know from before it began. */
struct login {
	unsigned user, slot;
	uint32_t session; /* a new one, if it comes to that */
	uint32_t over;    /* ends of the user's sessions */
	struct card *old; /* in the slot, or NULL */
	stamp begun;      /* the commit */
	struct scope scope;
	bool renews;
};

/* A further card, in the slot if that is as it was. */
static void take_card(struct self *self, struct login *login,
		      struct kr_session *opened)
{
	struct user *user = &world->users[login->user];
	uint32_t session = login->session, was;
	const char *cookie = "";
	struct card *card;
	bool same =
		login->renews && login->old &&
		!strcmp(kr_session_id(opened), card_session(login->old)->id);

	if (login->renews && !same)
		return; /* another was first, and this is one of its own */
	if (same) {
		session = login->old->session;
		card_stored(login->old, login->begun);
		card_ended(login->old, stamp_now(self, RENEW));
	} else {
		snprintf(world->sessions[session].id,
			 sizeof(world->sessions[session].id), "%s",
			 kr_session_id(opened));
	}
	if (kr_session_cookie(opened, true, &cookie) || !*cookie)
		return;
	card = card_add(cookie, session);
	if (!card)
		return;
	was = login->old ? card_number(login->old) + 1 : 0;
	if (login->old && !same) /* ends of its user's would miss it */
		card_session(login->old)->endangered = true;
	if (atomic_compare_exchange_strong(&user->slots[login->slot], &was,
					   card_number(card) + 1) &&
	    user->begun == login->over)
		card->settled = true;
}

static enum kr_err log_in(struct self *self, struct login *login,
			  struct kr_session *opened)
{
	char name[8];
	enum kr_err err;

	snprintf(name, sizeof(name), "u%u", login->user);
	err = kr_session_login(opened, name);
	if (!err && kr_session_is_new(opened))
		err = kr_session_set_int32(opened, "session",
					   (int32_t)login->session);
	login->begun = stamp_now(self, RENEW);
	if (!err)
		err = kr_session_commit(opened);
	return err;
}

/* With a limit of one session, a login ends the others, as END_OTHERS does. Of
 * several at once it is not known which ends whom: the one that takes a session
 * from the index may not have ended it when another, which no longer finds it
 * there, is acknowledged. So a login counts that had no other beside it. */
static enum kr_err do_login(struct self *self, unsigned user, unsigned slot,
			    struct card *renewed)
{
	struct login login = {
		.user = user, .slot = slot, .renews = renewed != NULL};
	struct kr_session *session = NULL;
	uint32_t kept = renewed ? renewed->session : SESSIONS;
	enum kr_err err = KR_OK;

	login.over = world->users[user].over;
	login.old = renewed ? renewed : slot_card(user, slot);
	if (renewed)
		err = open_card(self, renewed, RENEW, 0, &session);
	else
		err = kr_session_open(self->store, NULL, 0, &session);
	if (!session)
		return err;
	login.session = session_add(user);
	if (login.session == SESSIONS) {
		kr_session_close(&session);
		return KR_ERR_FULL;
	}
	if (renewed)
		renewed->endangered = true;
	if (world->limited) {
		world->users[user].begun++;
		endanger_user(user, kept, &login.scope);
		login.over++;
	}
	err = log_in(self, &login, session);
	if (!err)
		take_card(self, &login, session);
	if (!err && login.over == world->users[user].begun)
		note_end(self, &login.scope, LOGIN);
	if (world->limited &&
	    (!err || err == KR_ERR_GONE || err == KR_ERR_RENEWED))
		world->users[user].over++;
	kr_session_close(&session);
	return err;
}

static enum kr_err do_logout(struct self *self, struct card *card)
{
	struct scope scope = {.cards = {card}, .n = 1};
	struct kr_session *session = NULL;
	enum kr_err err = open_card(self, card, LOGOUT, 0, &session);

	if (!session)
		return err;
	card_session(card)->endangered = true;
	err = kr_session_logout(session);
	if (!err)
		err = kr_session_commit(session);
	if (!err)
		note_end(self, &scope, LOGOUT);
	kr_session_close(&session);
	return err;
}

static enum kr_err do_end_one(struct self *self, const char *name,
			      struct card *card)
{
	struct scope scope = {.cards = {card}, .n = 1};
	enum kr_err err;

	card_session(card)->endangered = true;
	err = kr_user_end(self->ends, name, card_session(card)->id);
	if (!err)
		note_end(self, &scope, END);
	return err;
}

static enum kr_err do_end(struct self *self, struct card *card,
			  enum operation operation)
{
	unsigned number = card_session(card)->user;
	struct user *user = &world->users[number];
	uint32_t kept = operation == END_OTHERS ? card->session : SESSIONS;
	struct scope scope;
	int64_t ended = 0;
	char name[8];
	enum kr_err err;

	snprintf(name, sizeof(name), "u%u", number);
	if (operation == END)
		return do_end_one(self, name, card);
	user->begun++;
	endanger_user(number, kept, &scope);
	err = operation == END_ALL
		      ? kr_user_end_all(self->ends, name, &ended)
		      : kr_user_end_others(self->ends, name,
					   card_session(card)->id, &ended);
	if (err)
		return err;
	note_end(self, &scope, operation);
	user->over++;
	return KR_OK;
}

/* ---- all of them ------------------------------------------------------ */

enum kr_err operate(struct self *self, enum operation operation,
		    struct card *card, unsigned user, unsigned slot)
{
	switch (operation) {
	case SET:
		return do_set(self, card);
	case COUNT:
		return do_count(self, card);
	case LOGIN:
		return do_login(self, user, slot, NULL);
	case RENEW:
		return do_login(self, user, slot, card);
	case LOGOUT:
		return do_logout(self, card);
	case END:
	case END_OTHERS:
	case END_ALL:
		return do_end(self, card, operation);
	default:
		return do_read(self, card);
	}
}
