/*
 * Logins and questions about a user's sessions, each waited for.
 */
#include "users.h"

/* ---- logins ----------------------------------------------------------- */

struct kri_record *login_of(struct trial *trial, unsigned i, const char *user)
{
	struct kri_record *record = record_of(trial, i);

	set(record, "@user", kri_text_of(user));
	record->user = kri_text_of(user);
	record->entering = true;
	return record;
}

enum kr_err try_login(struct trial *trial, unsigned i, const char *user)
{
	return commit(trial, login_of(trial, i, user), KRI_OP_CREATE);
}

void logged_in(struct trial *trial, unsigned i, const char *user)
{
	assert_int_equal(try_login(trial, i, user), KR_OK);
}

/* The session that there is gets that user. */
enum kr_err log_in_again(struct trial *trial, unsigned i, const char *user)
{
	return commit(trial, login_of(trial, i, user), KRI_OP_UPDATE);
}

void log_out(struct trial *trial, unsigned i, const char *user)
{
	struct kri_record *record = record_of(trial, i);

	record->user = kri_text_of(user);
	assert_int_equal(commit(trial, record, KRI_OP_DESTROY), KR_OK);
}

void make_ghost(struct trial *trial, unsigned i)
{
	assert_int_equal(commit(trial, record_of(trial, i), KRI_OP_DESTROY),
			 KR_OK);
}

/* ---- questions -------------------------------------------------------- */

static struct kri_user_query query_of(struct trial *trial, const char *user)
{
	return (struct kri_user_query){
		.user = kri_text_of(user),
		.arena = &trial->arena,
		.err = KR_ERR_ARGUMENT,
	};
}

static void ask_list(struct trial *trial, struct kri_user_query *query)
{
	bool flag = false;

	trial->store->ops->user_list(trial->link, query, trial_done, &flag);
	trial_await(trial, &flag);
}

/* How many of those that are listed are the user's still; the session `i` must
 * be among them, or must not. */
static size_t listed(struct trial *trial, const char *user, unsigned i,
		     bool *is)
{
	struct kri_user_query query = query_of(trial, user);
	const char *id = record_of(trial, i)->id;
	size_t n = 0;

	ask_list(trial, &query);
	assert_int_equal(query.err, KR_OK);
	*is = false;
	for (size_t at = 0; at < query.n; at++) {
		struct kri_record *record = record_of(trial, 0);
		const struct kri_value *value;

		assert_int_equal(strlen(query.ids[at]), KRI_ID_LEN);
		memcpy(record->id, query.ids[at], KRI_ID_LEN);
		if (load(trial, record) != KR_OK)
			continue;
		value = kri_record_find(record, KRI_TEXT("@user"));
		if (!value || !kri_text_equal(value->data, kri_text_of(user)))
			continue;
		n++;
		*is |= !strcmp(query.ids[at], id);
	}
	return n;
}

size_t count_of(struct trial *trial, const char *user)
{
	bool is;

	return listed(trial, user, 0, &is);
}

bool has(struct trial *trial, const char *user, unsigned i)
{
	bool is;

	listed(trial, user, i, &is);
	return is;
}

static enum kr_err end(struct trial *trial, const char *user, const char *keep,
		       const char *only, int64_t *ended)
{
	struct kri_user_query query = query_of(trial, user);
	bool flag = false;

	query.keep = keep;
	query.only = only;
	query.ended = -1;
	trial->store->ops->user_end(trial->link, &query, trial_done, &flag);
	trial_await(trial, &flag);
	*ended = query.ended;
	return query.err;
}

int64_t end_all(struct trial *trial, const char *user)
{
	int64_t ended;

	assert_int_equal(end(trial, user, NULL, NULL, &ended), KR_OK);
	return ended;
}

int64_t end_others(struct trial *trial, const char *user, unsigned keep)
{
	int64_t ended;

	assert_int_equal(
		end(trial, user, record_of(trial, keep)->id, NULL, &ended),
		KR_OK);
	return ended;
}

int64_t end_one(struct trial *trial, const char *user, unsigned i)
{
	int64_t ended;

	assert_int_equal(
		end(trial, user, NULL, record_of(trial, i)->id, &ended), KR_OK);
	return ended;
}

/* Whether the store has what this is about. */
bool has_users(void)
{
	struct trial trial;
	bool does;

	trial_open(&trial, NULL);
	does = trial.store->ops->user_list != NULL;
	trial_close(&trial);
	return does;
}
