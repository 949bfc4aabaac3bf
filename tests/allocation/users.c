/*
 * The sessions of a user, and a counter. Several browsers log in; what each may
 * rely on follows from what the calls returned, and where one failed, it may
 * have been carried out or not. What earlier lives have left in the store is
 * the user's too, and nobody's here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "life.h"

#define COOKIE_MOST 128
#define BROWSERS 3
#define ID_LEN 22
#define LIMIT "session.max_per_user=3" /* as many as there are browsers */

enum state { NEVER, IN, OUT, DOUBT };

struct browser {
	char cookie[COOKIE_MOST]; /* "sid=..."; "": none */
	enum state state;
};

struct users {
	struct life *life;
	struct kr_store *store;
	struct browser browsers[BROWSERS];
	int64_t least, most; /* of the counter */
	bool exact; /* nothing fails: what was ended is counted exactly */
};

/* A store that found no memory for a connection is away for a while. */
static bool refused(struct users *users, enum kr_err err)
{
	users->life->refused++;
	return err == KR_ERR_MEMORY || err == KR_ERR_UNAVAILABLE ||
	       err == KR_ERR_TIMEOUT ||
	       life_wrong(users->life, "%s", kr_strerror(err));
}

static void doubt(struct users *users, const struct browser *but)
{
	for (size_t i = 0; i < BROWSERS; i++)
		if (&users->browsers[i] != but &&
		    users->browsers[i].state == IN)
			users->browsers[i].state = DOUBT;
}

/* ---- logins ----------------------------------------------------------- */

static enum kr_err come_in(struct kr_session *session, const char *user)
{
	enum kr_err err = kr_session_login(session, user);

	if (!err)
		err = kr_session_set_label(session, "a browser");
	return err ? err : kr_session_commit(session);
}

static bool take_cookie(struct users *users, struct kr_session *session,
			struct browser *browser)
{
	const char *text = NULL;
	enum kr_err err = kr_session_cookie(session, true, &text);

	if (err || strncmp(text, "sid=", 4) != 0)
		return life_wrong(users->life, "a login without a cookie");
	snprintf(browser->cookie, COOKIE_MOST, "%.*s", (int)strcspn(text, ";"),
		 text);
	browser->state = IN;
	return true;
}

/* A session of its own each time. */
static bool log_in(struct users *users, struct browser *browser,
		   const char *user)
{
	struct kr_session *session = NULL;
	enum kr_err err;
	bool good;

	life_say(users->life, "log in");
	*browser = (struct browser){.state = DOUBT};
	err = kr_session_open(users->store, NULL, 0, &session);
	if (err)
		return refused(users, err);
	err = come_in(session, user);
	good = err ? refused(users, err) : take_cookie(users, session, browser);
	kr_session_close(&session);
	return good;
}

/* Whether the cookie opens what it should, as soon as that can be seen. */
static bool check(struct users *users, const struct browser *browser)
{
	const char *cookies[] = {browser->cookie, NULL};
	int64_t until = kri_clock_ms() + RECOVERY;
	struct kr_session *session = NULL;
	enum kr_err err;
	bool in;

	if (browser->state != IN && browser->state != OUT)
		return true;
	do {
		err = kr_session_open(users->store, cookies, 0, &session);
	} while (err && kri_clock_ms() < until);
	if (err)
		return life_wrong(users->life, "a look: %s", kr_strerror(err));
	in = kr_session_user(session) != NULL;
	kr_session_close(&session);
	return in == (browser->state == IN) ||
	       life_wrong(users->life,
			  in ? "an ended session opens" : "a session is lost");
}

static bool check_all(struct users *users)
{
	for (size_t i = 0; i < BROWSERS; i++)
		if (!check(users, &users->browsers[i]))
			return false;
	return true;
}

/* ---- the list --------------------------------------------------------- */

struct look {
	struct users *users;
	int met[BROWSERS];
};

static enum kr_err meet(void *arg, const struct kr_user_session *session)
{
	struct look *look = arg;

	if (strcmp(session->label, "a browser") != 0)
		life_wrong(look->users->life, "the label is '%s'",
			   session->label);
	for (size_t i = 0; i < BROWSERS; i++) {
		const char *cookie = look->users->browsers[i].cookie;

		look->met[i] +=
			*cookie && !strncmp(session->id, cookie + 4, ID_LEN);
	}
	return KR_OK;
}

static bool list(struct users *users)
{
	struct look look = {.users = users};
	enum kr_err err;

	life_say(users->life, "list");
	err = kr_user_sessions(users->store, "eve", meet, &look);
	if (err)
		return refused(users, err);
	for (size_t i = 0; i < BROWSERS; i++) {
		enum state state = users->browsers[i].state;

		if ((state == IN && look.met[i] != 1) ||
		    (state == OUT && look.met[i]))
			return life_wrong(users->life,
					  "browser %zu is listed %d times", i,
					  look.met[i]);
	}
	return !*users->life->why;
}

/* ---- ending ----------------------------------------------------------- */

