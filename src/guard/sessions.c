/*
 * Owns the list of a user's sessions, and the ending of others from it: for
 * that the password must have been given a short while ago, or be in the form.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guard/audit.h"
#include "guard/proof.h"

#define ROWS_MAX 50 /* that a page shows */
#define ID_SIZE 40
#define LABEL_SIZE 257

struct list {
	const char *current; /* the session that asks */
	size_t n, more;
	struct guard_session_row rows[ROWS_MAX];
	char ids[ROWS_MAX][ID_SIZE];
	char labels[ROWS_MAX][LABEL_SIZE];
};

/* ---- the list --------------------------------------------------------- */

/* The texts are lent for the moment. The one that asks is always among those
 * that are shown. */
static enum kr_err keep(void *arg, const struct kr_user_session *session)
{
	struct list *list = arg;
	bool current = list->current && !strcmp(session->id, list->current);
	size_t i = list->n;

	if (list->n == ROWS_MAX) {
		list->more++;
		if (!current)
			return KR_OK;
		i--;
	} else {
		list->n++;
	}
	snprintf(list->ids[i], ID_SIZE, "%s", session->id);
	snprintf(list->labels[i], LABEL_SIZE, "%s", session->label);
	list->rows[i] = (struct guard_session_row){
		.id = list->ids[i],
		.label = list->labels[i],
		.created = session->created,
		.login = session->login,
		.seen = session->seen,
		.ends = session->ends,
		.current = current,
	};
	return KR_OK;
}

/* The current one first, then those seen last. */
static int compare(const void *a, const void *b)
{
	const struct guard_session_row *one = a, *other = b;

	if (one->current != other->current)
		return one->current ? -1 : 1;
	return (one->seen < other->seen) - (one->seen > other->seen);
}

static enum kr_err list_json(struct kr_context *c, const struct list *list)
{
	kr_json_array(c, "sessions");
	for (size_t i = 0; i < list->n; i++) {
		const struct guard_session_row *row = &list->rows[i];

		kr_json_object(c, NULL);
		kr_json_string(c, "id", row->id);
		kr_json_string(c, "label", row->label);
		kr_json_int(c, "created", row->created);
		kr_json_int(c, "login", row->login);
		kr_json_int(c, "seen", row->seen);
		kr_json_int(c, "ends", row->ends);
		kr_json_bool(c, "current", row->current);
		kr_json_close(c);
	}
	kr_json_close(c);
	kr_json_int(c, "more", (int64_t)list->more);
	return kr_json_end(c, 200);
}

static bool is_fresh(struct kr_context *c, const struct guard_who *who)
{
	return who->user && who->age <= guard_of(c)->options.fresh;
}

static const char *notice_of(struct kr_context *c)
{
	return kr_input(c, "ended") ? "The sessions were ended." : NULL;
}

static enum kr_err show(struct kr_context *c, const struct guard_who *who,
			const struct guard_judged *judged)
{
	struct list *list = calloc(1, sizeof(*list));
	struct guard_sessions_page page = {
		.user = who->user,
		.now = (int64_t)time(NULL),
		.fresh = is_fresh(c, who),
		.notice = notice_of(c),
		.error = judged ? judged->error : NULL,
		.wait = judged ? judged->wait : 0,
	};
	enum kr_err err;

	if (!list)
		return KR_ERR_MEMORY;
	list->current = who->session;
	err = kr_user_sessions(kr_context_store(c), who->user, keep, list);
	qsort(list->rows, list->n, sizeof(*list->rows), compare);
	page.rows = list->rows;
	page.n = list->n;
	page.more = list->more;
	if (!err && !judged && guard_is_json(c))
		err = list_json(c, list);
	else if (!err)
		err = guard_page_sessions(c, judged ? judged->status : 200,
					  &guard_of(c)->site, &page);
	free(list);
	return err;
}

/* Who is nobody, and has been answered. */
static enum kr_err turn_away(struct kr_context *c)
{
	char aim[80];

	if (guard_is_json(c))
		return guard_refuse(c, "Not signed in");
	snprintf(aim, sizeof(aim), "%s/sessions", guard_of(c)->options.path);
	return guard_send_to(c, 303, "/login", aim);
}

enum kr_err guard_sessions_get(struct kr_context *c)
{
	struct guard_who who;
	enum kr_err err = guard_who(c, &who);

	if (err)
		return err;
	return who.user ? show(c, &who, NULL) : turn_away(c);
}

/* ---- ending ----------------------------------------------------------- */

static enum kr_err answer(struct kr_context *c, int64_t ended)
{
	if (!guard_is_json(c))
		return guard_send_to(c, 303, "/sessions?ended=1", NULL);
	kr_json_int(c, "ended", ended);
	return kr_json_end(c, 200);
}

static enum kr_err end_one(struct kr_context *c, const struct guard_who *who,
			   int64_t *ended)
{
	const char *id = kr_input(c, "id");
	char detail[GUARD_QUOTED_MAX + 32], quoted[GUARD_QUOTED_MAX];
	enum kr_err err;

	if (!id || !*id)
		return KR_ERR_INPUT;
	err = kr_user_end(kr_context_store(c), who->user, id);
	if (err == KR_ERR_NOT_FOUND)
		return KR_OK;
	if (err)
		return err;
	*ended = 1;
	guard_quote(id, quoted);
	snprintf(detail, sizeof(detail), "reason=user other=%s", quoted);
	guard_audit(c, KR_LOG_INFO, "ended", who->user, detail);
	return KR_OK;
}

static enum kr_err end_others(struct kr_context *c, const struct guard_who *who,
			      int64_t *ended)
{
	char detail[64];
	enum kr_err err = kr_user_end_others(kr_context_store(c), who->user,
					     who->session, ended);

	if (err)
		return err;
	snprintf(detail, sizeof(detail), "reason=user others=%" PRId64, *ended);
	guard_audit(c, KR_LOG_INFO, "ended", who->user, detail);
	return KR_OK;
}

static enum kr_err end(struct kr_context *c, const struct guard_who *who)
{
	const char *action = kr_input(c, "action");
	int64_t ended = 0;
	enum kr_err err = KR_ERR_INPUT;

	if (action && !strcmp(action, "end"))
		err = end_one(c, who, &ended);
	else if (action && !strcmp(action, "others"))
		err = end_others(c, who, &ended);
	return err ? err : answer(c, ended);
}

static enum kr_err refuse(struct kr_context *c, const struct guard_who *who,
			  const struct guard_judged *judged)
{
	bool done = false;
	enum kr_err err = guard_prove_refuse(c, judged, &done);

	return err || done ? err : show(c, who, judged);
}

enum kr_err guard_sessions_post(struct kr_context *c)
{
	struct guard_who who;
	struct guard_judged judged;
	enum kr_err err = guard_form_who(c, &who);

	if (err)
		return err;
	if (!who.user)
		return turn_away(c);
	if (is_fresh(c, &who))
		return end(c, &who);
	err = guard_prove(c, who.user, &judged);
	if (err)
		return err;
	return judged.right ? end(c, &who) : refuse(c, &who, &judged);
}
