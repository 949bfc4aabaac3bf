/*
 * Scripts about users: each has one key, and so works in a cluster. They are
 * sent in full, as they are seldom needed. The time is the server's of the key,
 * so that no clocks are compared.
 */
#ifndef KRI_STORE_REDIS_USER_SCRIPT_H
#define KRI_STORE_REDIS_USER_SCRIPT_H

/* Kinds of keys beside sessions; what follows is a name. */
#define KRI_KIND_INDEX KRI_TEXT("@user:")
#define KRI_KIND_ENDED KRI_TEXT("@ended")
#define KRI_KIND_COUNTER KRI_TEXT("@count:")
#define KRI_KIND_SESSION KRI_TEXT("")

/* What _enter answers first. */
enum kri_enter {
	KRI_ENTER_NEW,    /* followed by ids that were taken out for it */
	KRI_ENTER_THERE,  /* it was there before */
	KRI_ENTER_LOOK,   /* not entered: no place; and the ids that may be
			   * ghosts, each with its score */
	KRI_ENTER_REFUSED /* not entered: no place */
};

/* The index of a user: a sorted set of ids by when they end, ms.
 * ARGV: ms to live, the id, the limit or 0, what to do without a place (refuse,
 * end), whether to look before ("look"), and ids that have ended, each with its
 * score: they are taken out where that is still the one. */
extern const char kri_script_enter[];

/* The same index. ARGV: ms to live, the id. Notes of an entry that is still
 * there that its session is written; answers whether it is. */
extern const char kri_script_confirm[];

/* The same index. ARGV: ms to live, the id. Enters it, or gives it its end. */
extern const char kri_script_refresh[];

/* The stream of ends. ARGV: ms that its entries count, or 0. Answers its last
 * id, of an entry that is made if there is none. */
extern const char kri_script_mark[];

/* The stream of ends. ARGV: the user, the id to keep or "", ms as above.
 * Answers the id of the entry that it adds. */
extern const char kri_script_end[];

/* A session. ARGV: the user. Ends it if it is the user's: 1, else 0. */
extern const char kri_script_finish[];

/* A counter. ARGV: what to add, ms from the first addition to its end. Answers
 * its value and the ms that are left. */
extern const char kri_script_count[];

#endif
