/*
 * The memory that the processes share, its moments, and the first notes about
 * cards and sessions. Judges nothing.
 */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define COMPLAINTS 20 /* that are printed */

struct world *world;

bool world_begin(void)
{
	void *memory = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	world = memory;
	world->began = now_ns();
	return true;
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
	       world->began;
}

stamp stamp_of(uint64_t ns, enum operation operation, unsigned actor)
{
	return ns << 16 | (uint64_t)operation << 8 | actor;
}

uint64_t stamp_ns(stamp at)
{
	return at >> 16;
}

enum operation stamp_operation(stamp at)
{
	return at >> 8 & 0xff;
}

/* splitmix64 */
uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void sleep_ms(unsigned ms)
{
	struct timespec left = {.tv_sec = ms / 1000,
				.tv_nsec = ms % 1000 * 1000000L};

	while (nanosleep(&left, &left))
		;
}

/* ---- cards and sessions ------------------------------------------------ */

struct card *card_add(const char *cookie, uint32_t session)
{
	uint32_t n = world->cards_n < CARDS ? world->cards_n++ : CARDS;
	struct card *card = &world->cards[n];

	if (n >= CARDS)
		return NULL;
	snprintf(card->cookie, sizeof(card->cookie), "%.*s",
		 (int)strcspn(cookie, ";"), cookie);
	card->session = session;
	card->ended = card->gone = NEVER;
	card->ready = true;
	return card;
}

uint32_t session_add(uint32_t user)
{
	uint32_t n =
		world->sessions_n < SESSIONS ? world->sessions_n++ : SESSIONS;

	if (n >= SESSIONS)
		return SESSIONS;
	world->sessions[n].user = user;
	world->sessions[n].generation = world->generation;
	return n;
}

struct session *card_session(const struct card *card)
{
	return &world->sessions[card->session];
}

bool card_lives(const struct card *card)
{
	return card->settled && !card->endangered &&
	       !card_session(card)->endangered;
}

unsigned card_number(const struct card *card)
{
	return (unsigned)(card - world->cards);
}

struct card *slot_card(unsigned user, unsigned slot)
{
	uint32_t n = world->users[user].slots[slot];

	return n ? &world->cards[n - 1] : NULL;
}

/* The first counts. */
static stamp note_first(_Atomic stamp *first, stamp at)
{
	stamp known = *first;

	while (at < known && !atomic_compare_exchange_weak(first, &known, at))
		;
	return known;
}

/* The last counts. */
static void note_last(_Atomic stamp *last, stamp at)
{
	stamp known = *last;

	while (at > known && !atomic_compare_exchange_weak(last, &known, at))
		;
}

void card_ended(struct card *card, stamp at)
{
	if (stamp_operation(at) != RENEW)
		note_first(&card->gone, at);
	if (note_first(&card->ended, at) == NEVER)
		world->recent[world->recent_n++ % RECENT] =
			card_number(card) + 1;
}

void card_answered(struct card *card, stamp at)
{
	note_last(&card->answered, at);
}

void card_stored(struct card *card, stamp at)
{
	note_last(&card->stored, at);
}

/* ---- what is said ------------------------------------------------------ */

void complain(const char *format, ...)
{
	char line[512];
	va_list values;

	if (world->complaints++ >= COMPLAINTS)
		return;
	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	fprintf(stderr, "seed=%llu %s\n", (unsigned long long)world->seed,
		line);
}

const char *operation_name(enum operation operation)
{
	static const char *const names[OPERATIONS] = {
		"read",      "set",    "count", "login",
		"renewal",   "logout", "end",   "end of all others",
		"end of all"};

	return operation < OPERATIONS ? names[operation] : "nothing";
}
