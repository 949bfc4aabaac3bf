/*
 * The store: where sessions are kept. This is its contract, asynchronous and
 * over batches; what a session means is not its business.
 *
 * A store is shared by all loops; each attaches once and uses its own link,
 * on its own thread. Nothing in here blocks, but for check() and close().
 */
#ifndef KRI_STORE_STORE_H
#define KRI_STORE_STORE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "config/config.h"

#define KRI_ID_SIZE 16     /* bytes that name a session */
#define KRI_ID_LEN 22      /* base64url characters of them */
#define KRI_DIGEST_SIZE 32 /* bytes of a SHA-256 */
#define KRI_OWN_VALUES 4   /* that session/ keeps beside the program's */

struct uv_loop_s;

enum kri_change {
	KRI_CHANGE_KEPT,   /* as it was loaded */
	KRI_CHANGE_SET,    /* to be written */
	KRI_CHANGE_REMOVED /* to be taken away */
};

struct kri_value {
	struct kri_text key;
	struct kri_text data;
	enum kri_change change;
};

enum kri_operation {
	KRI_OP_NONE,
	KRI_OP_CREATE, /* a session nobody knows yet, with all its values */
	KRI_OP_UPDATE, /* what changed of one that was loaded */
	KRI_OP_TOUCH,  /* only prolong one that was loaded */
	KRI_OP_DESTROY /* end it */
};

/* What a load may be answered with. */
enum kri_trust {
	KRI_TRUST_STORE, /* what the store has now */
	KRI_TRUST_COPY,  /* or a copy whose changes would have been told */
	/* or one that may be out of date: it is `unproven` then, and good for
	 * nothing but an exact UPDATE, by which the store proves it */
	KRI_TRUST_GUESS
};

/* One session as the store has it, or is to have it. */
struct kri_record {
	char id[KRI_ID_LEN + 1];
	unsigned char auth[KRI_DIGEST_SIZE]; /* SHA-256 of the secret */
	unsigned char was[KRI_DIGEST_SIZE];  /* the digest that auth replaced */
	int64_t was_at;           /* when, epoch ms; 0: auth is the first */
	int64_t born;             /* seconds since the epoch */
	int64_t version;          /* count of writes */
	int64_t seen;             /* epoch ms of the last touch */
	int64_t left;             /* peek: ms that it will live on untouched;
				   * -1: for ever, by another's doing */
	struct kri_value *values; /* the array: in the arena */
	size_t n, cap;
	struct kri_arena *arena; /* keys and values that were loaded, too */

	/* The store's own, of the last login: in Redis the end of users'
	 * sessions that it came behind. */
	struct kri_text mark;
	/* The store's own: which of its servers it was loaded from; 0: not
	 * known. */
	uint64_t source;

	/* For a load: how far a copy in memory will do, and whether this is
	 * one that only an exact UPDATE proves. Stores without copies need
	 * not look. */
	enum kri_trust trust;
	bool unproven;

	/* For a commit: */
	enum kri_operation operation;
	bool exact; /* only if the version is still this one */
	/* auth is new; only if the stored one is still `was`, which is kept
	 * as the replaced one with was_at. */
	bool renewed;
	/* What was loaded as `was` is of no use any more: an UPDATE or TOUCH
	 * takes it away, if what is stored is still of that time. */
	bool outlived;
	/* ms to live from now on, and `seen` is to be written with it; 0:
	 * both stay as they are. Not 0 for CREATE and TOUCH, nor with
	 * `entering`. */
	int64_t ttl;
	/* The user that the session belongs to once this is done, for the
	 * index by user; empty: nobody. For a DESTROY the user that it had. */
	struct kri_text user;
	/* The user has logged in with this CREATE or UPDATE: the store enters
	 * the session into the index, within session.max_per_user, and only
	 * then writes it. */
	bool entering;

	enum kr_err err; /* what became of the load or commit */
};

/* What is asked about the sessions of one user; answered in place. */
struct kri_user_query {
	struct kri_text user;
	const char *keep;        /* user_end: this id stays; NULL: none does */
	const char *only;        /* user_end: this id alone; NULL: all */
	struct kri_arena *arena; /* the ids are made there */
	const char **ids; /* user_list: n ids; some may have ended, or have
			   * another user by now: who shows them, peeks */
	size_t n;
	int64_t ended; /* user_end: how many were ended */
	enum kr_err err;
};

/* A counter in the store, shared by all processes, for a throttle. */
struct kri_counter {
	struct kri_text name; /* 1 to 128 bytes */
	int64_t add;          /* 0: only look */
	int64_t ttl;          /* ms from the first addition to its end */
	int64_t value;        /* what it is then; 0: there is none */
	int64_t left;         /* ms until its end */
	enum kr_err err;
};

/* A walk over all sessions, a step at a time; all zero but the arena at
 * first. A session may come more than once, and one that begins or ends
 * meanwhile may come or not. */
