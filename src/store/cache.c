/*
 * Loads are answered from copies while the lease is good, and make copies;
 * commits take them out before they go and when they have come, and leave what
 * they wrote as a guess. All that ends a session waits for the lease, whatever
 * there is in our own memory: others have copies too.
 */
#include "store/cache.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/counters.h"
#include "store/cache_link.h"

#define LOADS_FIRST 8 /* a program that ends after a few gains nothing */

static struct kri_cache_link *link_of(struct kri_link *base)
{
	return (struct kri_cache_link *)base;
}

static const struct kri_store_ops *inner_ops(const struct kri_cache_link *link)
{
	return link->inner->store->ops;
}

/* Nothing is asked of the store: without memory, or on a link that ends. */
static void refuse(const struct kri_cache_link *link,
		   struct kri_record **records, size_t n, kri_store_done *done,
		   void *arg)
{
	for (size_t i = 0; i < n; i++)
		records[i]->err =
			link->closing ? KR_ERR_UNAVAILABLE : KR_ERR_MEMORY;
	done(arg);
}

/* ---- load -------------------------------------------------------------- */

/* What came from a server whose changes are told of, becomes a copy. */
static void keep(struct kri_cache *cache, const struct kri_record *record,
		 const struct kri_copy_stamp *stamp)
{
	if (record->err == KR_ERR_NOT_FOUND)
		kri_copies_forget(cache->copies, record->id);
	else if (!record->err &&
		 kri_keeper_follows(cache->keeper, record->source))
		kri_copies_fill(cache->copies, record, stamp);
}

static void loaded(void *arg)
{
	struct kri_cache_op *op = arg;
	struct kri_cache *cache = kri_cache_of(&op->link->base);

	for (size_t i = 0; i < op->n; i++)
		keep(cache, op->records[i], &op->stamps[i]);
	kri_cache_op_finish(op);
}

static bool is_good(struct kri_cache *cache)
{
	bool good = kri_keeper_is_good(cache->keeper);

	if (atomic_load_explicit(&cache->loads, memory_order_relaxed) <
		    LOADS_FIRST &&
	    atomic_fetch_add(&cache->loads, 1) + 1 == LOADS_FIRST)
		kri_keeper_start(cache->keeper);
	return good;
}

/* Takes those that there are copies of; the rest goes to the front. Their order
 * among `records` is nobody's business. Returns how many are left. */
static size_t take_copies(struct kri_cache *cache, struct kri_record **records,
			  size_t n)
{
	int64_t now = kri_clock_epoch_ms();
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		struct kri_record *record = records[i];

		if (record->trust != KRI_TRUST_STORE &&
		    kri_copies_take(cache->copies, record, now)) {
			kri_count(KRI_METRIC_CACHE_HITS);
			continue;
		}
		records[i] = records[left];
		records[left++] = record;
	}
	return left;
}

static void load_rest(struct kri_cache_link *link, struct kri_record **records,
		      size_t n, kri_store_done *done, void *arg)
{
	struct kri_cache *cache = kri_cache_of(&link->base);
	struct kri_cache_op *op = kri_cache_op_take(link, n, done, arg);

	if (!op) {
		refuse(link, records, n, done, arg);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		kri_count(KRI_METRIC_CACHE_MISSES);
		op->records[i] = records[i];
		op->stamps[i] = kri_copies_stamp(cache->copies, records[i]->id);
	}
	op->n = n;
	inner_ops(link)->load(link->inner, op->records, n, loaded, op);
}

/* In this order: that copies are good is asked before they are taken. */
static void load(struct kri_link *base, struct kri_record **records, size_t n,
		 kri_store_done *done, void *arg)
{
	struct kri_cache *cache = kri_cache_of(base);

	if (is_good(cache))
		n = take_copies(cache, records, n);
	if (n)
		load_rest(link_of(base), records, n, done, arg);
	else
		done(arg);
}

/* ---- commit ------------------------------------------------------------ */

/* Whether all that is in the store of it is what the record says: nobody else
 * can have written meanwhile. What a login adds only the store knows. */
static bool is_known(const struct kri_record *record)
{
	return !record->err && !record->renewed && !record->entering &&
	       (record->operation == KRI_OP_CREATE ||
		(record->operation == KRI_OP_UPDATE && record->exact));
}

static void keep_guess(struct kri_cache *cache, const struct kri_record *record,
		       const struct kri_copy_stamp *stamp)
{
	struct kri_record written = *record;

	if (written.ttl)
		written.seen = kri_clock_epoch_ms();
	if (written.outlived)
		written.was_at = 0;
	kri_copies_put(cache->copies, &written, stamp);
}

/* Whether others may have a copy of what it ended. A first login of its own
 * ends nothing, unless it puts out others of its user's. */
static bool has_ended(const struct kri_cache *cache,
		      const struct kri_record *record)
{
	return !record->err && kri_record_ends(record) &&
	       (record->operation != KRI_OP_CREATE ||
		cache->config->max_per_user);
}

static void committed(void *arg)
{
	struct kri_cache_op *op = arg;
	struct kri_cache *cache = kri_cache_of(&op->link->base);

	for (size_t i = 0; i < op->n; i++) {
		const struct kri_record *record = op->records[i];

		if (!record)
			continue;
		op->ends |= has_ended(cache, record);
		if (is_known(record))
			keep_guess(cache, record, &op->stamps[i]);
		else
			kri_copies_forget(cache->copies, record->id);
	}
	if (op->ends)
		kri_cache_op_wait(op);
	else
		kri_cache_op_finish(op);
}

/* A touch is the caller's again when the call returns. */
static void note(struct kri_cache_op *op, struct kri_record *record)
{
	struct kri_cache *cache = kri_cache_of(&op->link->base);
	bool touch = record->operation == KRI_OP_TOUCH;

	op->stamps[op->n] = kri_copies_forget(cache->copies, record->id);
	op->records[op->n++] = touch ? NULL : record;
}

