/*
 * A handler's test on the program of routes.c. A browser that has been refused
 * something may have lost its cookie, and knows little from then on; one that
 * comes when there is memory is served as if nothing had been.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"
#include "routes.h"

struct tester {
	struct life *life;
	struct kr_app *app;
	struct kr_test *browser;
};

struct step {
	const char *method, *target, *type, *body;
	int status;
	const char *says; /* in its content, unless something was refused */
};

#define FORM "application/x-www-form-urlencoded", "shade=dark+one"

static const struct step steps[] = {
	{"POST", "/paint?color=blue", FORM, 200, "{\"color\":\"blue\"}"},
	{"GET", "/count", NULL, NULL, 200, "{\"count\":1}"},
	{"GET", "/count", NULL, NULL, 200, "{\"count\":2}"},
	{"PUT", "/note", "application/json", "{\"note\":\"hallo\"}", 200,
	 "{\"note\":\"hallo\"}"},
	{"POST", "/login", FORM, 303, ""},
	{"GET", "/devices", NULL, NULL, 200, "{\"labels\":[\"a browser\""},
	{"GET", "/slow/w%61y", NULL, NULL, 200, "{\"color\":\"blue\""},
	{"GET", "/large", NULL, NULL, 200, "xxx"},
	{"GET", "/look", NULL, NULL, 200, "{\"color\":\"blue\""},
	{"POST", "/logout", NULL, NULL, 200, "bye"},
	{"GET", "/look", NULL, NULL, 200, "{\"color\":\"none\""},
};

/* ---- a request -------------------------------------------------------- */

static enum kr_err ask(struct tester *tester, const struct step *step)
{
	struct kr_test *browser = tester->browser;
	enum kr_err err = kr_test_header(browser, "X-Thing", "a thing");

	if (!err && step->body)
		err = kr_test_body(browser, step->type, step->body,
				   strlen(step->body));
	return err ? err : kr_test_request(browser, step->method, step->target);
}

static bool judge(struct tester *tester, const struct step *step)
{
	size_t size = 0;
	const char *answer = kr_test_answer(tester->browser, &size);
	const char *type = kr_test_header_out(tester->browser, "Content-Type");

	if (strlen(answer) != size || (size && !type))
		return life_wrong(tester->life, "%s: %zu bytes of no type",
				  step->target, size);
	if (tester->life->refused || strstr(answer, step->says))
		return true;
	return life_wrong(tester->life, "%s: %s", step->target, answer);
}

/* 409: a login that failed took place, and its cookie did not arrive. */
static bool take_step(struct tester *tester, const struct step *step)
{
	enum kr_err err;
	int status;

	life_say(tester->life, step->target);
	err = ask(tester, step);
	if (!life_goes_on(tester->life, step->target, err))
		return !*tester->life->why;
	status = kr_test_status(tester->browser);
	if (status == step->status)
		return judge(tester, step);
	if (status != 503 && !(status == 409 && tester->life->refused))
		return life_wrong(tester->life, "%s: %d, %s", step->target,
				  status,
				  kr_test_answer(tester->browser, NULL));
	tester->life->refused++;
	return true;
}

static bool browse(struct tester *tester)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!take_step(tester, &steps[i]))
			return false;
	return true;
}

/* ---- all of it -------------------------------------------------------- */

static bool begin(struct tester *tester)
{
	const char *const *option = tester->life->options;
	enum kr_err err = kr_app_open(&tester->app);

	for (; !err && *option; option++)
		err = kr_config_set(kr_app_config(tester->app), *option);
	if (!err)
		err = routes_map(tester->app);
	return life_goes_on(tester->life, "the app", err);
}

static bool open_browser(struct tester *tester)
{
	return life_goes_on(tester->life, "a browser",
			    kr_test_open(tester->app, &tester->browser));
}

/* Another browser of the same app, with memory. */
static void come_again(struct tester *tester)
{
	int refused = tester->life->refused;

	kr_test_close(&tester->browser);
	tester->life->refused = 0;
	if (open_browser(tester) && browse(tester) && tester->life->refused)
		life_wrong(tester->life, "refused with memory");
	tester->life->refused += refused;
}

void life_of_a_test(struct life *life)
{
	struct tester tester = {.life = life};

	if (begin(&tester)) {
		if (open_browser(&tester))
			browse(&tester);
		allocator_disarm();
		if (!*life->why)
			come_again(&tester);
		allocator_go_on();
	}
	life_say(life, "the end");
	kr_test_close(&tester.browser);
	kr_app_close(&tester.app);
}
