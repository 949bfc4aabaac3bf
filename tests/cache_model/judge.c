/*
 * The judge: what a look at a session has to show, and which must not have
 * been shown at all. Its rules are in main.c.
 */
#include "model.h"

#include <stdio.h>
#include <string.h>

#define SLACK_NS 1000000000u /* beyond a lease, for others' changes */

/* ---- before a look ----------------------------------------------------- */

/* A thread of this process, and any. */
void look_begin(struct look *look, struct card *card, unsigned actor,
		uint64_t *random)
{
	struct session *session = card_session(card);

	*look = (struct look){
		.card = card, .actor = actor, .process = actor / THREADS};
	look->whose[0] = look->process % PROCESSES * THREADS +
			 (unsigned)(random_next(random) % world->threads);
	look->whose[1] =
		(unsigned)(random_next(random) % world->processes) * THREADS +
		(unsigned)(random_next(random) % world->threads);
	for (int i = 0; i < 2; i++)
		look->least[i] = session->settings[look->whose[i]].acked;
	if (actor != AUDITOR)
		look->counted = session->counted[look->process];
	look->begun = now_ns();
}

/* ---- after it ---------------------------------------------------------- */

/* Whether nothing that loses what is stored has come between. */
static bool is_sound(const struct session *session)
{
	uint32_t generation = world->generation;

	return session->generation == generation && generation % 2 == 0;
}

static void lose(const struct look *look, const char *what, long long got,
		 long long wanted)
{
	struct session *session = card_session(look->card);

	world->lost++;
	complain("%s: session %s of card %u, read by thread %u.%u at %.6f: "
		 "%lld, not %lld",
		 what, session->id, card_number(look->card), look->process,
		 look->actor % THREADS, (double)look->begun / 1e9, got, wanted);
}

/* How long before the look what it does not show was acknowledged. */
static uint64_t age_of_next(const struct setting *setting, uint32_t seen,
			    uint64_t begun)
{
	uint64_t first = begun;

	for (int i = 0; i < 4; i++) {
		uint64_t ack = setting->acks[i];

		if ((ack & 0xfffff) > seen && ack >> 20 < first)
			first = ack >> 20;
	}
	return begun - first;
}

static void judge_age(const struct look *look, int i, uint32_t seen)
{
	struct session *session = card_session(look->card);
	struct setting *setting = &session->settings[look->whose[i]];
	uint64_t age = age_of_next(setting, seen, look->begun);
	uint64_t worst = world->worst_ns;
	uint64_t most =
		world->lease_ms * 1000000ull + (world->lease_ms ? SLACK_NS : 0);
	bool own = look->whose[i] / THREADS == look->process;

	if (setting->muddled || !is_sound(session))
		return;
	while (age > worst &&
	       !atomic_compare_exchange_weak(&world->worst_ns, &worst, age))
		;
	if (!own && age <= most && world->lease_ms)
		return;
	world->stale++;
	complain("stale: session %s shows thread %u.%u at %.6f what thread "
		 "%u.%u set as %u, where %u was acknowledged, the next %.6f s "
		 "before",
		 session->id, look->process, look->actor % THREADS,
		 (double)look->begun / 1e9, look->whose[i] / THREADS,
		 look->whose[i] % THREADS, seen, look->least[i],
		 (double)age / 1e9);
}

static void judge_setting(const struct look *look, int i,
			  struct kr_session *opened)
{
	struct setting *setting =
		&card_session(look->card)->settings[look->whose[i]];
	char key[8];
	int32_t seen = 0;
	enum kr_err err;

	snprintf(key, sizeof(key), "t%u", look->whose[i]);
	err = kr_session_get_int32(opened, key, &seen);
	if (err && err != KR_ERR_NOT_FOUND)
		lose(look, kr_strerror(err), err, 0);
	else if ((uint32_t)seen > setting->begun)
		lose(look, "a value that nobody has set", seen, setting->begun);
	else if ((uint32_t)seen < look->least[i])
		judge_age(look, i, (uint32_t)seen);
}

/* No other's values, no addition missing that this process was told of. */
static void judge_values(const struct look *look, struct kr_session *opened)
{
	struct session *session = card_session(look->card);
	int32_t number = -1, count = 0;
	char user[8];

	snprintf(user, sizeof(user), "u%u", session->user);
	if (strcmp(kr_session_user(opened), user) ||
	    strcmp(kr_session_id(opened), session->id) ||
	    kr_session_get_int32(opened, "session", &number) ||
	    number != (int32_t)look->card->session)
		lose(look, "another's session", number, look->card->session);
	if (kr_session_get_int32(opened, "count", &count) == KR_OK &&
	    (uint32_t)count > session->adding)
		lose(look, "too many additions", count, session->adding);
	if ((uint32_t)count < look->counted && is_sound(session))
		lose(look, "additions of the own process", count,
		     look->counted);
	for (int i = 0; i < 2; i++)
		judge_setting(look, i, opened);
}

bool look_end(const struct look *look, struct kr_session *opened,
	      enum operation operation)
{
	struct session *session = card_session(look->card);

	if (kr_session_user(opened)) {
		card_answered(look->card,
			      stamp_of(look->begun, operation, look->actor));
		judge_values(look, opened);
		return true;
	}
	if (card_lives(look->card) && is_sound(session))
		lose(look, "a session that lives", 0, 1);
	return false;
}

void judge_count(struct session *session, uint32_t n, uint32_t floor)
{
	uint32_t most = session->adding;

	if (!is_sound(session) || (n > floor && n <= most))
		return;
	world->lost++;
	complain("additions: session %s counts %u, where %u were acknowledged "
		 "before and %u begun",
		 session->id, n, floor, most);
}

/* ---- at the end -------------------------------------------------------- */

static void tell_of(const struct card *card, stamp ended, stamp answered)
{
	unsigned ender = ended & 0xff, answerer = answered & 0xff;

	complain("late: session %s, card %u: %s acknowledged to thread %u.%u "
		 "at %.6f; %s of thread %u.%u begun at %.6f was answered",
		 card_session(card)->id, card_number(card),
		 operation_name(stamp_operation(ended)), ender / THREADS,
		 ender % THREADS, (double)stamp_ns(ended) / 1e9,
		 operation_name(stamp_operation(answered)), answerer / THREADS,
		 answerer % THREADS, (double)stamp_ns(answered) / 1e9);
}

unsigned judge_ends(void)
{
	unsigned late = 0;

	for (uint32_t i = 0; i < world->cards_n && i < CARDS; i++) {
		struct card *card = &world->cards[i];
		bool read = stamp_ns(card->answered) > stamp_ns(card->ended);

		if (read)
			tell_of(card, card->ended, card->answered);
		else if (stamp_ns(card->stored) > stamp_ns(card->gone))
			tell_of(card, card->gone, card->stored);
		else
			continue;
		late++;
	}
	return late;
}
