/*
 * The beginning: every call may fail for want of memory, and for nothing else.
 * The end comes to all, however far the beginning came.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "life.h"
#include "routes.h"

void world_say(struct world *world, const char *doing)
{
	struct life *life = world->life;

	snprintf(life->doing, sizeof(life->doing), "%s", doing);
}

/* The first is kept. */
bool world_wrong(struct world *world, const char *format, ...)
{
	struct life *life = world->life;
	va_list args;

	va_start(args, format);
	if (!*life->why)
		vsnprintf(life->why, sizeof(life->why), format, args);
	va_end(args);
	return false;
}

/* ---- the beginning ---------------------------------------------------- */

/* A call may fail for want of memory, and for nothing else. */
static bool may_fail(struct world *world, const char *what, enum kr_err err)
{
	if (!err)
		return true;
	world->life->refused++;
	if (err != KR_ERR_MEMORY)
		world_wrong(world, "%s: %s", what, kr_strerror(err));
	return false;
}

static bool configure(struct world *world)
{
	struct kr_config *config = kr_app_config(world->app);
	const char *const *option = world->life->options;

	for (; *option; option++)
		if (!may_fail(world, *option, kr_config_set(config, *option)))
			return false;
	return true;
}

static bool open_store(struct world *world)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct kr_app *app = world->app;
	bool good;

	good = may_fail(world, "check", kri_config_check(&app->config, &why)) &&
	       may_fail(world, "resolve",
			kri_config_resolve(&app->config, &why)) &&
	       may_fail(world, "store",
			kri_store_open(&app->config, &world->store, &why)) &&
	       may_fail(world, "store check",
			kri_store_check(world->store, &why));
	if (good)
		kri_store_describe(world->store);
	kri_buffer_free(&why);
	return good;
}

static void fill_site(struct kr_app *app)
{
	app->bodies.limit = (size_t)app->config.body_memory;
	app->site = (struct kri_site){
		.config = &app->config,
		.router = &app->router,
		.cookie = {.name = kri_text_of(app->config.cookie_name),
			   .path = kri_text_of(app->config.cookie_path),
			   .same_site = KRI_TEXT("Lax"),
			   .http_only = true},
		.origins = &app->origins,
		.bodies = &app->bodies,
	};
}

static void note_end(void *arg)
{
	(void)arg;
}

/* The loop's own memory is its crew's. */
bool world_open_loop(struct world *world)
{
	static struct kri_loop loop;

	memset(&loop, 0, sizeof(loop));
	loop.ended = note_end;
	fill_site(world->app);
	if (!may_fail(world, "loop",
		      kri_loop_open(&loop, &world->app->site, world->store)))
		return false;
	world->loop = world->client.loop = &loop;
	return true;
}

bool world_begin(struct world *world)
{
	if (!may_fail(world, "app", kr_app_open(&world->app)) ||
	    !configure(world) ||
	    !may_fail(world, "routes", routes_map(world->app)))
		return false;
	kri_log_setup(KRI_LOG_DEBUG, KRI_LOG_JSON);
	return open_store(world) && world_open_loop(world);
}

void world_end(struct world *world)
{
	world_say(world, "the end");
	client_close(&world->client);
	if (world->loop) {
		kri_loop_drain(world->loop);
		kri_loop_run(world->loop);
		kri_loop_close(world->loop);
	}
	if (world->store)
		world->store->ops->close(&world->store);
	kr_app_close(&world->app);
}
