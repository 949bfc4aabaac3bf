/*
 * A plain program with a pool of threads, on krsession.h alone: all of them
 * count in one session.
 *
 *     alone_pool THREADS COUNT [SECTION.KEY=VALUE...]
 *
 * Each thread counts COUNT times, and tries again what failed and was surely
 * not stored. At the end it prints
 *
 *     n=N stored=S unknown=U failed=F
 *
 * the counter, the commits that were KR_OK, those of which it is not known
 * whether they were stored, and the errors that were tried again.
 *
 * With 0 threads it is led by lines on its standard input, of which each is one
 * call to a page and is answered by a line: count, look, end. "quit" is the
 * last.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <krsession.h>

#define COOKIE 512

static struct kr_store *store;
static char cookie[COOKIE]; /* of the one client */
static int count;
static atomic_int stored, unknown, failed;

static enum kr_err open_client(unsigned flags, struct kr_session **session)
{
	const char *cookies[] = {cookie, NULL};

	return kr_session_open(store, cookies, flags, session);
}

static enum kr_err keep_cookie(struct kr_session *session)
{
	const char *text = NULL;
	enum kr_err err = kr_session_cookie(session, true, &text);

	if (!err && *text)
		snprintf(cookie, sizeof(cookie), "%.*s",
			 (int)strcspn(text, ";"), text);
	return err;
}

static enum kr_err add_one(struct kr_session *session, int32_t *n)
{
	enum kr_err err = kr_session_get_int32(session, "n", n);

	if (err == KR_ERR_NOT_FOUND) {
		*n = 0;
		err = KR_OK;
	}
	return err ? err : kr_session_set_int32(session, "n", ++*n);
}

/* As every program does that computes what it writes from what it has read. */
static enum kr_err count_in(struct kr_session *session, int32_t *n)
{
	enum kr_err err;

	do {
		err = add_one(session, n);
		if (!err)
			err = kr_session_commit(session);
	} while (err == KR_ERR_CONFLICT && !kr_session_reload(session));
	return err;
}

/* ---- many threads ------------------------------------------------------- */

/* Of a load that failed nothing is stored. */
static bool count_once(void)
{
	struct kr_session *session = NULL;
	int32_t n = 0;
	enum kr_err err = open_client(KR_ATOMIC, &session);

	if (err) {
		failed++;
		usleep(1000);
		return false;
	}
	err = count_in(session, &n);
	kr_session_close(&session);
	if (!err)
		stored++;
	else if (err == KR_ERR_CONFLICT)
		failed++;
	else
		unknown++;
	return err != KR_ERR_CONFLICT;
}

static void *run(void *arg)
{
	for (int i = 0; i < count;)
		i += count_once();
	return arg;
}

static int run_all(int n)
{
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));
	int bad = threads == NULL;

	for (int i = 0; i < n && !bad; i++)
		bad = pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < n && !bad; i++)
		bad = pthread_join(threads[i], NULL);
	free(threads);
	return bad;
}

static enum kr_err begin(void)
{
	struct kr_session *session = NULL;
	enum kr_err err = open_client(0, &session);

	if (!err)
		err = kr_session_set_int32(session, "n", 0);
	if (!err)
		err = kr_session_commit(session);
	if (!err)
		err = keep_cookie(session);
	kr_session_close(&session);
	return err;
}

static enum kr_err report(void)
{
	struct kr_session *session = NULL;
	int32_t n = -1;
	enum kr_err err = open_client(0, &session);

	if (!err)
		err = kr_session_get_int32(session, "n", &n);
	kr_session_close(&session);
	printf("n=%d stored=%d unknown=%d failed=%d\n", (int)n, (int)stored,
	       (int)unknown, (int)failed);
	return err;
}

static int compete(int threads)
{
	enum kr_err err = begin();
	int bad;

	if (err) {
		printf("%s\n", kr_strerror(err));
		return 1;
	}
	printf("begun\n");
	fflush(stdout);
	bad = run_all(threads);
	while (report() && !bad)
		usleep(10000);
	return bad;
}

/* ---- one call a line ---------------------------------------------------- */

static enum kr_err do_line(const char *line, struct kr_session *session)
{
	int32_t n = 0;
	enum kr_err err;

	if (!strcmp(line, "count")) {
		err = count_in(session, &n);
	} else if (!strcmp(line, "end")) {
		err = kr_session_destroy(session);
		if (!err)
			err = kr_session_commit(session);
	} else {
		err = kr_session_get_int32(session, "n", &n);
	}
	if (!err)
		err = keep_cookie(session);
	if (!err)
		printf("%d\n", (int)n);
	return err;
}

static int follow(void)
{
	char line[100];

	while (fgets(line, sizeof(line), stdin)) {
		struct kr_session *session = NULL;
		enum kr_err err;

		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "quit"))
			break;
		err = open_client(KR_ATOMIC, &session);
		if (!err)
			err = do_line(line, session);
		if (err)
			printf("%s\n", kr_strerror(err));
		fflush(stdout);
		kr_session_close(&session);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct kr_config *config = NULL;
	enum kr_err err = argc < 3 ? KR_ERR_ARGUMENT : kr_config_open(&config);
	int bad = 1;

	for (int i = 3; i < argc && !err; i++)
		err = kr_config_set(config, argv[i]);
	if (!err)
		err = kr_store_open(config, &store);
	if (err)
		printf("%s %s\n", kr_strerror(err), kr_config_why(config));
	kr_config_close(&config);
	if (err)
		return 1;
	count = atoi(argv[2]);
	bad = atoi(argv[1]) ? compete(atoi(argv[1])) : follow();
	kr_store_close(&store);
	return bad;
}
