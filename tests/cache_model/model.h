/*
 * What the processes of the model checker share: the history, in memory that
 * all of them map, written without locks. See main.c for what is judged.
 *
 * A card is a cookie that was handed out: a session with one of its secrets.
 * Of a card two moments decide: when the first end of it was acknowledged, and
 * when the last call began that it still opened. Only their order is judged, at
 * the end, so no thread's delay between a call and its note can be taken for
 * a fault of the store: it can only hide one.
 */
#ifndef CACHE_MODEL_H
#define CACHE_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <krsession.h>

#define PROCESSES 4 /* at most */
#define THREADS 4   /* of a process, at most */
#define ACTORS (PROCESSES * THREADS)
#define AUDITOR ACTORS /* who looks at the end */
#define USERS 6
#define SLOTS 4 /* sessions of a user that are in use */
#define COOKIE 112
#define CARDS (1u << 20)
#define SESSIONS (1u << 18)
#define RECENT 16
#define NEVER UINT64_MAX

enum operation {
	READ,
	SET,
	COUNT,
	LOGIN,
	RENEW,
	LOGOUT,
	END,
	END_OTHERS,
	END_ALL,
	OPERATIONS
};

/* A moment, in ns since the world began, with what was done and who did it:
 * 48, 8 and 8 bits, so that the earlier one is the smaller number. */
typedef uint64_t stamp;

struct card {
	char cookie[COOKIE];
	uint32_t session;
	_Atomic stamp ended;     /* the first acknowledged end, or NEVER */
	_Atomic stamp gone;      /* likewise, but for a renewal */
	_Atomic stamp answered;  /* the last begun call that it opened, or 0 */
	_Atomic stamp stored;    /* the last begun commit, or 0 */
	_Atomic bool endangered; /* something was begun that may end it */
	_Atomic bool ready;      /* to be read by all */
	_Atomic bool settled;    /* none of the user's sessions was ended
				  * while it was made */
};

/* What one thread has set in a session: 1, 2, 3 ... under a key of its own. */
struct setting {
	_Atomic uint32_t begun, acked;
	_Atomic uint64_t acks[4]; /* ns << 20 | number, of the last ones */
	/* One failed: it may still come, after those that follow it. */
	_Atomic bool muddled;
};

struct session {
	char id[32];
	uint32_t user;
	uint32_t generation;     /* the world's, before it was begun */
	_Atomic bool endangered; /* an end of it was begun */
	_Atomic uint32_t adding; /* additions that may have been stored */
	_Atomic uint32_t added;  /* and those that were acknowledged */
	_Atomic uint32_t
		counted[PROCESSES]; /* the most that one has been told */
	struct setting settings[ACTORS];
};

struct user {
	/* Ends of several sessions at once: those begun, and those of them
	 * whose effect is over. One that failed may still come. */
	_Atomic uint32_t begun, over;
	_Atomic uint32_t slots[SLOTS]; /* a card's number + 1, or 0 */
};

struct actor {
	_Alignas(64) _Atomic uint64_t operations;
	_Atomic uint64_t reads, failed;
	_Atomic bool busy; /* with something that writes */
};

struct process {
	_Atomic pid_t pid;
	_Atomic int64_t clock_ms; /* how far its calendar is off */
	_Atomic uint64_t from_memory;
};

enum breaking { BREAK_NOTHING, BREAK_HOLD, BREAK_COUNT, BREAK_WAIT };

struct world {
	uint64_t seed, began; /* ns of CLOCK_MONOTONIC */
	uint64_t operations;  /* wanted */
	unsigned seconds, processes, threads, lease_ms, every_ms;
	bool networks, limited;
	enum breaking breaking;
	char **options;
	const char *audited; /* an option of who looks at the end, or NULL */

	_Atomic bool go, stop, hold;
	_Atomic unsigned waiting; /* processes, for go */
	/* Odd while something is done that loses what was stored. */
	_Atomic uint32_t generation;
	_Atomic uint64_t lost, stale, worst_ns, complaints, faults;
	_Atomic uint32_t cards_n, sessions_n, recent_n;
	_Atomic uint32_t recent[RECENT]; /* cards that ended last, + 1 */
	struct user users[USERS];
	struct process process[PROCESSES + 1]; /* and the auditor */
	struct actor actors[ACTORS + 1];
	struct card cards[CARDS];
	struct session sessions[SESSIONS];
};

extern struct world *world;

/* ---- world.c ----------------------------------------------------------- */

bool world_begin(void);
uint64_t now_ns(void); /* since the world began */
stamp stamp_of(uint64_t ns, enum operation operation, unsigned actor);
uint64_t stamp_ns(stamp at);
enum operation stamp_operation(stamp at);
uint64_t random_next(uint64_t *state);
void sleep_ms(unsigned ms);

/* A further card of a session, ready for all; NULL: there is no room. */
struct card *card_add(const char *cookie, uint32_t session);
/* A session that is to be filled in; its number, or SESSIONS: no room. */
uint32_t session_add(uint32_t user);
struct session *card_session(const struct card *card);
/* Whether it has to open. */
bool card_lives(const struct card *card);
unsigned card_number(const struct card *card);
struct card *slot_card(unsigned user, unsigned slot);

void card_ended(struct card *card, stamp at);
void card_answered(struct card *card, stamp at);
void card_stored(struct card *card, stamp at);

/* One line about what must not be, of the first ones. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *operation_name(enum operation operation);

/* ---- judge.c ----------------------------------------------------------- */

/* A look at a session: what it has to show, noted before the call begins. */
struct look {
	struct card *card;
	unsigned actor, process;
	uint64_t begun;
	unsigned whose[2]; /* settings of which actors */
	uint32_t least[2]; /* acknowledged of them */
	uint32_t counted;  /* told to this process */
};

void look_begin(struct look *look, struct card *card, unsigned actor,
		uint64_t *random);
/* `session` is what was opened; whether it is the card's. */
bool look_end(const struct look *look, struct kr_session *session,
	      enum operation operation);
/* An addition that was acknowledged as the nth; `floor` of them had been
 * acknowledged before its commit began. */
void judge_count(struct session *session, uint32_t n, uint32_t floor);
/* Cards that answered after their end; each is told of. */
unsigned judge_ends(void);

/* ---- actor.c and others ------------------------------------------------ */

/* A thread's part of the history, until the world stops. `plain` is where it
 * ends sessions, if that is another store. */
void actor_run(unsigned actor, struct kr_store *store, struct kr_store *plain);
/* What is left has all its additions, and what ended does not open. */
void audit(struct kr_store *store);

/* One process with its store and its threads. Returns its exit status. */
int process_run(unsigned process);
int process_audit(void);

/* Names of faults, with commas between them. False: one is unknown. */
bool faults_choose(char *names);
/* One of those chosen, drawn by lot. Returns when it is over; false: none. */
bool faults_inject(uint64_t *random);
/* Has the one at the other end of stdin and stdout do it. */
void faults_ask(const char *name, unsigned number, pid_t pid);

/* From now on the calendar of this process is off by so much. */
void clock_follow(_Atomic int64_t *ms);

#endif