struct kri_listing {
	struct kri_arena *arena; /* the ids are made there */
	const char **ids;        /* n of them, found by the last step */
	size_t n;
	uint64_t cursor; /* where the next step goes on, and in which */
	size_t place;    /* of the store's parts */
	char last[KRI_ID_LEN + 1]; /* or behind this id: a store that has them
				    * in order */
	bool end;                  /* there is no next step */
	enum kr_err err;
};

/* What an operator is told of a store's state, one finding after the other;
 * `mend` says what to do about it, or is NULL. */
enum kri_finding {
	KRI_FINDING_GOOD,
	KRI_FINDING_UNKNOWN, /* it could not be found out */
	KRI_FINDING_WARNING, /* it will do harm one day */
	KRI_FINDING_BAD
};

struct kri_examination {
	void (*tell)(void *arg, enum kri_finding finding, const char *text,
		     const char *mend);
	void *arg;
};

/*
 * Who follows a store is told of its changes, on a loop of its own, in the
 * order in which they were made.
 */
struct kri_follower {
	/* What is kept under that id may be another by now, or gone. NULL: so
	 * may all be. */
	void (*changed)(struct kri_follower *follower, const char *id);
	/* Sessions of users may have been ended without a change of their
	 * own. */
	void (*users_changed)(struct kri_follower *follower);
	/* All that was changed before `since`, the kri_clock_boot_us() of when
	 * this was asked for, has been told. */
	void (*assured)(struct kri_follower *follower, int64_t since);
	/* From now on changes go untold, until it is assured again; what was
	 * loaded before then is not to be trusted. `why` in one line;
	 * `hopeless`: the store cannot do it, and is tried again only now and
	 * then. */
	void (*lost)(struct kri_follower *follower, const char *why,
		     bool hopeless);
	/* Somebody else follows the same store with a longer lease, in ms, than
	 * ours and all that were seen before. NULL: nobody wants to know. */
	void (*lease_seen)(struct kri_follower *follower, int64_t lease);
};

struct kri_following;

/* What a store keeps in memory of what it has elsewhere. */
struct kri_cached {
	bool good; /* it may be believed now */
	int64_t copies, bytes;
};

/* All of the operation is done; may be called before it returns. */
typedef void kri_store_done(void *arg);

struct kri_store;
struct kri_link;

struct kri_store_ops {
	/* A loop's link. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
	enum kr_err (*attach)(struct kri_store *store, struct uv_loop_s *loop,
			      struct kri_link **link);

	/*
	 * Ends the link and sets *link to NULL. What is under way fails with
	 * KR_ERR_UNAVAILABLE. The loop must run until nothing is alive in it
	 * before it and the store may be closed.
	 */
	void (*detach)(struct kri_link **link);

	/*
	 * Fills n records from their ids; changes nothing. Values, keys and
	 * the array come from each record's arena. err: KR_OK;
	 * KR_ERR_NOT_FOUND; or KR_ERR_UNAVAILABLE, KR_ERR_TIMEOUT,
	 * KR_ERR_DENIED, KR_ERR_PROTOCOL, KR_ERR_MEMORY. `records` is used
	 * until done; their order there may be another then.
	 */
	void (*load)(struct kri_link *link, struct kri_record **records,
		     size_t n, kri_store_done *done, void *arg);

	/*
	 * Carries out the operation of n records (of different sessions),
	 * each wholly or not at all. err: KR_OK; KR_ERR_GONE, the session to
	 * update has ended and nothing was written; KR_ERR_CONFLICT, `exact`
	 * was asked and another wrote first; KR_ERR_RENEWED, `renewed` was
	 * asked and another renewed first; KR_ERR_FULL; or as for load, and
	 * then it may have been carried out or not. No session is ever
	 * stored without a time to live. CREATE of an id that exists
	 * replaces nothing: KR_ERR_CONFLICT, or KR_OK if auth is the same,
	 * as then it is this one, created twice. Ending one that has ended
	 * is KR_OK. After KR_OK, version is the one that is stored.
	 *
	 * `entering`: KR_ERR_SESSIONS if the user has session.max_per_user
	 * already and session.max_per_user_rule is to refuse, and nothing is
	 * written; by the other rule those that would end first are ended. A
	 * session that is entered is in user_list before done.
	 *
	 * A TOUCH is not waited for: it is KR_OK at once, the record is not
	 * used after the call, and one that fails is made up for by the next.
	 */
	void (*commit)(struct kri_link *link, struct kri_record **records,
		       size_t n, kri_store_done *done, void *arg);

	/* Sends what has been asked for since the last flush: once a turn of
	 * the loop, so that all of it is one write. What cannot be sent may
	 * be done before it returns. */
	void (*flush)(struct kri_link *link);

	/* Whether there is anything under way, touches too, for who stops its
	 * loop between calls. NULL for a store in which a touch is over when
	 * its commit returns. */
	bool (*busy)(const struct kri_link *link);

	/* For operators. As load, and `left` too. */
	void (*peek)(struct kri_link *link, struct kri_record **records,
		     size_t n, kri_store_done *done, void *arg);
	/* One step; with its error in listing->err. */
	void (*list)(struct kri_link *link, struct kri_listing *listing,
		     kri_store_done *done, void *arg);

