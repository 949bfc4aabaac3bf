/*
 * A plain program with a libuv loop of its own, on krsession.h alone: many
 * clients in turn, each with a session in which it counts.
 *
 *     alone_loop CLIENTS COUNT [SECTION.KEY=VALUE...]
 *
 * Prints n=SUM errors=E, the sum of the counters at the end.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <krsession.h>

struct client {
	char cookie[512];
	int left; /* counts */
	int32_t n;
};

static struct kr_link *link_of_loop;
static int count, errors;

static void on_open(void *arg, enum kr_err err, struct kr_session *session);

static enum kr_err visit(struct client *client)
{
	const char *cookies[] = {client->cookie, NULL};

	return kr_session_open_on(link_of_loop, cookies, KR_ATOMIC, on_open,
				  client);
}

/* One request of the client is over: the next begins. */
static void go_on(struct client *client, enum kr_err err)
{
	errors += err != KR_OK;
	if (--client->left > 0)
		errors += visit(client) != KR_OK;
}

static void on_commit(void *arg, enum kr_err err, struct kr_session *session)
{
	struct client *client = arg;
	const char *text = "";

	if (!err)
		err = kr_session_cookie(session, true, &text);
	if (!err && *text)
		snprintf(client->cookie, sizeof(client->cookie), "%.*s",
			 (int)strcspn(text, ";"), text);
	kr_session_close(&session);
	go_on(client, err);
}

static void on_open(void *arg, enum kr_err err, struct kr_session *session)
{
	struct client *client = arg;

	client->n = 0;
	if (!err)
		err = kr_session_get_int32(session, "n", &client->n);
	if (!err || err == KR_ERR_NOT_FOUND)
		err = kr_session_set_int32(session, "n", ++client->n);
	if (!err)
		err = kr_session_commit_on(session, on_commit, client);
	if (!err)
		return;
	kr_session_close(&session);
	go_on(client, err);
}

static int serve(struct kr_store *store, int n)
{
	struct client *clients = calloc((size_t)n, sizeof(*clients));
	uv_loop_t loop;
	long sum = 0;

	if (!clients || uv_loop_init(&loop) ||
	    kr_store_attach(store, &loop, &link_of_loop))
		return 1;
	for (int i = 0; i < n; i++) {
		clients[i].left = count;
		errors += visit(&clients[i]) != KR_OK;
	}
	for (int left = 1; left;) {
		uv_run(&loop, UV_RUN_ONCE);
		left = 0;
		for (int i = 0; i < n; i++)
			left += clients[i].left > 0;
	}
	for (int i = 0; i < n; i++)
		sum += clients[i].n;
	kr_store_detach(&link_of_loop);
	uv_run(&loop, UV_RUN_DEFAULT);
	printf("n=%ld errors=%d\n", sum, errors);
	free(clients);
	return uv_loop_close(&loop) != 0;
}

int main(int argc, char **argv)
{
	struct kr_config *config = NULL;
	struct kr_store *store = NULL;
	enum kr_err err = argc < 3 ? KR_ERR_ARGUMENT : kr_config_open(&config);
	int bad = 1;

	signal(SIGPIPE, SIG_IGN);
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
	bad = serve(store, atoi(argv[1]));
	kr_store_close(&store);
	return bad;
}
