/*
 * Kestrun's tutorial "Sessions with Redis" in C. Each comment with PS> has the
 * command of the tutorial that the C below it stands for.
 *
 *     cc -o tutorial tutorial.c $(pkg-config --cflags --libs krsession)
 *     UPSTASH_REDIS_URL=rediss://... ./tutorial -l unix:/tmp/tutorial.sock
 *
 * What differs is meant: a login gives the session a new secret, a logout ends
 * it, the name of the user is no value that /session/set could write, and two
 * requests that count at the same time both count.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>

#include <krsession.h>

/* PS> [string]::IsNullOrWhiteSpace($text) */
static bool is_blank(const char *text)
{
	while (text && isspace((unsigned char)*text))
		text++;
	return !text || !*text;
}

static enum kr_err bad_request(struct kr_context *c, const char *error,
			       const char *example)
{
	kr_json_string(c, "error", error);
	kr_json_string(c, "example", example);
	return kr_json_end(c, 400);
}

/* ---- 1. the counter ---- */

static enum kr_err counter(struct kr_context *c)
{
	struct kr_session *session = kr_session(c);
	int32_t n = 0;
	enum kr_err err;

	/* PS> Get-KrSessionInt32 -Key 'counter' */
	err = kr_session_get_int32(session, "counter", &n);
	if (err && err != KR_ERR_NOT_FOUND)
		return err;
	if (n == INT32_MAX)
		return kr_json_error(c, 409, "'counter' is at its maximum");
	/* PS> Set-KrSessionInt32 -Key 'counter' -Value ($n + 1) */
	err = kr_session_set_int32(session, "counter", n + 1);
	if (err)
		return err;
	/* PS> Write-KrJsonResponse -StatusCode 200 -InputObject @{ ... } */
	kr_json_string(c, "message", "Counter incremented");
	kr_json_int(c, "counter", n + 1);
	return kr_json_end(c, 200);
}

/* ---- 2. login ---- */

static enum kr_err login(struct kr_context *c)
{
	/* PS> Get-KrRequestQuery -Name 'user' */
	const char *user = kr_input(c, "user");
	enum kr_err err;

	if (is_blank(user))
		return bad_request(c, "Missing 'user' query parameter",
				   "/session/login?user=max");
	/* PS> Set-KrSessionString -Key 'user' -Value $user
	 * The secret that was known before the login opens nothing after it. */
	err = kr_session_login(kr_session(c), user);
	if (err)
		return err;
	kr_json_string(c, "message", "Logged in");
	kr_json_string(c, "user", user);
	return kr_json_end(c, 200);
}

/* ---- 3. who am I ---- */

static enum kr_err whoami(struct kr_context *c)
{
	/* PS> Get-KrSessionString -Key 'user' */
	const char *user = kr_session_user(kr_session(c));

	/* PS> Write-KrJsonResponse -StatusCode 401 ... */
	if (!user)
		return kr_json_error(c, 401,
				     "No active session or user not set");
	kr_json_string(c, "user", user);
	return kr_json_end(c, 200);
}

/* ---- 4. logout ---- */

static enum kr_err logout(struct kr_context *c)
{
	/* PS> Clear-KrSession
	 * Not kr_session_clear(), which keeps the session and its login. */
	enum kr_err err = kr_session_logout(kr_session(c));

	if (err)
		return err;
	kr_json_string(c, "message", "Session cleared");
	return kr_json_end(c, 200);
}

/* ---- 5. set ---- */

static enum kr_err set(struct kr_context *c)
{
	/* PS> Get-KrRequestQuery -Name 'key', and 'value' */
	const char *key = kr_input(c, "key");
	const char *value = kr_input(c, "value");
	enum kr_err err;

	if (is_blank(key) || is_blank(value))
		return bad_request(
			c, "Missing 'key' and/or 'value' query parameter(s)",
			"/session/set?key=color&value=purple");
	/* PS> Set-KrSessionString -Key $key -Value $value */
	err = kr_session_set_string(kr_session(c), key, value);
	if (err)
		return err;
	kr_json_string(c, "message", "Stored in session");
	kr_json_string(c, "key", key);
	kr_json_string(c, "value", value);
	return kr_json_end(c, 200);
}

