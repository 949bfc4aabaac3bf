/*
 * The store's contract on a file of SQLite: opening, the start, closing. What
 * is asked on a link is in sqlite_link.c, who does it in sqlite_threads.c,
 * and what is done in sqlite_read.c and sqlite_write.c.
 *
 * A session is a row with its lock, its version and its time; its values are
 * rows of a second table. Several processes may have the file.
 */
#include "store/sqlite.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/sqlite_birth.h"
#include "store/sqlite_ops.h"
#include "store/sqlite_schema.h"
#include "store/sqlite_store.h"

static struct kri_sqlite_file *own_file(struct kri_sqlite_store *store)
{
	return &store->threads[KRI_SQLITE_THREADS].file;
}

/* Another process may be at it too: each takes its bites. */
static enum kr_err sweep_all(struct kri_sqlite_store *store, size_t *removed)
{
	struct kri_sqlite_bite bite;
	enum kr_err err;

	do {
		err = kri_sqlite_enter(store, own_file(store));
		if (err)
			return err;
		err = kri_sqlite_sweep(own_file(store), true, &bite);
		kri_sqlite_leave(store);
		*removed += bite.sessions;
	} while (!err && bite.more);
	return err;
}

static enum kr_err sweep(struct kri_store *base, size_t *removed)
{
	struct kri_sqlite_store *store = (struct kri_sqlite_store *)base;
	enum kr_err err;

	*removed = 0;
	pthread_mutex_lock(&store->sweeping);
	err = sweep_all(store, removed);
	pthread_mutex_unlock(&store->sweeping);
	return err;
}

/* ---- the start -------------------------------------------------------- */

static void warn_of_readers(const char *path)
{
	struct stat found;

	if (!stat(path, &found) && found.st_mode & (S_IRWXG | S_IRWXO))
		kri_log(KRI_LOG_WARNING, NULL,
			"sqlite: %s: its mode is %04o, so others than we may "
			"see sessions' values; 0600 keeps them out",
			path, found.st_mode & 07777);
}

/* Without the file there is no start. The writer's connection stays open. */
static enum kr_err check(struct kri_store *base, struct kri_buffer *why)
{
	struct kri_sqlite_store *store = (struct kri_sqlite_store *)base;
	enum kr_err err = kri_sqlite_open(store, &store->threads[0].file, why);

	if (err)
		return err;
	warn_of_readers(store->config->store_path);
	return KR_OK;
}

static void describe(struct kri_store *base, struct kri_buffer *out)
{
	struct kri_sqlite_store *store = (struct kri_sqlite_store *)base;

	kri_buffer_printf(out,
			  "sessions are in %s (SQLite %s, tables of version "
			  "%lld%s)",
			  store->config->store_path, sqlite3_libversion(),
			  (long long)kri_sqlite_version,
			  store->config->durable ? "" : ", not durable");
}

/* ---- the store -------------------------------------------------------- */

static void close_store(struct kri_store **base)
{
	struct kri_sqlite_store *store = (struct kri_sqlite_store *)*base;

	if (!store)
		return;
	kri_sqlite_stop(store);
	for (size_t i = 0; i <= KRI_SQLITE_THREADS; i++)
		kri_sqlite_file_close(&store->threads[i].file);
	pthread_cond_destroy(&store->reads.filled);
	pthread_cond_destroy(&store->writes.filled);
	pthread_mutex_destroy(&store->sweeping);
	pthread_mutex_destroy(&store->lock);
	pthread_rwlock_destroy(&store->use);
	free(store);
	*base = NULL;
}

static const struct kri_store_ops sqlite_ops = {
	.attach = kri_sqlite_attach,
	.detach = kri_sqlite_detach,
	.load = kri_sqlite_load,
	.commit = kri_sqlite_commit_records,
	.flush = kri_sqlite_flush,
	.peek = kri_sqlite_load,
	.list = kri_sqlite_list,
	.user_list = kri_sqlite_user_list,
	.user_end = kri_sqlite_user_end,
	.count_up = kri_sqlite_count_up,
	.examine = kri_sqlite_examine,
	.sweep = sweep,
	.check = check,
	.describe = describe,
	.close = close_store,
};

static void init_queue(struct kri_sqlite_queue *queue)
{
	queue->last = &queue->first;
	kri_clock_cond_init(&queue->filled);
}

/* Who opens a connection waits for those that are in use, and others must not
 * go on taking them meanwhile: glibc would let them. */
static void init_use(pthread_rwlock_t *use)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
#ifdef __GLIBC__
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	pthread_rwlock_init(use, &attr);
	pthread_rwlockattr_destroy(&attr);
}

enum kr_err kri_sqlite_store_open(const struct kri_config *config,
				  struct kri_store **store,
				  struct kri_buffer *why)
{
	enum kr_err err = kri_sqlite_birth_check(config->store_path, why);
	struct kri_sqlite_store *made;

	if (err)
		return err;
	made = calloc(1, sizeof(*made));
	if (!made)
		return KR_ERR_MEMORY;
	made->base.ops = &sqlite_ops;
	made->config = config;
	for (size_t i = 0; i <= KRI_SQLITE_THREADS; i++) {
		made->threads[i].store = made;
		made->threads[i].file.config = config;
		made->threads[i].file.reads = i && i < KRI_SQLITE_THREADS;
	}
	init_use(&made->use);
	pthread_mutex_init(&made->lock, NULL);
	pthread_mutex_init(&made->sweeping, NULL);
	init_queue(&made->reads);
	init_queue(&made->writes);
	*store = &made->base;
	return KR_OK;
}
