/*
 * An API in JSON: the places that a visitor has marked, kept in the session.
 *
 *     GET    /places         {"places":[{...}],"count":1}
 *     POST   /places         201 and Location; 409 if it is there
 *     GET    /places/NAME    {"name":"home","visits":3,
 *                             "at":{"lat":48.2,"lon":16.37}}
 *     PUT    /places/NAME    the whole place, there already or not
 *     PATCH  /places/NAME    only the members that are given
 *     DELETE /places/NAME    204
 *
 *     cc -o json_api json_api.c $(pkg-config --cflags --libs krsession)
 *
 * Each place is a value of its own in the session: two requests at the same
 * time that write different ones both succeed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <krsession.h>

#define KEY_MAX 64
#define TEXT_MAX 128

static const char key_prefix[] = "place:";
static const char name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

struct place {
	int64_t visits;
	double lat, lon;
};

/* ---- in the session ---- */

static void write_key(char key[KEY_MAX], const char *name)
{
	snprintf(key, KEY_MAX, "%s%s", key_prefix, name);
}

/* 17 digits give a double back as it was. */
static enum kr_err store(struct kr_context *c, const char *name,
			 const struct place *place)
{
	char key[KEY_MAX], text[TEXT_MAX];

	write_key(key, name);
	snprintf(text, sizeof(text), "%" PRId64 " %.17g %.17g", place->visits,
		 place->lat, place->lon);
	return kr_session_set_string(kr_session(c), key, text);
}

static bool parse(const char *text, struct place *place)
{
	return sscanf(text, "%" SCNd64 " %lf %lf", &place->visits, &place->lat,
		      &place->lon) == 3;
}

static enum kr_err load(struct kr_context *c, const char *name,
			struct place *place)
{
	char key[KEY_MAX];
	const char *text;
	enum kr_err err;

	write_key(key, name);
	err = kr_session_get_string(kr_session(c), key, &text);
	if (err)
		return err;
	return parse(text, place) ? KR_OK : KR_ERR_TYPE;
}

/* ---- from the client ---- */

/* A name is part of a path, so only letters that need no escaping there. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= 32 &&
	       strspn(name, name_letters) == length;
}

/* A member that is not there leaves what was there before. */
static enum kr_err read_double(const struct kr_json *json, const char *name,
			       double *value)
{
	enum kr_err err = kr_json_get_double(kr_json_member(json, name), value);

	return err == KR_ERR_NOT_FOUND ? KR_OK : err;
}

static enum kr_err read_place(const struct kr_json *json, struct place *place)
{
	const struct kr_json *at = kr_json_member(json, "at");
	enum kr_err err =
		kr_json_get_int(kr_json_member(json, "visits"), &place->visits);

	if (err == KR_ERR_NOT_FOUND)
		err = KR_OK;
	if (!err)
		err = read_double(at, "lat", &place->lat);
	if (!err)
		err = read_double(at, "lon", &place->lon);
	return err;
}

/* ---- to the client ---- */

static void put_place(struct kr_context *c, const char *name,
		      const struct place *place)
{
	kr_json_string(c, "name", name);
	kr_json_int(c, "visits", place->visits);
	kr_json_object(c, "at");
	kr_json_double(c, "lat", place->lat);
	kr_json_double(c, "lon", place->lon);
	kr_json_close(c);
}

static enum kr_err answer(struct kr_context *c, int status, const char *name,
			  const struct place *place)
{
	put_place(c, name, place);
	return kr_json_end(c, status);
}

static enum kr_err not_found(struct kr_context *c)
{
	return kr_json_error(c, 404, "There is no such place");
}

static enum kr_err not_valid(struct kr_context *c)
{
	return kr_json_error(c, 422, "That is no place");
}

/* ---- /places ---- */

struct listing {
	struct kr_context *c;
	int64_t count;
};

/* Of the session's values, those that are places. They have no NUL at the
 * end. */
static enum kr_err list_one(void *arg, const char *key, const void *value,
			    size_t size)
{
	struct listing *listing = arg;
	struct place place;
	char text[TEXT_MAX];

	if (strncmp(key, key_prefix, strlen(key_prefix)) != 0 ||
	    size >= sizeof(text))
		return KR_OK;
	memcpy(text, value, size);
	text[size] = '\0';
	if (!parse(text, &place))
		return KR_ERR_TYPE;
	kr_json_object(listing->c, NULL);
	put_place(listing->c, key + strlen(key_prefix), &place);
	kr_json_close(listing->c);
	listing->count++;
	return KR_OK;
}