/* ---- 6. get ---- */

/* PS> error = "Key '$key' not found in session" */
static enum kr_err not_found(struct kr_context *c, const char *key)
{
	char text[1200]; /* session.max_key is 1,024 at most */

	snprintf(text, sizeof(text), "Key '%s' not found in session", key);
	return kr_json_error(c, 404, text);
}

static enum kr_err get(struct kr_context *c)
{
	/* PS> Get-KrRequestQuery -Name 'key' */
	const char *key = kr_input(c, "key");
	const char *value;
	enum kr_err err;

	if (is_blank(key))
		return bad_request(c, "Missing 'key' query parameter",
				   "/session/get?key=color");
	/* PS> Get-KrSessionString -Key $key */
	err = kr_session_get_string(kr_session(c), key, &value);
	/* PS> if ($null -eq $value) { ... } */
	if (err == KR_ERR_NOT_FOUND)
		return not_found(c, key);
	if (err)
		return err;
	kr_json_string(c, "key", key);
	kr_json_string(c, "value", value);
	return kr_json_end(c, 200);
}

static enum kr_err hello(struct kr_context *c)
{
	/* PS> Write-KrTextResponse -StatusCode 200 -InputObject ... */
	return kr_text(c, 200, "Hello, Session World!");
}

/* ---- the program ---- */

static const char *const settings[] = {
	/* PS> New-KrLogger | Set-KrLoggerLevel -Value Debug | ... */
	"log.level=debug",
	/* PS> New-KrCookieBuilder -Name 'Kr.Session' */
	"cookie.name=Kr.Session",
	/* PS>     -HttpOnly -SameSite Lax -SecurePolicy Always */
	"cookie.http_only=yes",
	"cookie.same_site=lax",
	"cookie.secure=always",
	/* PS> $cfg.AbortOnConnectFail = $false; $cfg.ConnectTimeout = 5000
	 * Address, TLS, user and password come from UPSTASH_REDIS_URL; the
	 * name of the client is krsession-HOST without being asked for. */
	"redis.abort_on_connect_fail=no",
	"redis.connect_timeout=5s",
	/* PS> Add-KrDistributedRedisCache -InstanceName 'KestrunSession_' */
	"redis.instance_name=KestrunSession_",
	/* PS> Add-KrSession -IdleTimeout 20 -IOTimeout 10 */
	"session.idle_timeout=20s",
	"session.io_timeout=10s",
};

/* PS> Add-KrMapRoute -Verbs Get -Path ... -ScriptBlock { ... }
 * What changes something takes POST too; counting is done again if another
 * request has counted meanwhile. */
static const struct {
	unsigned methods;
	const char *path;
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{KR_GET | KR_POST, "/session/counter", counter, KR_SESSION | KR_ATOMIC},
	{KR_GET | KR_POST, "/session/login", login, KR_SESSION},
	{KR_GET, "/session/whoami", whoami, KR_SESSION},
	{KR_GET | KR_POST, "/session/logout", logout, KR_SESSION},
	{KR_GET | KR_POST, "/session/set", set, KR_SESSION},
	{KR_GET, "/session/get", get, KR_SESSION},
	{KR_GET, "/hello", hello, 0},
};

static enum kr_err prepare(struct kr_app *app)
{
	enum kr_err err = KR_OK;
	size_t i;

	for (i = 0; !err && i < sizeof(settings) / sizeof(*settings); i++)
		err = kr_config_set(kr_app_config(app), settings[i]);
	for (i = 0; !err && i < sizeof(routes) / sizeof(*routes); i++)
		err = kr_map(app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	return err;
}

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	enum kr_err err;
	int status = 1;

	/* PS> New-KrServer -Name 'Sessions Demo Server' */
	err = kr_app_open(&app);
	if (!err)
		err = prepare(app);
	/* PS> Add-KrEndpoint ..., which is the front server's part here
	 * PS> Start-KrServer */
	if (!err)
		status = kr_app_main(app, argc, argv);
	else
		fprintf(stderr, "tutorial: %s\n", kr_strerror(err));
	kr_app_close(&app);
	return status;
}
