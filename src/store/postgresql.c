/*
 * The store's contract on a PostgreSQL server: opening, links, closing, and
 * what blocks. What is done on a link is in the other files of its name.
 */
#include "store/postgresql.h"

#include <stdlib.h>
#include <uv.h>

#include "base/uv.h"
#include "store/postgresql_link.h"

static void flush(struct kri_link *base)
{
	struct kri_postgresql_link *link = (struct kri_postgresql_link *)base;

	kri_pg_client_flush(link->client);
}

static bool busy(const struct kri_link *base)
{
	return ((const struct kri_postgresql_link *)base)->users > 0;
}

/* Closing the client ends every batch, maybe only after this returns: when it
 * is called by one that is done. */
static void detach(struct kri_link **base)
{
	struct kri_postgresql_link *link = (struct kri_postgresql_link *)*base;

	if (!link)
		return;
	link->users++;
	link->closing = true;
	kri_pg_client_close(&link->client);
	kri_postgresql_link_release(link);
	*base = NULL;
}

static enum kr_err attach(struct kri_store *base, struct uv_loop_s *loop,
			  struct kri_link **out)
{
	struct kri_postgresql_store *store =
		(struct kri_postgresql_store *)base;
	struct kri_postgresql_link *link = calloc(1, sizeof(*link));
	enum kr_err err;

	if (!link)
		return KR_ERR_MEMORY;
	link->base.store = base;
	if (base->guest)
		kri_pg_server_leave_tables(store->server);
	err = kri_pg_client_open(store->server, loop, &link->client);
	*out = &link->base;
	if (err)
		detach(out);
	return err;
}

/* ---- what blocks: a link on a loop of its own --------------------------- */

struct visit {
	uv_loop_t loop;
	struct kri_link *link;
	struct kri_arena arena;
	struct kri_record record;        /* that is looked for */
	struct kri_postgresql_bite bite; /* the sweep's last one */
	size_t sum;                      /* of the sessions of all */
};

static void visit(struct kri_store *store, struct visit *visit,
		  void (*begin)(struct visit *visit))
{
	visit->record.err = kri_err_of_uv(uv_loop_init(&visit->loop));
	if (visit->record.err)
		return;
	kri_arena_init(&visit->arena, 1024, 4096);
	visit->record.err = attach(store, &visit->loop, &visit->link);
	if (!visit->record.err) {
		begin(visit);
		if (visit->link)
			flush(visit->link);
		uv_run(&visit->loop, UV_RUN_DEFAULT);
	}
	kri_arena_free(&visit->arena);
	uv_loop_close(&visit->loop);
}

static void leave(void *arg)
{
	detach(&((struct visit *)arg)->link);
}

static void look(struct visit *visit)
{
	struct kri_record *record = &visit->record;

	kri_postgresql_load(visit->link, &record, 1, leave, visit);
}

/* Nothing is asked of a server that the start does not depend on. */
static enum kr_err check(struct kri_store *base, struct kri_buffer *why)
{
	struct kri_postgresql_store *store =
		(struct kri_postgresql_store *)base;
	struct visit it = {
		.record = {.id = "AAAAAAAAAAAAAAAAAAAAAA", .arena = &it.arena},
	};

	if (!kri_pg_server_aborts(store->server))
		return KR_OK;
	visit(base, &it, look);
	if (it.record.err == KR_ERR_NOT_FOUND)
		return KR_OK;
	kri_buffer_printf(why,
			  "%s at the start, and "
			  "postgresql.abort_on_connect_fail is on",
			  kr_strerror(it.record.err));
	return it.record.err;
}

static void bite(struct visit *visit);

static void bitten(void *arg)
{
	struct visit *visit = arg;

	if (visit->bite.sessions > 0)
		visit->sum += (size_t)visit->bite.sessions;
	if (visit->bite.more)
		bite(visit);
	else
		leave(visit);
}

static void bite(struct visit *visit)
{
	kri_postgresql_sweep((struct kri_postgresql_link *)visit->link, true,
			     &visit->bite, bitten, visit);
}

/* Why a bite failed has been logged where it did. */
static enum kr_err sweep(struct kri_store *base, size_t *removed)
{
	struct visit it = {.bite.sessions = -1};

	visit(base, &it, bite);
	*removed = it.sum;
	return it.bite.sessions < 0 ? KR_ERR_UNAVAILABLE : KR_OK;
}

/* ---- the store ---------------------------------------------------------- */

static void close_store(struct kri_store **base)
{
	struct kri_postgresql_store *store =
		(struct kri_postgresql_store *)*base;

	if (!store)
		return;
	kri_pg_server_close(&store->server);
	free(store);
	*base = NULL;
}

static const struct kri_store_ops postgresql_ops = {
	.attach = attach,
	.detach = detach,
	.load = kri_postgresql_load,
	.commit = kri_postgresql_commit,
	.flush = flush,
	.busy = busy,
	.peek = kri_postgresql_peek,
	.list = kri_postgresql_list,
	.user_list = kri_postgresql_user_list,
	.user_end = kri_postgresql_user_end,
	.count_up = kri_postgresql_count_up,
	.examine = kri_postgresql_examine,
	.sweep = sweep,
	.check = check,
	.close = close_store,
};

enum kr_err kri_postgresql_store_open(const struct kri_config *config,
				      struct kri_store **store,
				      struct kri_buffer *why)
{
	const struct kri_pg_options options = {
		.conninfo = config->postgresql_conninfo,
		.password = config->postgresql_password,
		.schema = config->postgresql_schema,
		.connect_timeout = config->postgresql_connect_timeout,
		.io_timeout = config->io_timeout,
		.abort_on_connect_fail =
			config->postgresql_abort_on_connect_fail,
		.statements = kri_postgresql_statements,
		.n = kri_postgresql_statement_count,
		.tables = kri_postgresql_tables,
		.least = KRI_SQL_LEAST,
		.version = KRI_SQL_VERSION,
		.additions = kri_postgresql_additions,
		.whole = kri_postgresql_whole,
	};
	struct kri_postgresql_store *made = calloc(1, sizeof(*made));
	enum kr_err err;

	if (!made)
		return KR_ERR_MEMORY;
	made->base.ops = &postgresql_ops;
	made->config = config;
	err = kri_pg_server_open(&options, &made->server, why);
	if (err)
		free(made);
	else
		*store = &made->base;
	return err;
}
