/*
 * The words for the errors of krsession.h.
 */
#include "krsession.h"

const char *kr_strerror(enum kr_err err)
{
	switch (err) {
	case KR_OK:
		return "no error";
	case KR_ERR_ARGUMENT:
		return "wrong argument";
	case KR_ERR_MEMORY:
		return "out of memory";
	case KR_ERR_CONFIG:
		return "configuration not allowed";
	case KR_ERR_SYSTEM:
		return "refused by the operating system";
	case KR_ERR_INPUT:
		return "malformed request";
	case KR_ERR_NOT_FOUND:
		return "not found";
	case KR_ERR_TYPE:
		return "value of another type";
	case KR_ERR_RESERVED:
		return "name empty or reserved";
	case KR_ERR_LIMIT:
		return "past a session limit";
	case KR_ERR_GONE:
		return "session ended meanwhile";
	case KR_ERR_CONFLICT:
		return "session changed by too many requests at once";
	case KR_ERR_RENEWED:
		return "session got a new secret meanwhile";
	case KR_ERR_UNAVAILABLE:
		return "store unavailable";
	case KR_ERR_TIMEOUT:
		return "store did not answer in time";
	case KR_ERR_FULL:
		return "store full";
	case KR_ERR_DENIED:
		return "store refused user, password or command";
	case KR_ERR_PROTOCOL:
		return "store answered something unexpected";
	case KR_ERR_MEDIA:
		return "body of another media type";
	case KR_ERR_CROSS_SITE:
		return "change asked for by another site";
	case KR_ERR_SESSIONS:
		return "user has too many sessions";
	}
	return "unknown error";
}
