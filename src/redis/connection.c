/*
 * hiredis in a mode between its two: the socket blocks, but for a moment
 * only, and hiredis takes a timeout for "later". So a near Redis costs one
 * write and one read a batch and no poll, and the wait for a far one is ours.
 */
#include "redis/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "redis/command.h"

void kri_connection_init(struct kri_connection *connection,
			 const struct kri_dial *dial)
{
	*connection = (struct kri_connection){.dial = dial};
}

void kri_connection_close(struct kri_connection *connection)
{
	if (connection->context)
		redisFree(connection->context);
	connection->context = NULL;
}

enum kr_err kri_connection_fail(struct kri_connection *connection,
				enum kr_err err, const char *why)
{
	snprintf(connection->why, sizeof(connection->why), "%s", why);
	kri_connection_close(connection);
	return err;
}

static enum kr_err fail_errno(struct kri_connection *connection, int number)
{
	char text[96];

	return kri_connection_fail(connection, KR_ERR_UNAVAILABLE,
				   strerror_r(number, text, sizeof(text)));
}

/* hiredis' own words, or OpenSSL's; the errors of a stream are all the end of
 * it. */
static enum kr_err fail_context(struct kri_connection *connection)
{
	bool alien = connection->context->err == REDIS_ERR_PROTOCOL;
	const char *reason = connection->dial->tls ? kri_tls_reason() : NULL;
	char why[160];

	if (reason)
		snprintf(why, sizeof(why), "TLS: %s", reason);
	else
		snprintf(why, sizeof(why), "%s", connection->context->errstr);
	return kri_connection_fail(
		connection, alien ? KR_ERR_PROTOCOL : KR_ERR_UNAVAILABLE, why);
}

static enum kr_err fail_wait(struct kri_connection *connection, enum kr_err err)
{
	if (err == KR_ERR_TIMEOUT)
		return kri_connection_fail(connection, err,
					   "no answer in time");
	return fail_errno(connection, errno);
}

static redisContext *begin_connect(const struct kri_address *address)
{
	redisOptions options = {.options = REDIS_OPT_NONBLOCK};

	if (address->path)
		REDIS_OPTIONS_SET_UNIX(&options, address->path);
	else
		REDIS_OPTIONS_SET_TCP(&options, address->host, address->port);
	return redisConnectWithOptions(&options);
}

static enum kr_err await_connect(struct kri_connection *connection,
				 struct kri_deadline *deadline)
{
	int fd = (int)connection->context->fd;
	enum kr_err err = kri_deadline_poll(deadline, fd, POLLOUT);
	int result = 0;
	socklen_t size = sizeof(result);

	if (err)
		return fail_wait(connection, err);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) || result)
		return fail_errno(connection, result ? result : errno);
	return KR_OK;
}

/* Half-open connections: the kernel asks a silent peer whether it is there,
 * and gives up on what it does not acknowledge in time (tcp(7)). */
static void set_tcp(int fd, const struct kri_dial *dial)
{
	const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, (int)dial->keep_alive},
		{IPPROTO_TCP, TCP_KEEPINTVL, (int)(dial->keep_alive + 2) / 3},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, (int)dial->io_timeout},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		setsockopt(fd, options[i].level, options[i].name,
			   &options[i].value, sizeof(int));
}

/* From here on the socket blocks, for a moment at a time. */
static enum kr_err set_socket(struct kri_connection *connection)
{
	static const struct timeval moment = {.tv_usec = KRI_PATIENCE * 1000};
	int fd = (int)connection->context->fd;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof(moment)))
		return fail_errno(connection, errno);
	kri_reply_hook(connection->context->reader);
	return KR_OK;
}

static enum kr_err start_tls(struct kri_connection *connection,
			     const struct kri_address *address,
			     struct kri_deadline *deadline)
{
	const struct kri_dial *dial = connection->dial;
	const char *host = dial->tls_host ? dial->tls_host : address->host;
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err;