static enum kr_err list(struct kr_context *c)
{
	struct listing listing = {.c = c};
	enum kr_err err;

	kr_json_array(c, "places");
	err = kr_session_each(kr_session(c), list_one, &listing);
	if (err)
		return err;
	kr_json_close(c);
	kr_json_int(c, "count", listing.count);
	return kr_json_end(c, 200);
}

/* An error of kr_body_json() is the client's, and so answered: 415 for another
 * type, 400 for what is no JSON. */
static enum kr_err add(struct kr_context *c)
{
	struct place place = {0}, there;
	const struct kr_json *body;
	const char *name;
	char location[KEY_MAX];
	enum kr_err err = kr_body_json(c, &body);

	if (err)
		return err;
	if (kr_json_get_string(kr_json_member(body, "name"), &name) ||
	    !is_name(name) || read_place(body, &place))
		return not_valid(c);
	err = load(c, name, &there);
	if (!err)
		return kr_json_error(c, 409, "There is one of that name");
	if (err == KR_ERR_NOT_FOUND)
		err = store(c, name, &place);
	snprintf(location, sizeof(location), "/places/%s", name);
	if (!err)
		err = kr_header(c, "Location", location);
	return err ? err : answer(c, 201, name, &place);
}

/* ---- /places/NAME ---- */

static enum kr_err show(struct kr_context *c)
{
	const char *name = kr_request_rest(c);
	struct place place;
	enum kr_err err;

	if (!is_name(name))
		return not_found(c);
	err = load(c, name, &place);
	if (err == KR_ERR_NOT_FOUND)
		return not_found(c);
	return err ? err : answer(c, 200, name, &place);
}

static enum kr_err put(struct kr_context *c)
{
	const char *name = kr_request_rest(c);
	struct place place = {0};
	const struct kr_json *body;
	enum kr_err err = kr_body_json(c, &body);

	if (err)
		return err;
	if (!is_name(name) || kr_json_kind(body) != KR_JSON_OBJECT ||
	    read_place(body, &place))
		return not_valid(c);
	err = store(c, name, &place);
	return err ? err : answer(c, 200, name, &place);
}

/* Writes what it has read, changed: hence KR_ATOMIC. */
static enum kr_err patch(struct kr_context *c)
{
	const char *name = kr_request_rest(c);
	struct place place;
	const struct kr_json *body;
	enum kr_err err = kr_body_json(c, &body);

	if (err)
		return err;
	if (!is_name(name))
		return not_found(c);
	err = load(c, name, &place);
	if (err == KR_ERR_NOT_FOUND)
		return not_found(c);
	if (err)
		return err;
	if (kr_json_kind(body) != KR_JSON_OBJECT || read_place(body, &place))
		return not_valid(c);
	err = store(c, name, &place);
	return err ? err : answer(c, 200, name, &place);
}

static enum kr_err drop(struct kr_context *c)
{
	const char *name = kr_request_rest(c);
	struct place place;
	char key[KEY_MAX];
	enum kr_err err;

	if (!is_name(name) || load(c, name, &place) == KR_ERR_NOT_FOUND)
		return not_found(c);
	write_key(key, name);
	err = kr_session_remove(kr_session(c), key);
	return err ? err : kr_status(c, 204);
}

/* ---- the program ---- */

static const struct {
	unsigned methods;
	const char *path;
	kr_handler *handler;
	unsigned flags;
} routes[] = {
	{KR_GET, "/places", list, KR_SESSION},
	{KR_POST, "/places", add, KR_SESSION | KR_ATOMIC | KR_BODY},
	{KR_GET, "/places/*", show, KR_SESSION},
	{KR_PUT, "/places/*", put, KR_SESSION | KR_BODY},
	{KR_PATCH, "/places/*", patch, KR_SESSION | KR_ATOMIC | KR_BODY},
	{KR_DELETE, "/places/*", drop, KR_SESSION},
};

int main(int argc, char **argv)
{
	struct kr_app *app = NULL;
	enum kr_err err = kr_app_open(&app);
	int status = 1;
	size_t i;

	for (i = 0; !err && i < sizeof(routes) / sizeof(*routes); i++)
		err = kr_map(app, routes[i].methods, routes[i].path,
			     routes[i].handler, routes[i].flags);
	if (!err)
		status = kr_app_main(app, argc, argv);
	else
		fprintf(stderr, "json_api: %s\n", kr_strerror(err));
	kr_app_close(&app);
	return status;
}
