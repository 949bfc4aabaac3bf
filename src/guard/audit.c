/*
 * Owns the form of audit lines.
 */
#include "guard/audit.h"

#include <stdio.h>
#include <string.h>

/* An equals sign too, so that who only looks for "event=login" somewhere in a
 * line finds none that a client has made up. */
static size_t put_byte(unsigned char c, char *out)
{
	if (c == '"' || c == '\\')
		return (size_t)sprintf(out, "\\%c", c);
	if (c < ' ' || c == 0x7f || c == '=')
		return (size_t)sprintf(out, "\\x%02x", c);
	*out = (char)c;
	return 1;
}

void guard_quote(const char *text, char out[GUARD_QUOTED_MAX])
{
	size_t len = 0;

	out[len++] = '"';
	for (; text && *text && len < GUARD_QUOTED_MAX - 10; text++)
		len += put_byte((unsigned char)*text, out + len);
	if (text && *text) {
		/* Not in the midst of a character. */
		while (len > 1 && ((unsigned char)out[len - 1] & 0xc0) == 0x80)
			len--;
		if (len > 1 && (unsigned char)out[len - 1] >= 0xc0)
			len--;
		memcpy(out + len, "...", 3);
		len += 3;
	}
	out[len++] = '"';
	out[len] = '\0';
}

void guard_audit(struct kr_context *c, enum kr_log_level level,
		 const char *event, const char *user, const char *detail)
{
	const char *session = kr_session_id(kr_session(c));
	char name[GUARD_QUOTED_MAX], address[GUARD_QUOTED_MAX];

	guard_quote(user, name);
	guard_quote(kr_client_address(c), address);
	kr_log(c, level, "audit event=%s user=%s address=%s session=%s%s%s",
	       event, name, address, session ? session : "-",
	       *detail ? " " : "", detail);
}
