/*
 * A program on the public header whose handlers stop between reading and
 * writing until the test opens a gate, so that the tests can put one request
 * between the two halves of another without racing against a clock.
 *
 * The gate is a file named by the parameter `gate`. A run of a handler adds a
 * byte to "<gate>.waiting", so that a test knows how many came, and the nth
 * goes on when the gate has n bytes.
 *
 * /param?name=NAME answers at once, with the FastCGI parameter of that name,
 * and /environment?name=NAME with the variable of the process's environment.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "krsession.h"

#define GATE_TRIES 1000 /* of 10 ms */

/* Says that a run is here; *nth becomes its number. */
static enum kr_err show_up(const char *gate, off_t *nth)
{
	char sign[512];
	int fd;
	enum kr_err err = KR_ERR_SYSTEM;

	snprintf(sign, sizeof(sign), "%s.waiting", gate);
	fd = open(sign, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0)
		return err;
	if (write(fd, "x", 1) == 1) {
		*nth = lseek(fd, 0, SEEK_CUR);
		err = KR_OK;
	}
	close(fd);
	return err;
}

/* KR_ERR_TIMEOUT after 10 s. */
static enum kr_err wait_for_gate(struct kr_context *c)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	const char *gate = kr_input(c, "gate");
	struct stat seen;
	off_t nth = 0;

	if (!gate)
		return KR_ERR_INPUT;
	if (show_up(gate, &nth))
		return KR_ERR_SYSTEM;
	for (int i = 0; i < GATE_TRIES; i++) {
		if (!stat(gate, &seen) && seen.st_size >= nth)
			return KR_OK;
		nanosleep(&pause, NULL);
	}
	return KR_ERR_TIMEOUT;
}

static enum kr_err hello(struct kr_context *c)
{
	enum kr_err err = wait_for_gate(c);

	return err ? err : kr_text(c, 200, "Hello at last");
}

static enum kr_err set(struct kr_context *c)
{
	const char *key = kr_input(c, "key");
	const char *value = kr_input(c, "value");
	enum kr_err err = wait_for_gate(c);

	if (!err && (!key || !value))
		err = KR_ERR_INPUT;
	if (!err)
		err = kr_session_set_string(kr_session(c), key, value);
	return err ? err : kr_text(c, 200, "stored");
}

static enum kr_err count(struct kr_context *c)
{
	int32_t n = 0;
	enum kr_err err = kr_session_get_int32(kr_session(c), "counter", &n);

	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	err = wait_for_gate(c);
	if (!err)
		err = kr_session_set_int32(kr_session(c), "counter", n + 1);
	kr_json_int(c, "counter", n + 1);
	return err ? err : kr_json_end(c, 200);
}

static enum kr_err login(struct kr_context *c)
{
	const char *user = kr_input(c, "user");
	enum kr_err err = wait_for_gate(c);

	if (!err)
		err = kr_session_login(kr_session(c), user);
	return err ? err : kr_text(c, 200, "logged in");
}

static enum kr_err param(struct kr_context *c)
{
	const char *name = kr_input(c, "name");
	const char *value = name ? kr_request_param(c, name) : NULL;

	return kr_text(c, 200, value ? value : "-");
}

static enum kr_err environment(struct kr_context *c)
{
	const char *name = kr_input(c, "name");
	const char *value = name ? getenv(name) : NULL;

	return kr_text(c, 200, value ? value : "-");
}

static enum kr_err map_all(struct kr_app *app)
{
	const unsigned slow = KR_SESSION | KR_BLOCKING;
	enum kr_err err =
		kr_map(app, KR_GET, "/slow/hello", hello, KR_BLOCKING);

	if (!err)
		err = kr_map(app, KR_GET, "/param", param, 0);
	if (!err)
		err = kr_map(app, KR_GET, "/environment", environment, 0);
	if (!err)
		err = kr_map(app, KR_GET, "/slow/unmarked", hello, 0);
	if (!err)
		err = kr_map(app, KR_GET, "/slow/set", set, slow);
	if (!err)
		err = kr_map(app, KR_GET, "/slow/login", login, slow);
	if (!err)
		err = kr_map(app, KR_GET, "/slow/count", count,
			     slow | KR_ATOMIC);
	return err;
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	int status = 1;

	if (!kr_app_open(&app) && !map_all(app))
		status = kr_app_main(app, argc, argv);
	kr_app_close(&app);
	if (status >= 3) /* threads are still at work */
		_exit(status == 4 ? 0 : status);
	return status;
}