	if (!host)
		host = "localhost";
	err = kri_tls_start(dial->tls, connection->context, host, deadline,
			    &why);
	if (err)
		kri_connection_fail(connection, err,
				    why.len ? why.data : kr_strerror(err));
	kri_buffer_free(&why);
	return err;
}

/* AUTH as Redis 6 and later have it, or with the password alone. */
static void put_login(const struct kri_login *login, struct kri_buffer *out)
{
	if (!login->password)
		return;
	kri_command_begin(out, login->user ? 3 : 2);
	kri_command_text(out, KRI_TEXT("AUTH"));
	if (login->user)
		kri_command_text(out, kri_text_of(login->user));
	kri_command_text(out, kri_text_of(login->password));
}

/* The commands that precede all others; returns how many. */
static size_t put_greeting(const struct kri_dial *dial, struct kri_buffer *out)
{
	const char *const set_name[] = {"CLIENT", "SETNAME", dial->client_name,
					NULL};

	put_login(dial->login, out);
	if (dial->database) {
		kri_command_begin(out, 2);
		kri_command_text(out, KRI_TEXT("SELECT"));
		kri_command_int(out, dial->database);
	}
	kri_command_strings(out, set_name);
	return (dial->login->password != NULL) + (dial->database != 0) + 1;
}

/* The name is for people: a user who may not set it, or a name that Redis
 * does not like, works all the same. */
static bool is_only_a_name(const struct kri_reply *reply, enum kr_err err,
			   size_t left)
{
	return left == 1 &&
	       (err == KR_ERR_PROTOCOL || kri_reply_is_error(reply, "NOPERM "));
}

static enum kr_err read_greeting(struct kri_connection *connection, size_t n,
				 struct kri_arena *arena,
				 struct kri_deadline *deadline)
{
	for (size_t left = n; left > 0; left--) {
		const struct kri_reply *reply;
		enum kr_err err = kri_connection_read(connection, arena,
						      deadline, &reply);

		if (err)
			return err;
		err = kri_reply_check(reply);
		if (err && !is_only_a_name(reply, err, left))
			return kri_connection_fail(connection, err,
						   reply->text.data);
	}
	return KR_OK;
}

/* With TLS 1.3 the server looks at our certificate after the handshake, and
 * its alert may be lost when it closes: then nobody says what was wrong. */
static void suspect_certificate(struct kri_connection *connection)
{
	size_t len = strlen(connection->why);

	snprintf(connection->why + len, sizeof(connection->why) - len,
		 " right after the TLS handshake; does it want another client "
		 "certificate (redis.tls_cert_file)?");
}

static enum kr_err greet(struct kri_connection *connection,
			 struct kri_deadline *deadline)
{
	struct kri_buffer commands = KRI_BUFFER_EMPTY;
	struct kri_arena arena;
	size_t n = put_greeting(connection->dial, &commands);
	enum kr_err err;

	kri_arena_init(&arena, 1024, 65536);
	err = kri_connection_send(connection, kri_buffer_text(&commands),
				  deadline);
	if (!err)
		err = read_greeting(connection, n, &arena, deadline);
	if (err == KR_ERR_UNAVAILABLE && connection->dial->tls)
		suspect_certificate(connection);
	kri_arena_free(&arena);
	kri_buffer_wipe(&commands);
	kri_buffer_free(&commands);
	return err;
}

/* Over TLS the socket may hold what is not ours to read, such as tickets. */
bool kri_connection_is_quiet(struct kri_connection *connection)
{
	const redisReader *reader = connection->context->reader;
	char byte;
	ssize_t n = recv((int)connection->context->fd, &byte, 1,
			 MSG_PEEK | MSG_DONTWAIT);
	bool silent = n < 0 && (errno == EAGAIN || errno == EINTR);

	if (n > 0 && connection->dial->tls)
		silent = true;
	if (silent && reader->pos == reader->len)
		return true;
	kri_connection_fail(connection, KR_ERR_PROTOCOL,
			    n == 0 ? "Server closed the connection"
				   : "a reply that nobody asked for");
	return false;
}

