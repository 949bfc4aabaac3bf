/*
 * The session layer alone. A visitor comes again and again; what it may rely
 * on follows from what its calls returned, and where one failed, what was asked
 * for may be stored or not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "life.h"

#define COOKIE_MOST 128

/* What the session in the store is to be. */
struct known {
	bool blue;       /* it has its colour */
	int least, most; /* of the count */
	bool doubtful;   /* a login failed: the cookie may open nothing */
	bool ended;      /* or it may: a logout was asked for */
};

struct visitor {
	struct life *life;
	struct kr_store *store;
	char cookie[COOKIE_MOST]; /* what it sends; "": none */
	struct known known;
	struct known next; /* if the visit's changes are stored */
};

/* ---- what is right ---------------------------------------------------- */

/* A store that found no memory for a connection is away for a while. A change
 * whose connection was lost may be carried out later, and be what the next one
 * is in conflict with. */
static bool is_refusal(const struct visitor *visitor, enum kr_err err)
{
	return err == KR_ERR_MEMORY || err == KR_ERR_UNAVAILABLE ||
	       err == KR_ERR_TIMEOUT ||
	       (err == KR_ERR_CONFLICT && visitor->life->refused > 0) ||
	       (err == KR_ERR_RENEWED && visitor->known.doubtful) ||
	       (err == KR_ERR_GONE && visitor->known.ended);
}

static bool note_refusal(struct visitor *visitor, enum kr_err err)
{
	bool refusal = is_refusal(visitor, err);

	visitor->life->refused++;
	return refusal || life_wrong(visitor->life, "%s", kr_strerror(err));
}

static bool is_sure(const struct visitor *visitor)
{
	return *visitor->cookie && !visitor->known.doubtful &&
	       !visitor->known.ended;
}

static void judge_color(struct visitor *visitor, const char *color)
{
	bool blue = color && !strcmp(color, "blue");

	if (color && !blue)
		life_wrong(visitor->life, "the color is %s", color);
	else if (blue && !visitor->known.blue)
		life_wrong(visitor->life, "the color is there");
	else if (!blue && visitor->known.blue && is_sure(visitor))
		life_wrong(visitor->life, "the color is lost");
}

static void judge_count(struct visitor *visitor, int n)
{
	const struct known *known = &visitor->known;

	if (n > known->most || (n < known->least && is_sure(visitor)))
		life_wrong(visitor->life, "the count is %d, not %d to %d", n,
			   known->least, known->most);
}

/* ---- what is done in a visit ------------------------------------------ */

typedef enum kr_err act(struct visitor *visitor, struct kr_session *session);

static enum kr_err look_at_color(struct visitor *visitor,
				 struct kr_session *session)
{
	const char *color = NULL;
	enum kr_err err = kr_session_get_string(session, "color", &color);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	judge_color(visitor, color);
	return KR_OK;
}

static enum kr_err paint(struct visitor *visitor, struct kr_session *session)
{
	enum kr_err err = kr_session_set_string(session, "color", "blue");

	if (!err)
		err = kr_session_set_bytes(session, "bytes", "\0\1\2", 3);
	visitor->next.blue = true;
	return err;
}

static enum kr_err count(struct visitor *visitor, struct kr_session *session)
{
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(session, "count", &n);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	judge_count(visitor, n);
	visitor->known.most++;
	visitor->next.least = visitor->next.most = n + 1;
	return kr_session_set_int32(session, "count", n + 1);
}

/* A second change after a first commit. */
static enum kr_err count_twice(struct visitor *visitor,
			       struct kr_session *session)
{
	enum kr_err err = count(visitor, session);

	if (!err)
		err = kr_session_commit(session);
	if (err)
		return err;
	visitor->known.least = visitor->next.least;
	visitor->known.most = visitor->next.most;
	return count(visitor, session);
}

/* What is dropped is not stored by the commit behind it. */
static enum kr_err change_mind(struct visitor *visitor,
			       struct kr_session *session)
{
	enum kr_err err = kr_session_set_string(session, "color", "red");

	if (!err)
		err = kr_session_reload(session);
	return err ? err : look_at_color(visitor, session);
}

static enum kr_err log_in(struct visitor *visitor, struct kr_session *session)
{
	enum kr_err err = kr_session_login(session, "max");

	if (!err)
		err = kr_session_set_idle_timeout(session, 3600);
	return err ? err : look_at_color(visitor, session);
}

static enum kr_err skip(void *arg, const char *key, const void *value,
			size_t size)
{
	(void)arg;
	(void)value;
	return size && *key ? KR_OK : KR_ERR_TYPE;
}

static enum kr_err look(struct visitor *visitor, struct kr_session *session)
{
	enum kr_err err = kr_session_each(session, skip, NULL);

	return err ? err : look_at_color(visitor, session);
}

