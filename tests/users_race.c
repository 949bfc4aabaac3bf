/*
 * Two processes with a store each, on krsession.h alone: what one ends, the
 * other must not open in the very next request.
 *
 *     users_race TRIALS [SECTION.KEY=VALUE...]
 *
 * In each trial a user logs in twice, at one process or at both; both processes
 * open the sessions; one ends all, or all others, or one; and as soon as that
 * is acknowledged the old cookies are presented to both, the other first. At
 * the end it prints
 *
 *     trials=T late=L lost=O failed=F
 *
 * how many ended sessions were opened, how many that live were not, and calls
 * that failed; it ends with 0 if all three are 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <krsession.h>

#define USER "max"
#define COOKIE 512

enum order { LOG_IN, OPEN, END, END_OTHERS, END_ALL };

/* What a process is told, and, with the answer filled in, what it says. */
struct message {
	enum order order;
	char cookie[COOKIE];
	char id[32];
	bool is_user; /* OPEN: the cookie is the user's */
	enum kr_err err;
};

/* ---- one of the two processes ------------------------------------------ */

static enum kr_err log_in(struct kr_store *store, struct message *message)
{
	struct kr_session *session = NULL;
	const char *text = "";
	enum kr_err err = kr_session_open(store, NULL, 0, &session);

	if (!err)
		err = kr_session_login(session, USER);
	if (!err)
		err = kr_session_commit(session);
	if (!err)
		err = kr_session_cookie(session, true, &text);
	if (!err) {
		snprintf(message->cookie, sizeof(message->cookie), "%.*s",
			 (int)strcspn(text, ";"), text);
		snprintf(message->id, sizeof(message->id), "%s",
			 kr_session_id(session));
	}
	kr_session_close(&session);
	return err;
}

static enum kr_err open_session(struct kr_store *store, struct message *message)
{
	const char *cookies[] = {message->cookie, NULL};
	struct kr_session *session = NULL;
	enum kr_err err = kr_session_open(store, cookies, 0, &session);
	const char *user = err ? NULL : kr_session_user(session);

	message->is_user = user && !strcmp(user, USER);
	kr_session_close(&session);
	return err;
}

static enum kr_err obey(struct kr_store *store, struct message *message)
{
	int64_t ended;

	switch (message->order) {
	case LOG_IN:
		return log_in(store, message);
	case OPEN:
		return open_session(store, message);
	case END:
		return kr_user_end(store, USER, message->id);
	case END_OTHERS:
		return kr_user_end_others(store, USER, message->id, &ended);
	case END_ALL:
		return kr_user_end_all(store, USER, &ended);
	}
	return KR_ERR_ARGUMENT;
}

static enum kr_err open_store(char **options, struct kr_store **store)
{
	struct kr_config *config = NULL;
	enum kr_err err = kr_config_open(&config);

	for (; *options && !err; options++)
		err = kr_config_set(config, *options);
	if (!err)
		err = kr_store_open(config, store);
	if (err)
		fprintf(stderr, "%s\n", kr_config_why(config));
	kr_config_close(&config);
	return err;
}

static int serve(int socket, char **options)
{
	struct kr_store *store = NULL;
	struct message message;

	if (open_store(options, &store))
		return 1;
	while (read(socket, &message, sizeof(message)) == sizeof(message)) {
		message.err = obey(store, &message);
		if (write(socket, &message, sizeof(message)) != sizeof(message))
			break;
	}
	kr_store_close(&store);
	return 0;
}

/* ---- who leads them ---------------------------------------------------- */

static int sockets[2];
static unsigned late, lost, failed;

static void start(int which, char **options)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		exit(1);
	pid = fork();
	if (pid < 0)
		exit(1);
	if (!pid) {
		close(pair[0]);
		if (which)
			close(sockets[0]);
		_exit(serve(pair[1], options));
	}
	close(pair[1]);
	sockets[which] = pair[0];
}

static void tell(int which, enum order order, struct message *message)
{
	message->order = order;
	if (write(sockets[which], message, sizeof(*message)) !=
		    sizeof(*message) ||
	    read(sockets[which], message, sizeof(*message)) != sizeof(*message))
		exit(1); /* it has said why */
	failed += message->err != KR_OK;
}

static void expect(int which, struct message *session, bool lives)
{
	tell(which, OPEN, session);
	if (session->err)
		return;
	late += session->is_user && !lives;
	lost += !session->is_user && lives;
}

static void run_trial(unsigned i)
{
	static const enum order ends[] = {END_ALL, END_OTHERS, END};
	struct message kept = {.err = KR_OK}, ended = {.err = KR_OK}, order;
	enum order end = ends[i % 3];
	int first = i / 3 % 2, second = i / 6 % 2, ender = i / 12 % 2;

	tell(first, LOG_IN, &kept);
	tell(second, LOG_IN, &ended);
	for (int which = 0; which < 2; which++) {
		expect(which, &kept, true);
		expect(which, &ended, true);
	}
	order = end == END_OTHERS ? kept : ended;
	tell(ender, end, &order);
	for (int n = 1; n >= 0; n--) {
		expect(ender ^ n, &ended, false);
		expect(ender ^ n, &kept, end != END_ALL);
	}
	tell(ender, END_ALL, &kept);
	expect(!ender, &kept, false);
}

int main(int argc, char **argv)
{
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	int status, bad = 0;

	for (int which = 0; which < 2 && argc > 1; which++)
		start(which, argv + 2);
	for (unsigned i = 0; i < trials; i++)
		run_trial(i);
	for (int which = 0; which < 2 && argc > 1; which++)
		close(sockets[which]);
	while (wait(&status) > 0)
		bad |= status;
	printf("trials=%u late=%u lost=%u failed=%u\n", trials, late, lost,
	       failed);
	return bad || late || lost || failed || !trials;
}
