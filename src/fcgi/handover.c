/*
 * Writes and reads the one variable that carries a handover, and keeps the
 * environment of each process as it must be: a stand-in must not speak to the
 * service manager.
 */
#include "fcgi/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "fcgi/channel.h"

#define VARIABLE "KRSESSION_RELOAD"
#define FORM 1 /* of the variable, and of the channel's words */
#define NUMBERS 9

/* ---- the variable ----------------------------------------------------- */

/* Numbers, the group behind a colon, as it may be empty, and, to the end,
 * where we listen. */
static void put_variable(const struct kri_handover *handover,
			 struct kri_buffer *out)
{
	const int64_t numbers[NUMBERS] = {
		FORM,
		handover->role,
		handover->listener,
		handover->channel,
		handover->pid,
		(int64_t)handover->device,
		(int64_t)handover->inode,
		handover->since,
		handover->mode,
	};

	kri_buffer_string(out, VARIABLE "=");
	for (size_t i = 0; i < NUMBERS; i++)
		kri_buffer_printf(out, "%lld ", (long long)numbers[i]);
	kri_buffer_printf(out, ":%s %s", handover->group, handover->listen);
}

static bool read_numbers(struct kri_text *rest, int64_t numbers[NUMBERS])
{
	for (size_t i = 0; i < NUMBERS; i++)
		if (kri_text_to_int(kri_text_cut(rest, ' '), INT64_MIN,
				    INT64_MAX, &numbers[i]))
			return false;
	return numbers[0] == FORM && rest->len && rest->data[0] == ':';
}

static enum kr_err set_texts(struct kri_handover *handover,
			     struct kri_text group, struct kri_text listen)
{
	handover->group = strndup(group.data, group.len);
	handover->listen = strndup(listen.data, listen.len);
	return handover->group && handover->listen ? KR_OK : KR_ERR_MEMORY;
}

static enum kr_err read_variable(struct kri_handover *handover,
				 struct kri_text rest)
{
	int64_t n[NUMBERS];
	struct kri_text group;

	if (!read_numbers(&rest, n) ||
	    (n[1] != KRI_ROLE_STAND_IN && n[1] != KRI_ROLE_SUCCESSOR))
		return KR_ERR_CONFIG;
	group = kri_text_cut(&rest, ' ');
	if (!rest.data)
		return KR_ERR_CONFIG;
	*handover = (struct kri_handover){
		.argv = handover->argv,
		.role = (enum kri_role)n[1],
		.listener = (int)n[2],
		.channel = (int)n[3],
		.pid = (pid_t)n[4],
		.device = (dev_t)n[5],
		.inode = (ino_t)n[6],
		.since = n[7],
		.mode = n[8],
	};
	return set_texts(handover, kri_text(group.data + 1, group.len - 1),
			 rest);
}