static bool end_one(struct users *users, struct browser *browser)
{
	char id[ID_LEN + 1];
	enum kr_err err;

	if (!*browser->cookie)
		return true;
	life_say(users->life, "end one");
	snprintf(id, sizeof(id), "%s", browser->cookie + 4);
	err = kr_user_end(users->store, "eve", id);
	if (err && browser->state == IN)
		browser->state = DOUBT;
	if (!err || err == KR_ERR_NOT_FOUND) {
		if (err && browser->state == IN)
			return life_wrong(users->life, "it is not there");
		browser->state = OUT;
		return true;
	}
	return refused(users, err);
}

/* All but that one; NULL: all. */
static bool end_others(struct users *users, struct browser *kept)
{
	char id[ID_LEN + 1] = "";
	int64_t ended = 0, in = 0;
	enum kr_err err;

	life_say(users->life, kept ? "end others" : "end all");
	if (kept)
		snprintf(id, sizeof(id), "%.22s",
			 *kept->cookie ? kept->cookie + 4 : "");
	err = kept ? kr_user_end_others(users->store, "eve", id, &ended)
		   : kr_user_end_all(users->store, "eve", &ended);
	if (err) {
		doubt(users, kept);
		return refused(users, err);
	}
	for (size_t i = 0; i < BROWSERS; i++) {
		struct browser *browser = &users->browsers[i];

		if (browser == kept || browser->state == NEVER)
			continue;
		in += browser->state == IN;
		browser->state = OUT;
	}
	return ended >= in || !users->exact ||
	       life_wrong(users->life, "%d ended, not %d", (int)ended, (int)in);
}

/* ---- the counter ------------------------------------------------------ */

static bool count(struct users *users)
{
	int64_t n = 0;
	enum kr_err err;

	life_say(users->life, "count");
	err = kr_counter_add(users->store, "tries", 1, 3600, &n);
	users->most++;
	if (err)
		return refused(users, err);
	if (n <= users->least || n > users->most)
		return life_wrong(users->life,
				  "the counter is %d, not %d to %d", (int)n,
				  (int)users->least + 1, (int)users->most);
	users->least = users->most = n;
	return true;
}

/* Where earlier lives have left it. */
static bool look_at_counter(struct users *users)
{
	int64_t until = kri_clock_ms() + RECOVERY;
	enum kr_err err;

	do {
		err = kr_counter_add(users->store, "tries", 0, 3600,
				     &users->least);
	} while (err && kri_clock_ms() < until);
	users->most = users->least;
	return !err ||
	       life_wrong(users->life, "the counter: %s", kr_strerror(err));
}

/* ---- all of it -------------------------------------------------------- */

static bool open_store(struct users *users)
{
	const char *const *option = users->life->options;
	struct kr_config *config = NULL;
	enum kr_err err = kr_config_open(&config);

	for (; !err && *option; option++)
		err = kr_config_set(config, *option);
	if (!err)
		err = kr_config_set(config, LIMIT);
	if (!err)
		err = kr_store_open(config, &users->store);
	kr_config_close(&config);
	return life_goes_on(users->life, "the store", err);
}

/* The user moritz comes once more than he may. */
static bool come_in_all(struct users *users)
{
	struct browser other;
	bool good = true;

	for (size_t i = 0; i < BROWSERS && good; i++)
		good = log_in(users, &users->browsers[i], "eve");
	for (size_t i = 0; i <= BROWSERS && good; i++)
		good = log_in(users, &other, "moritz");
	return good;
}

/* What has been left must end first, by a ms at least, to be what makes room.
 */
static void be_later(void)
{
	const struct timespec pause = {0, 2000000};

	nanosleep(&pause, NULL);
}

static bool before(struct users *users)
{
	be_later();
	return come_in_all(users) && list(users) &&
	       end_one(users, &users->browsers[1]) && count(users) &&
	       count(users) && end_others(users, &users->browsers[0]) &&
	       list(users);
}

static bool after(struct users *users)
{
	return end_others(users, NULL) && count(users) && list(users);
}

/* With memory nothing is refused, before long. */
static void recovers(struct users *users)
{
	int64_t until = kri_clock_ms() + RECOVERY;
	int refusals = users->life->refused;

	users->exact = true;
	do {
		users->life->refused = 0;
		if (!look_at_counter(users) || !before(users) ||
		    !check_all(users) || !after(users) || !check_all(users))
			return;
		if (!users->life->refused) {
			users->life->refused = refusals;
			return;
		}
	} while (kri_clock_ms() < until);
	life_wrong(users->life, "is still refused");
}

static void live(struct users *users)
{
	bool good;

	allocator_disarm();
	good = look_at_counter(users);
	allocator_go_on();
	good = good && before(users);
	allocator_disarm();
	good = good && check_all(users);
	allocator_go_on();
	good = good && after(users);
	allocator_disarm();
	if (good && check_all(users))
		recovers(users);
	allocator_go_on();
}

void life_of_users(struct life *life)
{
	struct users users = {.life = life};

	if (open_store(&users))
		live(&users);
	life_say(life, "the end");
	kr_store_close(&users.store);
}
