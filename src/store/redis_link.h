/*
 * The insides of the store in Redis that its files share: a loop's link, and
 * the batches that it has under way.
 */
#ifndef KRI_STORE_REDIS_LINK_H
#define KRI_STORE_REDIS_LINK_H

#include "store/redis_epoch.h"
#include "store/redis_wire.h"

struct kri_topology;

struct kri_redis_store {
	struct kri_store base;
	const struct kri_config *config;
	struct kri_topology *topology;
	struct kri_redis_scripts scripts;
};

struct kri_redis_link {
	struct kri_link base;
	struct kri_client *client;
	struct uv_loop_s *loop;
	struct kri_redis_writer writer;
	struct kri_redis_batch *idle; /* the pool */
	size_t users; /* batches out of the pool, and who closes the link */
	size_t load_room;
	struct kri_redis_epoch epoch;
	bool closing;
};

/* What our user needs besides to follow, and in a cluster. */
#define KRI_FOLLOW_ACL "+info +set +client|tracking"
#define KRI_FOLLOW_ACL_CLUSTER "+cluster|info"

/* Where a call's key stands in the commands. */
struct kri_redis_key {
	size_t at; /* SIZE_MAX: it has none */
	size_t len;
};

/*
 * One pipeline with what it is about. Batches are taken from the link's pool
 * and go back to it with all their memory, so that one costs no malloc once
 * there have been as many and as large ones.
 */
struct kri_redis_batch {
	struct kri_redis_link *link;
	struct kri_pipeline pipeline;
	struct kri_record **records; /* one a call; not for touches */
	struct kri_redis_key *keys;  /* of the calls */
	size_t cap;                  /* of calls, records and keys */
	struct kri_arena replies;    /* to all but loads */
	void (*settled)(struct kri_redis_batch *batch);
	kri_store_done *done;
	void *arg;
	struct kri_listing *listing;
	struct kri_counter *counter;
	struct kri_examination *examination;
	unsigned round; /* of a listing's probes */
	bool asks;      /* a load's last call is a question about ends: */
	struct kri_stream_id since, until; /* of those behind, up to */
	struct kri_redis_batch *next;      /* in the pool */
};

/* An empty batch with room for n calls, or NULL. */
struct kri_redis_batch *kri_redis_batch_take(struct kri_redis_link *link,
					     size_t n);

/* Back to the pool. */
void kri_redis_batch_give(struct kri_redis_batch *batch);

/* One user less: the last one frees a link that is closing. */
void kri_redis_link_release(struct kri_redis_link *link);

/* The next call, all zero but that its replies go into the batch's arena. */
struct kri_call *kri_redis_batch_call(struct kri_redis_batch *batch);

/* A call about that record, borrowed. */
struct kri_call *kri_redis_batch_add(struct kri_redis_batch *batch,
				     struct kri_record *record,
				     kri_redis_put *put);

/* A command that has one key, `<instance name><kind><name>`, after its name, or
 * after the text of a script: to be followed by `argc` arguments, and then by
 * _end. What it is refused for want of rights is its own affair. */
struct kri_call *kri_redis_batch_begin(struct kri_redis_batch *batch,
				       const char *command,
				       struct kri_text kind,
				       struct kri_text name, size_t argc);
struct kri_call *kri_redis_batch_begin_script(struct kri_redis_batch *batch,
					      const char *script,
					      struct kri_text kind,
					      struct kri_text name,
					      size_t argc);

/* The call's key, where it is not the first argument. */
void kri_redis_batch_key(struct kri_redis_batch *batch, struct kri_text kind,
			 struct kri_text name);
void kri_redis_batch_end(struct kri_redis_batch *batch);

/* On its way; `settled` is called when all calls have their replies or
 * errors, maybe before this returns. */
void kri_redis_batch_submit(struct kri_redis_batch *batch,
			    void (*settled)(struct kri_redis_batch *batch));

/* The same, and `done` of _done is called then; at once if there is no batch,
 * or nothing in it. */
void kri_redis_batch_start(struct kri_redis_batch *batch,
			   void (*settled)(struct kri_redis_batch *batch),
			   kri_store_done *done, void *arg);

/* Gives it back to the pool, then tells who waits for it. */
void kri_redis_batch_done(struct kri_redis_batch *batch);

/* ---- redis_login.c: who logs in ------------------------------------------ */

static inline bool kri_redis_is_login(const struct kri_record *record)
{
	return record->entering && (record->operation == KRI_OP_CREATE ||
				    record->operation == KRI_OP_UPDATE);
}

/* Begins the commits of those n records that log in, `logins` of them. What was
 * to be called when all is done is, after them and after one call of what it is
 * replaced with. */
void kri_redis_login(struct kri_redis_link *link, struct kri_record **records,
		     size_t n, size_t logins, kri_store_done **done,
		     void **arg);

/* ---- redis_user.c: the index of a user ----------------------------------- */

/* What is kept beside a session, as its end is: enters anew what has another
 * one, and takes out what has ended. Not waited for. */
void kri_redis_users_keep_up(struct kri_redis_link *link,
			     struct kri_record **records, size_t n);

/* The entry of that session is taken out; not waited for. */
void kri_redis_user_forget(struct kri_redis_link *link, struct kri_text user,
			   const char *id);

/* ms that a session may live since its login; 0: for ever. */
int64_t kri_redis_life(const struct kri_redis_link *link);

/* KR_OK for an answer of that type, else what it means; said in the log. */
enum kr_err kri_redis_user_check(const struct kri_call *call,
				 enum kri_reply_type type,
				 const char *what) KR_MUST_CHECK;

/* One record's commit. */
void kri_redis_commit_one(struct kri_redis_link *link,
			  struct kri_record *record, kri_store_done *done,
			  void *arg);

/* The operations, see store/store.h. */
void kri_redis_load(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg);
void kri_redis_peek(struct kri_link *base, struct kri_record **records,
		    size_t n, kri_store_done *done, void *arg);
void kri_redis_commit(struct kri_link *base, struct kri_record **records,
		      size_t n, kri_store_done *done, void *arg);
void kri_redis_list(struct kri_link *base, struct kri_listing *listing,
		    kri_store_done *done, void *arg);
void kri_redis_user_list(struct kri_link *base, struct kri_user_query *query,
			 kri_store_done *done, void *arg);
void kri_redis_user_end(struct kri_link *base, struct kri_user_query *query,
			kri_store_done *done, void *arg);
void kri_redis_count_up(struct kri_link *base, struct kri_counter *counter,
			kri_store_done *done, void *arg);
void kri_redis_examine(struct kri_link *base,
		       struct kri_examination *examination,
		       kri_store_done *done, void *arg);
enum kr_err kri_redis_follow(struct kri_store *base, struct uv_loop_s *loop,
			     struct kri_follower *follower, int64_t lease,
			     struct kri_following **following);
void kri_redis_ask(struct kri_following *following);
bool kri_redis_follows(const struct kri_following *following, uint64_t source);
void kri_redis_unfollow(struct kri_following **following);

#endif
