/*
 * Owns what a session of the guard holds beside the library's own: the mark of
 * the password that opened it.
 */
#include "guard/audit.h"
#include "guard/device.h"
#include "guard/guard.h"

#include <string.h>
#include <time.h>

#define MARK "mark"

struct guard *guard_of(struct kr_context *c)
{
	return kr_route_user(c);
}

/* A user who is gone, or has another password, has no sessions from before. */
static bool is_void(struct kr_session *session, const struct guard_entry *entry)
{
	const char *mark = "";

	return !entry->known ||
	       kr_session_get_string(session, MARK, &mark) != KR_OK ||
	       !guard_is_equal(mark, entry->mark);
}

/* A page that another site's link led to must not end it: the next one does. */
static enum kr_err end_void(struct kr_context *c, struct guard_who *who)
{
	enum kr_err err;

	guard_audit(c, KR_LOG_INFO, "ended", who->user,
		    who->entry.known ? "reason=password-changed"
				     : "reason=user-removed");
	err = kr_session_destroy(kr_session(c));
	who->user = NULL;
	return err == KR_ERR_CROSS_SITE ? KR_OK : err;
}

enum kr_err guard_who(struct kr_context *c, struct guard_who *who)
{
	struct guard *guard = guard_of(c);
	struct kr_session *session = kr_session(c);

	*who = (struct guard_who){.user = kr_session_user(session)};
	if (!who->user)
		return KR_OK;
	guard_directory_look(guard->directory, who->user, &who->entry);
	if (guard_directory_has_passwords(guard->directory) &&
	    is_void(session, &who->entry))
		return end_void(c, who);
	who->groups = who->entry.groups;
	who->session = kr_session_id(session);
	who->age = kr_session_login_age(session);
	who->login = (int64_t)time(NULL) - who->age;
	return KR_OK;
}

enum kr_err guard_enter(struct kr_context *c, const char *user,
			const char *mark)
{
	struct kr_session *session = kr_session(c);
	const char *before = kr_session_user(session);
	char device[GUARD_DEVICE_SIZE];
	enum kr_err err = KR_OK;

	if (before && strcmp(before, user) != 0)
		err = kr_session_destroy(session);
	if (!err)
		err = kr_session_login(session, user);
	guard_device_name(kr_header_in(c, "User-Agent"), device);
	if (!err)
		err = kr_session_set_label(session, device);
	return err ? err : kr_session_set_string(session, MARK, mark);
}