static enum kr_err log_out(struct visitor *visitor, struct kr_session *session)
{
	visitor->next.ended = true;
	return kr_session_logout(session);
}

/* ---- a visit ---------------------------------------------------------- */

/* "sid=" alone takes it away. */
static bool take_cookie(struct visitor *visitor, struct kr_session *session)
{
	const char *text = NULL;
	enum kr_err err = kr_session_cookie(session, true, &text);

	if (err)
		return life_wrong(visitor->life, "no text of the cookie: %s",
				  kr_strerror(err));
	if (!*text)
		return true;
	snprintf(visitor->cookie, sizeof(visitor->cookie), "%.*s",
		 (int)strcspn(text, ";"), text);
	visitor->next.doubtful = false;
	if (!strcmp(visitor->cookie, "sid="))
		*visitor->cookie = '\0';
	return true;
}

/* What was asked for may have been carried out. */
static bool doubt(struct visitor *visitor, act *done, enum kr_err err)
{
	visitor->known.doubtful |= done == log_in;
	visitor->known.ended |= visitor->next.ended;
	return note_refusal(visitor, err);
}

static bool come_in(struct visitor *visitor, struct kr_session *session,
		    act *done)
{
	enum kr_err err;

	visitor->next = visitor->known;
	err = done(visitor, session);
	if (!err)
		err = kr_session_commit(session);
	if (err)
		return doubt(visitor, done, err);
	if (!take_cookie(visitor, session))
		return false;
	visitor->known = visitor->next;
	return !*visitor->life->why;
}

static bool visit(struct visitor *visitor, const char *name, act *done,
		  unsigned flags)
{
	const char *cookies[] = {"theme=dark", visitor->cookie, NULL};
	struct kr_session *session = NULL;
	enum kr_err err;
	bool good;

	life_say(visitor->life, name);
	err = kr_session_open(visitor->store, cookies, flags, &session);
	if (err)
		return note_refusal(visitor, err);
	good = come_in(visitor, session, done);
	kr_session_close(&session);
	return good && !*visitor->life->why;
}

static bool visits_before(struct visitor *visitor)
{
	return visit(visitor, "paint", paint, 0) &&
	       visit(visitor, "count", count, KR_ATOMIC) &&
	       visit(visitor, "count twice", count_twice, 0) &&
	       visit(visitor, "change mind", change_mind, 0) &&
	       visit(visitor, "log in", log_in, 0) &&
	       visit(visitor, "look", look, 0);
}

static bool visits_after(struct visitor *visitor)
{
	return visit(visitor, "log out", log_out, 0) &&
	       visit(visitor, "look again", look, 0);
}

/* ---- all of it -------------------------------------------------------- */

static bool open_store(struct visitor *visitor)
{
	const char *const *option = visitor->life->options;
	struct kr_config *config = NULL;
	enum kr_err err = kr_config_open(&config);

	for (; !err && *option; option++)
		err = kr_config_set(config, *option);
	if (!err)
		err = kr_config_set(config, "log.level=debug");
	if (!err)
		err = kr_store_open(config, &visitor->store);
	kr_config_close(&config);
	return life_goes_on(visitor->life, "the store", err);
}

static void begin_anew(struct visitor *visitor)
{
	*visitor->cookie = '\0';
	visitor->known = (struct known){0};
	visitor->life->refused = 0;
}

/* A visitor who comes when there is memory is served, before long. */
static void recovers(struct visitor *visitor)
{
	int64_t until = kri_clock_ms() + RECOVERY;
	int refused = visitor->life->refused;

	do {
		begin_anew(visitor);
		if (!visits_before(visitor) || !visits_after(visitor))
			return;
		if (!visitor->life->refused) {
			visitor->life->refused = refused;
			return;
		}
	} while (kri_clock_ms() < until);
	life_wrong(visitor->life, "is still refused");
}

/* The session is what was promised, as soon as it can be seen. */
static void look_with_memory(struct visitor *visitor)
{
	int64_t until = kri_clock_ms() + RECOVERY;
	int refused = visitor->life->refused;

	do {
		visitor->life->refused = 0;
		if (!visit(visitor, "look with memory", look, 0))
			return;
	} while (visitor->life->refused && !visitor->known.doubtful &&
		 kri_clock_ms() < until);
	visitor->life->refused = refused;
}

static void live(struct visitor *visitor)
{
	bool good = visits_before(visitor);

	allocator_disarm();
	if (good)
		look_with_memory(visitor);
	allocator_go_on();
	good = good && visits_after(visitor);
	allocator_disarm();
	if (good && !*visitor->life->why)
		recovers(visitor);
	allocator_go_on();
}

void life_alone(struct life *life)
{
	struct visitor visitor = {.life = life};

	if (open_store(&visitor))
		live(&visitor);
	life_say(life, "the end");
	kr_store_close(&visitor.store);
}