enum kr_err kri_connection_open(struct kri_connection *connection,
				const struct kri_address *address,
				struct kri_deadline *deadline)
{
	enum kr_err err;

	kri_connection_close(connection);
	connection->context = begin_connect(address);
	if (!connection->context)
		return KR_ERR_MEMORY;
	if (connection->context->err)
		return fail_context(connection);
	if (address->host)
		set_tcp((int)connection->context->fd, connection->dial);
	err = await_connect(connection, deadline);
	if (!err && connection->dial->tls)
		err = start_tls(connection, address, deadline);
	if (!err)
		err = set_socket(connection);
	if (!err)
		err = greet(connection, deadline);
	if (!err && !kri_connection_is_quiet(connection))
		err = KR_ERR_PROTOCOL;
	return err;
}

/* Who closes on us may have said why, such as "max number of clients". */
static enum kr_err fail_writing(struct kri_connection *connection)
{
	char words[128];
	ssize_t n = connection->dial->tls
			    ? -1
			    : recv((int)connection->context->fd, words,
				   sizeof(words) - 1, MSG_DONTWAIT);

	if (n < 3 || words[0] != '-')
		return fail_context(connection);
	words[n] = '\0';
	words[strcspn(words, "\r\n")] = '\0';
	return kri_connection_fail(connection, KR_ERR_UNAVAILABLE, words + 1);
}

enum kr_err kri_connection_send(struct kri_connection *connection,
				struct kri_text commands,
				struct kri_deadline *deadline)
{
	redisContext *context = connection->context;
	int done = 0;

	if (redisAppendFormattedCommand(context, commands.data, commands.len))
		return kri_connection_fail(connection, KR_ERR_MEMORY,
					   "out of memory");
	for (;;) {
		enum kr_err err;

		if (redisBufferWrite(context, &done))
			return fail_writing(connection);
		if (done)
			return KR_OK;
		err = kri_deadline_poll(deadline, (int)context->fd, POLLOUT);
		if (err)
			return fail_wait(connection, err);
	}
}

/* Reads what there is; with nothing after a moment, waits properly. */
static enum kr_err fill(struct kri_connection *connection,
			struct kri_deadline *deadline)
{
	redisContext *context = connection->context;
	size_t before = context->reader->len;
	enum kr_err err;

	if (redisBufferRead(context))
		return fail_context(connection);
	if (context->reader->len != before)
		return KR_OK;
	kri_deadline_wait(deadline);
	err = kri_deadline_poll(deadline, (int)context->fd, POLLIN);
	return err ? fail_wait(connection, err) : KR_OK;
}

enum kr_err kri_connection_read(struct kri_connection *connection,
				struct kri_arena *arena,
				struct kri_deadline *deadline,
				const struct kri_reply **reply)
{
	for (;;) {
		redisReader *reader = connection->context->reader;
		void *got = NULL;
		enum kr_err err;

		reader->privdata = arena;
		if (redisReaderGetReply(reader, &got))
			return kri_connection_fail(
				connection, KR_ERR_PROTOCOL,
				arena->overflow ? "a reply beyond all measure"
						: reader->errstr);
		if (got) {
			*reply = got;
			return KR_OK;
		}
		err = fill(connection, deadline);
		if (err)
			return err;
	}
}

enum kr_err kri_connection_ask(struct kri_connection *connection,
			       const char *const *command,
			       struct kri_arena *arena,
			       struct kri_deadline *deadline,
			       const struct kri_reply **reply)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_ERR_MEMORY;

	kri_command_strings(&text, command);
	if (!text.failed)
		err = kri_connection_send(connection, kri_buffer_text(&text),
					  deadline);
	kri_buffer_free(&text);
	return err ? err
		   : kri_connection_read(connection, arena, deadline, reply);
}
