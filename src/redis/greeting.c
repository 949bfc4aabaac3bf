/*
 * What is said on a new connection: who we are, and where we want to be.
 */
#include "redis/command.h"
#include "redis/dial.h"
#include "redis/info.h"

/* AUTH as Redis 6 and later have it, or with the password alone. A user
 * without a password is one whom the server lets in with any (nopass): left
 * unsaid, the connection would be the user default's. */
static void put_login(const struct kri_login *login, struct kri_buffer *out)
{
	kri_command_begin(out, login->user ? 3 : 2);
	kri_command_text(out, KRI_TEXT("AUTH"));
	if (login->user)
		kri_command_text(out, kri_text_of(login->user));
	kri_command_text(out,
			 kri_text_of(login->password ? login->password : ""));
}

static void put_database(int database, struct kri_buffer *out)
{
	kri_command_begin(out, 2);
	kri_command_text(out, KRI_TEXT("SELECT"));
	kri_command_int(out, database);
}

size_t kri_greeting_put(const struct kri_dial *dial, struct kri_buffer *out,
			size_t cuts[KRI_GREETINGS + 1])
{
	const char *const info[] = {"INFO", "server", NULL};
	const char *const set_name[] = {"CLIENT", "SETNAME", dial->client_name,
					NULL};
	size_t n = 0;

	cuts[0] = 0;
	if (dial->login->user || dial->login->password) {
		put_login(dial->login, out);
		cuts[++n] = out->len;
	}
	if (dial->database) {
		put_database(dial->database, out);
		cuts[++n] = out->len;
	}
	kri_command_strings(out, set_name);
	cuts[++n] = out->len;
	if (dial->identify) {
		kri_command_strings(out, info);
		cuts[++n] = out->len;
	}
	return n;
}

/* Who does not say it, or says too much, serves all the same. */
static void identify(const struct kri_reply *reply, struct kri_wire *wire)
{
	if (!wire->sink.over && reply->type == KRI_REPLY_STRING)
		wire->server = kri_info_server(reply->text);
}

enum kr_err kri_greeting_take(const struct kri_dial *dial, size_t left,
			      const struct kri_reply *reply,
			      struct kri_wire *wire, const char **why)
{
	size_t naming = dial->identify ? 2 : 1;
	enum kr_err err;

	if (left < naming) {
		identify(reply, wire);
		return KR_OK;
	}
	err = kri_sink_check(&wire->sink, why);
	if (err)
		return err;
	*why = reply->text.data;
	err = kri_reply_check(reply);
	/* The name is for people: a user who may not set it, or a name that
	 * Redis does not like, works all the same. */
	if (left == naming &&
	    (err == KR_ERR_PROTOCOL || kri_reply_is_error(reply, "NOPERM ")))
		return KR_OK;
	return err;
}
