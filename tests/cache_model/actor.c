/*
 * What a thread does next, by lot, and what its errors are worth; and the look
 * at all that is left, at the end.
 */
#include "actor.h"

#define PAUSE_MS 2           /* after an error */
#define AUDIT_NS 20000000000 /* to count once more, whatever is wrong */
#define AUDITED 5000         /* ended cards */

static unsigned draw(struct self *self, unsigned n)
{
	return (unsigned)(random_next(&self->random) >> 16) % n;
}

/* ---- the lot ----------------------------------------------------------- */

static enum operation draw_operation(struct self *self)
{
	static const unsigned of_thousand[OPERATIONS] = {
		[SET] = 40,   [COUNT] = 30, [LOGIN] = 2,      [RENEW] = 6,
		[LOGOUT] = 4, [END] = 3,    [END_OTHERS] = 2, [END_ALL] = 2};
	unsigned at = draw(self, 1000);

	for (unsigned i = SET; i < OPERATIONS; i++) {
		if (at < of_thousand[i])
			return i;
		at -= of_thousand[i];
	}
	return READ;
}

/* One that ended a moment ago, any that ever was, or the one in use. */
static struct card *draw_read(struct self *self, struct card *used)
{
	unsigned lot = draw(self, 16), n;
	struct card *card = used;

	if (lot < 3) {
		n = world->recent[draw(self, RECENT)];
		card = n ? &world->cards[n - 1] : used;
	} else if (lot == 3 && world->cards_n) {
		n = world->cards_n < CARDS ? world->cards_n : CARDS;
		card = &world->cards[draw(self, n)];
	}
	return card && card->ready ? card : used;
}

/* Those that are no errors: others were there first. The errors that an
 * unreachable store gives are honest; any other is told of. */
static bool is_failure(enum operation operation, enum kr_err err)
{
	switch (err) {
	case KR_OK:
	case KR_ERR_GONE:
	case KR_ERR_RENEWED:
		return false;
	case KR_ERR_NOT_FOUND:
		return operation != END;
	case KR_ERR_UNAVAILABLE:
	case KR_ERR_TIMEOUT:
		return true;
	default:
		complain("a %s failed: %s", operation_name(operation),
			 kr_strerror(err));
		return true;
	}
}

/* Whoever leads may hold up all that writes. */
static bool may_write(struct self *self)
{
	self->notes->busy = true;
	if (world->hold)
		self->notes->busy = false;
	return self->notes->busy;
}

static void step(struct self *self)
{
	unsigned user = draw(self, USERS), slot = draw(self, SLOTS);
	struct card *card = slot_card(user, slot);
	bool used = card && card_lives(card);
	enum operation operation = draw_operation(self);
	enum kr_err err;

	if (!used && (!card || draw(self, 8) == 0))
		operation = LOGIN;
	if (operation != READ && !may_write(self))
		operation = READ;
	if (operation == READ && !card)
		return;
	if (operation == READ)
		card = draw_read(self, card);
	err = operate(self, operation, card, user, slot);
	self->notes->busy = false;
	self->notes->operations++;
	if (!is_failure(operation, err))
		return;
	self->notes->failed++;
	sleep_ms(PAUSE_MS);
}

void actor_run(unsigned actor, struct kr_store *store, struct kr_store *plain)
{
	struct self self = {.number = actor,
			    .process = actor / THREADS,
			    .random = world->seed * ACTORS + actor,
			    .store = store,
			    .ends = plain ? plain : store,
			    .notes = &world->actors[actor]};

	while (!world->stop)
		step(&self);
	kr_session_close(&self.held);
}

/* ---- at the end -------------------------------------------------------- */

/* One more addition: the number it gets tells what became of the others. */
static void audit_count(struct self *self, struct card *card)
{
	uint64_t until = now_ns() + AUDIT_NS;
	enum kr_err err;

	do {
		err = operate(self, COUNT, card, 0, 0);
		if (!err)
			return;
		sleep_ms(PAUSE_MS);
	} while (now_ns() < until);
	world->lost++;
	complain("lost: session %s cannot be counted in at the end: %s",
		 card_session(card)->id, kr_strerror(err));
}

void audit(struct kr_store *store)
{
	struct self self = {.number = AUDITOR,
			    .process = AUDITOR / THREADS,
			    .random = world->seed,
			    .store = store,
			    .ends = store,
			    .notes = &world->actors[AUDITOR]};
	uint32_t n = world->cards_n < CARDS ? world->cards_n : CARDS;
	struct card *card;

	for (unsigned i = 0; i < USERS * SLOTS; i++) {
		card = slot_card(i / SLOTS, i % SLOTS);
		if (card && card_lives(card) &&
		    card_session(card)->generation == world->generation)
			audit_count(&self, card);
	}
	for (uint32_t i = n > AUDITED ? n - AUDITED : 0; i < n; i++) {
		card = &world->cards[i];
		if (card->ended != NEVER && operate(&self, READ, card, 0, 0))
			self.notes->failed++;
	}
}