static void commit(struct kri_link *base, struct kri_record **records, size_t n,
		   kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);
	struct kri_cache_op *op = kri_cache_op_take(link, n, done, arg);

	if (!op) {
		refuse(link, records, n, done, arg);
		return;
	}
	for (size_t i = 0; i < n; i++)
		note(op, records[i]);
	inner_ops(link)->commit(link->inner, records, n, committed, op);
}

/* ---- users ------------------------------------------------------------- */

static void users_ended(void *arg)
{
	struct kri_cache_op *op = arg;

	kri_copies_drop_users(kri_cache_of(&op->link->base)->copies);
	if (op->query->err)
		kri_cache_op_finish(op);
	else
		kri_cache_op_wait(op);
}

/* Whose sessions they are, only the store knows. */
static void user_end(struct kri_link *base, struct kri_user_query *query,
		     kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);
	struct kri_cache_op *op = kri_cache_op_take(link, 1, done, arg);

	if (!op) {
		query->err = link->closing ? KR_ERR_UNAVAILABLE : KR_ERR_MEMORY;
		done(arg);
		return;
	}
	op->query = query;
	kri_copies_drop_users(kri_cache_of(base)->copies);
	inner_ops(link)->user_end(link->inner, query, users_ended, op);
}

/* ---- what goes straight through ---------------------------------------- */

static void flush(struct kri_link *base)
{
	struct kri_cache_link *link = link_of(base);

	inner_ops(link)->flush(link->inner);
}

static bool busy(const struct kri_link *base)
{
	const struct kri_cache_link *link = (const struct kri_cache_link *)base;

	return inner_ops(link)->busy && inner_ops(link)->busy(link->inner);
}

static void peek(struct kri_link *base, struct kri_record **records, size_t n,
		 kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);

	inner_ops(link)->peek(link->inner, records, n, done, arg);
}

static void list(struct kri_link *base, struct kri_listing *listing,
		 kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);

	inner_ops(link)->list(link->inner, listing, done, arg);
}

static void user_list(struct kri_link *base, struct kri_user_query *query,
		      kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);

	inner_ops(link)->user_list(link->inner, query, done, arg);
}

static void count_up(struct kri_link *base, struct kri_counter *counter,
		     kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);

	inner_ops(link)->count_up(link->inner, counter, done, arg);
}

static void examine(struct kri_link *base, struct kri_examination *examination,
		    kri_store_done *done, void *arg)
{
	struct kri_cache_link *link = link_of(base);

	if (inner_ops(link)->examine)
		inner_ops(link)->examine(link->inner, examination, done, arg);
	else
		done(arg);
}

static struct kri_store *inner_of(struct kri_store *base)
{
	return ((struct kri_cache *)base)->inner;
}

static enum kr_err sweep(struct kri_store *base, size_t *removed)
{
	return inner_of(base)->ops->sweep(inner_of(base), removed);
}

static enum kr_err check(struct kri_store *base, struct kri_buffer *why)
{
	return kri_store_check(inner_of(base), why);
}

static void describe(struct kri_store *base, struct kri_buffer *out)
{
	const struct kri_store *inner = inner_of(base);

	if (inner->ops->describe)
		inner->ops->describe(inner_of(base), out);
	if (out->len)
		kri_buffer_string(out, "; ");
	kri_buffer_printf(out,
			  "copies of sessions in memory, with a lease of %lld "
			  "ms that each end waits for (session.cache)",
			  (long long)base->lease);
}

static int64_t away(struct kri_store *base)
{
	return kri_store_away(inner_of(base));
}

/* ---- life -------------------------------------------------------------- */

static void cached(struct kri_store *base, struct kri_cached *cached)
{
	struct kri_cache *cache = (struct kri_cache *)base;
	struct kri_copies_count count = kri_copies_count(cache->copies);

	*cached = (struct kri_cached){
		.good = kri_keeper_looks_good(cache->keeper),
		.copies = count.n,
		.bytes = count.bytes,
	};
}

static void close_cache(struct kri_store **base)
{
	struct kri_cache *cache = (struct kri_cache *)*base;

	if (!cache)
		return;
	*base = NULL;
	kri_keeper_close(&cache->keeper);
	kri_copies_close(&cache->copies);
	cache->inner->ops->close(&cache->inner);
	free(cache);
}

static const struct kri_store_ops cache_ops = {
	.attach = kri_cache_attach,
	.detach = kri_cache_detach,
	.load = load,
	.commit = commit,
	.flush = flush,
	.busy = busy,
	.peek = peek,
	.list = list,
	.user_list = user_list,
	.user_end = user_end,
	.count_up = count_up,
	.examine = examine,
	.sweep = sweep,
	.check = check,
	.describe = describe,
	.cached = cached,
	.away = away,
	.close = close_cache,
};

enum kr_err kri_cache_open(const struct kri_config *config,
			   struct kri_store *inner, struct kri_store **store)
{
	struct kri_cache *made = calloc(1, sizeof(*made));
	struct kri_store *base = (struct kri_store *)made;
	enum kr_err err;

	if (!made) {
		inner->ops->close(&inner);
		return KR_ERR_MEMORY;
	}
	made->base.ops = &cache_ops;
	made->base.lease = config->cache;
	made->inner = inner;
	made->config = config;
	err = kri_copies_open((size_t)config->cache_size, config->idle_timeout,
			      &made->copies);
	if (!err)
		err = kri_keeper_open(inner, made->copies, config->cache,
				      &made->keeper);
	if (err)
		close_cache(&base);
	else
		*store = base;
	return err;
}
