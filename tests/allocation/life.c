/*
 * What is right at each step follows from what was answered before: `known`
 * is what the client may rely on. A commit that failed may have been carried
 * out or not, so some of it is a range.
 */
#include "life.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/app.h"
#include "base/clock.h"
#include "base/log.h"
#include "routes.h"
#include "world.h"

void world_say(struct world *world, const char *doing)
{
	life_say(world->life, doing);
}

bool world_wrong(struct world *world, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	life_wrong_list(world->life, format, args);
	va_end(args);
	return false;
}

/* ---- the beginning ---------------------------------------------------- */

/* A call may fail for want of memory, and for nothing else. */
static bool may_fail(struct world *world, const char *what, enum kr_err err)
{
	return life_goes_on(world->life, what, err);
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
static bool open_loop(struct world *world)
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

static bool begin(struct world *world)
{
	if (!may_fail(world, "app", kr_app_open(&world->app)) ||
	    !configure(world) ||
	    !may_fail(world, "routes", routes_map(world->app)))
		return false;
	kri_log_setup(KRI_LOG_DEBUG, KRI_LOG_JSON);
	return open_store(world) && open_loop(world);
}

static void end(struct world *world)
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

/* ---- what is known ---------------------------------------------------- */

static void look_at_cookie(struct world *world)
{
	struct known *known = &world->known;
	const char *cookie = strchr(world->client.cookie, '=');

	if (!cookie || !strncmp(cookie + 1, known->id, KRI_ID_LEN))
		return;
	*known = (struct known){0};
	snprintf(known->id, sizeof(known->id), "%s", cookie + 1);
}

static bool says(const struct world *world, const char *text)
{
	return strstr(world->client.answer, text);
}

static bool judge_count(struct world *world)
{
	struct known *known = &world->known;
	const char *at = strstr(world->client.answer, "\"count\":");
	int n = at ? atoi(at + 8) : -1;

	if (n <= known->least || n > known->most + 1)
		return world_wrong(world, "count is %d, not in %d to %d", n,
				   known->least + 1, known->most + 1);
	known->least = known->most = n;
	return true;
}

/* Whoever has no session, or one that may have ended, sees none. */
static bool judge_look(struct world *world)
{
	struct known *known = &world->known;
	bool blue = says(world, "\"color\":\"blue\"");

	if (!says(world, "\"more\":{\"numbers\":[1.5,null]"))
		return world_wrong(world, "look: %s", world->client.answer);
	if (blue ? known->blue
		 : !known->blue || known->doubtful || known->ended)
		return true;
	return world_wrong(world, "the color is %s", blue ? "there" : "lost");
}

static bool judge_paint(struct world *world)
{
	world->known.blue = true;
	return says(world, "{\"color\":\"blue\"}") ||
	       world_wrong(world, "paint: %s", world->client.answer);
}

static bool judge_note(struct world *world)
{
	world->known.noted = world->known.maybe_noted = true;
	return says(world, "{\"note\":\"hallo\"}") ||
	       world_wrong(world, "note: %s", world->client.answer);
}

static bool judge_login(struct world *world)
{
	return (says(world, "Location: https://login.example.com/") &&
		says(world, "X-Login: max") &&
		says(world, "Set-Cookie: theme=dark")) ||
	       world_wrong(world, "login: %s", world->client.answer);
}

static bool judge_large(struct world *world)
{
	return world->client.len > 39999 ||
	       world_wrong(world, "large: %zu", world->client.len);
}

static bool judge_logout(struct world *world)
{
	world->known.ended = true;
	return says(world, "bye") ||
	       world_wrong(world, "logout: %s", world->client.answer);
}

/* In doubt after a request that was not answered with what was asked. */
static void doubt_count(struct known *known)
{
	known->most++;
}

static void doubt_note(struct known *known)
{
	known->maybe_noted = true;
}

static void doubt_login(struct known *known)
{
	known->doubtful = true;
}

static void doubt_logout(struct known *known)
{
	known->ended = true;
}

/* ---- the requests ----------------------------------------------------- */

struct step {
	struct request request;
	int status;
	bool (*judge)(struct world *world);
	void (*doubt)(struct known *known);
};

#define FORM "application/x-www-form-urlencoded", "shade=dark+one"

static const struct step before[] = {
	{{"POST", "/paint", FORM, false}, 200, judge_paint, NULL},
	{{"GET", "/count", NULL, NULL, false}, 200, judge_count, doubt_count},
	{{"GET", "/count", NULL, NULL, true}, 200, judge_count, doubt_count},
	{{"PUT", "/note", "application/json", "{\"note\":\"hallo\"}", true},
	 200,
	 judge_note,
	 doubt_note},
	{{"POST", "/login", FORM, false}, 303, judge_login, doubt_login},
	{{"GET", "/slow/way", NULL, NULL, false}, 200, judge_look, NULL},
	{{"GET", "/large", NULL, NULL, false}, 200, judge_large, NULL},
	{{"GET", "/look", NULL, NULL, false}, 200, judge_look, NULL},
};

static const struct step after[] = {
	{{"POST", "/logout", NULL, NULL, false},
	 200,
	 judge_logout,
	 doubt_logout},
	{{"GET", "/look", NULL, NULL, false}, 200, judge_look, NULL},
};

/* 409: a login that failed took place, and its cookie did not arrive. */
static bool may_be_refused(const struct world *world, int status)
{
	return !status || status == 503 ||
	       (status == 409 && world->known.doubtful);
}

static bool take_step(struct world *world, const struct step *step)
{
	int status;

	world_say(world, step->request.path);
	status = client_ask(&world->client, &step->request);
	look_at_cookie(world);
	if (status == step->status)
		return step->judge(world);
	world->life->refused++;
	if (step->doubt)
		step->doubt(&world->known);
	return may_be_refused(world, status) ||
	       world_wrong(world, "%s: %d, %s", step->request.path, status,
			   world->client.answer);
}

static bool take_steps(struct world *world, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!take_step(world, &steps[i]))
			return false;
	return true;
}