/* Standard input, output and error are a child's too. */
static void set_close_on_exec(int fd, bool on)
{
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

enum kr_err kri_handover_take(struct kri_handover *handover, char **argv,
			      struct kri_buffer *why)
{
	const char *text = getenv(VARIABLE);
	enum kr_err err;

	*handover = (struct kri_handover){
		.argv = argv,
		.listener = -1,
		.channel = -1,
	};
	if (!text)
		return KR_OK;
	err = read_variable(handover, kri_text_of(text));
	if (err == KR_ERR_CONFIG)
		kri_buffer_printf(why,
				  "environment " VARIABLE "=%s: is for a "
				  "reload by another version; restart",
				  text);
	unsetenv(VARIABLE);
	set_close_on_exec(handover->listener, true);
	set_close_on_exec(handover->channel, true);
	return err;
}

void kri_handover_free(struct kri_handover *handover)
{
	free(handover->group);
	free(handover->listen);
	handover->group = handover->listen = NULL;
}

/* ---- the listener and the configuration ------------------------------- */

enum kr_err kri_handover_note(struct kri_handover *handover,
			      const struct kri_listener *listener,
			      const struct kri_config *config)
{
	handover->listener = listener->fd;
	handover->device = listener->path ? listener->device : 0;
	handover->inode = listener->path ? listener->inode : 0;
	if (handover->listen) /* of the first, and never another since */
		return KR_OK;
	handover->mode = config->socket_mode;
	return set_texts(handover, kri_text_of(config->socket_group),
			 kri_text_of(config->listen));
}

enum kr_err kri_handover_open(const struct kri_handover *handover,
			      struct kri_listener *listener,
			      const struct kri_config *config,
			      struct kri_buffer *why)
{
	/* The file is removed by one of the two: the process that goes on. */
	bool owns = handover->role == KRI_ROLE_SUCCESSOR && handover->inode;

	if (!kri_listener_is(handover->listener)) {
		kri_buffer_printf(why,
				  "descriptor %d, which a reload hands over, "
				  "is no listening socket",
				  handover->listener);
		return KR_ERR_SYSTEM;
	}
	*listener = (struct kri_listener){.fd = handover->listener};
	if (*config->listen)
		kri_listener_set_backlog(listener, config);
	return owns ? kri_listener_own(listener, config, handover->device,
				       handover->inode)
		    : KR_OK;
}

static enum kr_err refuse(struct kri_buffer *why, const char *key,
			  const char *was, const char *is)
{
	kri_buffer_printf(why,
			  "server.%s is '%s' and was '%s': the listening "
			  "socket stays as it is in a reload; restart for "
			  "another",
			  key, is, was);
	return KR_ERR_CONFIG;
}

enum kr_err kri_handover_check(const struct kri_handover *handover,
			       const struct kri_config *config,
			       struct kri_buffer *why)
{
	char was[16], is[16];

	if (handover->role == KRI_ROLE_ONLY)
		return KR_OK;
	if (config->store_kind == KRI_STORE_MEMORY) {
		kri_buffer_string(why,
				  "store.kind = memory: sessions would end "
				  "with the process that stands in; restart if "
				  "that is meant");
		return KR_ERR_CONFIG;
	}
	if (strcmp(handover->listen, config->listen))
		return refuse(why, "listen", handover->listen, config->listen);
	if (strncmp(config->listen, "unix:", 5))
		return KR_OK;
	snprintf(was, sizeof(was), "%04o", (unsigned)handover->mode);
	snprintf(is, sizeof(is), "%04o", (unsigned)config->socket_mode);
	if (strcmp(was, is))
		return refuse(why, "socket_mode", was, is);
	if (strcmp(handover->group, config->socket_group))
		return refuse(why, "socket_group", handover->group,
			      config->socket_group);
	return KR_OK;
}

bool kri_handover_refuse(const struct kri_handover *handover, const char *why)
{
	return handover->role == KRI_ROLE_STAND_IN && !handover->settled &&
	       kri_channel_say(handover->channel, KRI_WORD_REFUSED, why);
}

/* ---- the next program ------------------------------------------------- */

/* Names that mean "whatever runs here now" would lead back to the old file. */
static bool is_place(const char *name)
{
	return *name && strncmp(name, "/proc/", 6) && strncmp(name, "/dev/", 5);
}

const char *kri_handover_program(const struct kri_handover *handover)
{
	const char *name = (const char *)getauxval(AT_EXECFN);

	return name && is_place(name) ? name : handover->argv[0];
}

static bool is_for(const char *entry, enum kri_role role)
{
	static const char *const managers[] = {
		"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
		"LISTEN_PID=",    "LISTEN_FDS=",    "LISTEN_FDNAMES=",
	};
	const size_t n = sizeof(managers) / sizeof(*managers);

	for (size_t i = 0; role == KRI_ROLE_STAND_IN && i < n; i++)
		if (!strncmp(entry, managers[i], strlen(managers[i])))
			return false;
	return strncmp(entry, VARIABLE "=", sizeof(VARIABLE)) != 0;
}

char **kri_handover_environment(const struct kri_handover *handover)
{
	struct kri_buffer variable = KRI_BUFFER_EMPTY;
	size_t n = 0, kept = 0;
	char **made;

	while (environ[n])
		n++;
	put_variable(handover, &variable);
	made = calloc(n + 2, sizeof(*made));
	if (!made || variable.failed) {
		free(made);
		kri_buffer_free(&variable);
		return NULL;
	}
	made[kept++] = variable.data;
	for (size_t i = 0; i < n; i++)
		if (is_for(environ[i], handover->role))
			made[kept++] = environ[i];
	return made;
}

void kri_handover_exec(const struct kri_handover *handover,
		       struct kri_buffer *why)
{
	const char *program = kri_handover_program(handover);
	char **env = kri_handover_environment(handover);

	set_close_on_exec(handover->listener, false);
	set_close_on_exec(handover->channel, false);
	if (env)
		execve(program, handover->argv, env);
	kri_buffer_printf(why, "cannot execute %s: %s", program,
			  strerror(env ? errno : ENOMEM));
	set_close_on_exec(handover->listener, true);
	set_close_on_exec(handover->channel, true);
	if (env)
		free(env[0]);
	free(env);
}