	/* The user's sessions. KR_OK, also with none; errors of load. */
	void (*user_list)(struct kri_link *link, struct kri_user_query *query,
			  kri_store_done *done, void *arg);

	/*
	 * Ends sessions of the user: one that has another user by then stays.
	 * Once done with KR_OK, no load that begins on any process finds a
	 * session that the user had logged in to before: not even one that
	 * the index has lost. `only` that is not the user's ends nothing.
	 * Errors of commit; then some may have been ended.
	 */
	void (*user_end)(struct kri_link *link, struct kri_user_query *query,
			 kri_store_done *done, void *arg);

	/* Adds to a counter, at once over all processes. Errors of commit. */
	void (*count_up)(struct kri_link *link, struct kri_counter *counter,
			 kri_store_done *done, void *arg);

	/* Tells what only this kind of store knows of itself; NULL if that is
	 * nothing. Comes after a walk: then all servers are known. */
	void (*examine)(struct kri_link *link,
			struct kri_examination *examination,
			kri_store_done *done, void *arg);

	/* Removes what has ended and still takes room, blocking; *removed is
	 * how many, before an error too. 0 where the server does that by
	 * itself. */
	enum kr_err (*sweep)(struct kri_store *store, size_t *removed);

	/* At the start, blocking: fails, with one line in `why`, if there can
	 * be no start without the store. */
	enum kr_err (*check)(struct kri_store *store, struct kri_buffer *why);

	/* After the check, for the log: where sessions are, in one line. NULL:
	 * nothing to say. */
	void (*describe)(struct kri_store *store, struct kri_buffer *out);

	/* Any thread. NULL: it keeps nothing in memory. */
	void (*cached)(struct kri_store *store, struct kri_cached *cached);

	/* kri_clock_ms() since when a server of it is known to be away, or 0.
	 * Any thread. NULL for a store that is always there. */
	int64_t (*away)(struct kri_store *store);

	/*
	 * Following, all of it on the thread of that loop; NULL in a store that
	 * cannot be followed. `lease` in ms is said to others who follow. The
	 * follower is told of nothing before the first _ask, and of nothing
	 * after _unfollow, which sets the pointer to NULL; the loop must run
	 * until nothing is alive in it. KR_ERR_MEMORY, KR_ERR_SYSTEM.
	 */
	enum kr_err (*follow)(struct kri_store *store, struct uv_loop_s *loop,
			      struct kri_follower *follower, int64_t lease,
			      struct kri_following **following);
	/* Asks to be assured; `lost` or `assured` follows. While that is under
	 * way it does nothing. */
	void (*ask)(struct kri_following *following);
	/* Whether changes of what was loaded from there are told. */
	bool (*follows)(const struct kri_following *following, uint64_t source);
	void (*unfollow)(struct kri_following **following);

	/* All links have been detached and their loops have run out. */
	void (*close)(struct kri_store **store);
};

struct kri_store {
	const struct kri_store_ops *ops;
	/* An operator's, who only looks in: makes no place for sessions where
	 * there is none, and sweeps only when told. Set before the first
	 * attach. */
	bool guest;
	/* ms that whoever ends a session waits before that is said, as copies
	 * of it may be believed for so long; 0: there are none. */
	int64_t lease;
};

struct kri_link {
	struct kri_store *store;
};

/* Opens the store that config says; does not connect. The config is borrowed
 * until it is closed. KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY. */
enum kr_err kri_store_open(const struct kri_config *config,
			   struct kri_store **store,
			   struct kri_buffer *why) KR_MUST_CHECK;

/* Where there can be no start without the store: checks it, blocking; an
 * error comes with one line in `why`. */
enum kr_err kri_store_check(struct kri_store *store,
			    struct kri_buffer *why) KR_MUST_CHECK;

/* kri_clock_ms() since when it is known to be away, or 0. Any thread. */
int64_t kri_store_away(struct kri_store *store);

/* Logs where sessions are, after the check, if the store has a word on it. */
void kri_store_describe(struct kri_store *store);

/*
 * Counts all sessions by walking them, to the end: done is called with the
 * number, or with an error. KR_ERR_MEMORY if it cannot begin. (store/count.c)
 */
typedef void kri_count_done(void *arg, enum kr_err err, int64_t n);
enum kr_err kri_store_count(struct kri_link *link, kri_count_done *done,
			    void *arg) KR_MUST_CHECK;

/* Well spread over all 64 bits. */
uint64_t kri_id_hash(const char *id);

/* Whether what is to be committed ends a session, a secret of it, or others of
 * its user's: with a lease that takes as much longer. */
bool kri_record_ends(const struct kri_record *record);

/* Takes out all that a load fills in. */
void kri_record_clear(struct kri_record *record);

/* Room for `n` more values at the end. KR_ERR_MEMORY past the arena's cap. */
enum kr_err kri_record_reserve(struct kri_record *record,
			       size_t n) KR_MUST_CHECK;

/* The value of that key that has not been removed, or NULL. */
struct kri_value *kri_record_find(const struct kri_record *record,
				  struct kri_text key);

#endif