#define TAKE(world, steps)                                                     \
	take_steps(world, steps, sizeof(steps) / sizeof(*(steps)))

/* ---- all of it -------------------------------------------------------- */

/* A visitor who comes when there is memory is served, before long. */
static bool recovers(struct world *world)
{
	int64_t until = kri_clock_ms() + RECOVERY;
	int refused = world->life->refused;

	do {
		client_close(&world->client);
		world->known = (struct known){0};
		*world->client.cookie = '\0';
		world->life->refused = 0;
		if (!TAKE(world, before) || !TAKE(world, after))
			return false;
		if (!world->life->refused) {
			world->life->refused = refused;
			return true;
		}
		client_turn(world->loop);
	} while (kri_clock_ms() < until);
	return world_wrong(world, "is still refused: %s", world->client.answer);
}

/* Where copies are kept in memory: looks until there is one, and then at it. */
static bool look_at_copies(struct world *world)
{
	const struct step *look = &after[1];
	struct kri_cached cached = {0};

	for (int i = 0; i < 20 && !cached.copies; i++) {
		if (!take_step(world, look))
			return false;
		world->store->ops->cached(world->store, &cached);
		usleep(1000); /* a heartbeat takes its time */
	}
	return take_step(world, look) && take_step(world, look);
}

static void live(struct world *world)
{
	bool good = TAKE(world, before);

	if (world->store->lease)
		good = good && look_at_copies(world);
	allocator_disarm();
	good = good && world_look(world);
	allocator_go_on();
	good = good && TAKE(world, after);
	world_walk(world);
	allocator_disarm();
	good = good && recovers(world);
	allocator_go_on();
}

/* Where there was a store but no loop, another loop serves. */
static void live_late(struct world *world)
{
	allocator_disarm();
	if (open_loop(world))
		recovers(world);
	else
		world_wrong(world, "no loop after one that failed");
	allocator_go_on();
}

void life_of_a_program(struct life *life)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.life = life;
	world.client.fd = -1;
	if (begin(&world))
		live(&world);
	else if (world.store)
		live_late(&world);
	end(&world);
}

/* ---- of every life ---------------------------------------------------- */

bool life_run(struct life *life)
{
	life->refused = 0;
	*life->why = '\0';
	life_say(life, "the beginning");
	allocator_arm(life->n, life->how);
	life->lead(life);
	life->asked = allocator_disarm();
	if (!life->n && life->refused)
		life_wrong(life, "refused without a failure");
	return !*life->why;
}

void life_say(struct life *life, const char *doing)
{
	snprintf(life->doing, sizeof(life->doing), "%s", doing);
}

/* The first is kept. */
void life_wrong_list(struct life *life, const char *format, va_list args)
{
	if (!*life->why)
		vsnprintf(life->why, sizeof(life->why), format, args);
}

bool life_wrong(struct life *life, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	life_wrong_list(life, format, args);
	va_end(args);
	return false;
}

bool life_goes_on(struct life *life, const char *what, enum kr_err err)
{
	if (!err)
		return true;
	life->refused++;
	if (err != KR_ERR_MEMORY)
		life_wrong(life, "%s: %s", what, kr_strerror(err));
	return false;
}
