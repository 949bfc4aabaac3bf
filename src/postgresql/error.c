/*
 * libpq's errors in our terms. (PostgreSQL's manual, appendix A)
 */
#include <stdio.h>

#include "postgresql/inside.h"

static bool is_class(const char *state, const char *class)
{
	return !strncmp(state, class, 2);
}

static bool is_one_of(const char *state, const char *const *states)
{
	while (*states && strcmp(state, *states))
		states++;
	return *states;
}

enum kr_err kri_pg_error_of(const char *state)
{
	static const char *const denied[] = {"42501", NULL};
	static const char *const full[] = {"53100", NULL};
	static const char *const late[] = {KRI_PG_CANCELLED, KRI_PG_LOCKED,
					  NULL};

	if (is_one_of(state, denied) || is_class(state, "28"))
		return KR_ERR_DENIED;
	if (is_one_of(state, full))
		return KR_ERR_FULL;
	if (is_one_of(state, late))
		return KR_ERR_TIMEOUT;
	if (!*state || is_class(state, "08") || is_class(state, "25") ||
	    is_class(state, "40") || is_class(state, "53") ||
	    is_class(state, "57") || is_class(state, "58"))
		return KR_ERR_UNAVAILABLE;
	return KR_ERR_PROTOCOL;
}

const char *kri_pg_state(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state ? state : "";
}

enum kr_err kri_pg_check(const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_PIPELINE_SYNC:
		return KR_OK;
	case PGRES_FATAL_ERROR:
		return kri_pg_error_of(kri_pg_state(result));
	default:
		return KR_ERR_PROTOCOL;
	}
}

bool kri_pg_is_read_only(const char *state)
{
	return !strcmp(state, "25006");
}

bool kri_pg_is_collision(const char *state)
{
	static const char *const states[] = {"40001", "40P01", NULL};

	return is_one_of(state, states);
}

bool kri_pg_is_estranged(const char *state)
{
	static const char *const states[] = {"26000", "42P01", "42703",
					     "3F000", "0A000", NULL};

	return is_one_of(state, states);
}

/* "FATAL:  28P01: password ..." as PQERRORS_VERBOSE has it, whatever language
 * the first word is in. Returns what stands behind the code. */
static const char *skip_code(const char *message, char code[6])
{
	const char *at = message;

	while ((at = strstr(at, ":  "))) {
		at += 3;
		if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
		    at[5] == ':' && at[6] == ' ') {
			memcpy(code, at, 5);
			code[5] = '\0';
			return at + 7;
		}
	}
	return message;
}

/* libpq puts the place before it ("connection to server at ... failed: "),
 * which we name ourselves. */
static const char *skip_place(const char *message)
{
	const char *failed = strstr(message, " failed: ");

	if (strncmp(message, "connection to server ", 21) != 0 || !failed)
		return message;
	return failed + 9;
}

void kri_pg_words(const char *message, char *out, size_t size, char state[6])
{
	state[0] = '\0';
	message = skip_code(skip_place(message), state);
	snprintf(out, size, "%.*s", (int)strcspn(message, "\n"), message);
	if (!*out)
		snprintf(out, size, "the server closed the connection");
}
