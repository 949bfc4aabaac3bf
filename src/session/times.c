/*
 * How long a session lives: idle, at all, and in the browser.
 */
#include "session/session.h"

#include "base/clock.h"

/* Seconds: browsers keep no cookie longer (RFC 6265bis section 5.5). */
#define LONGEST (400 * INT64_C(86400))

/* The store may hold any number: as far as it can be told in ms. */
int64_t kri_session_age(const struct kri_record *record)
{
	int64_t seconds;

	if (__builtin_sub_overflow(kri_clock_epoch(), record->born, &seconds) ||
	    seconds > INT32_MAX)
		seconds = INT32_MAX;
	if (seconds < INT32_MIN)
		seconds = INT32_MIN;
	return seconds * 1000;
}

bool kri_session_is_expired(const struct kri_config *config,
			    const struct kri_record *record)
{
	return config->absolute_timeout &&
	       kri_session_age(record) >= config->absolute_timeout;
}

/* The record's own, in ms; 0 without one. What another has put there counts
 * only as far as a program could have set it. */
static int64_t own_idle(const struct kri_record *record)
{
	const struct kri_value *value = kri_record_find(record, KRI_KEY_IDLE);
	int64_t seconds;

	if (!value || kri_text_to_int(value->data, 1, KRI_IDLE_MAX, &seconds))
		return 0;
	return seconds * 1000;
}

static int64_t idle_of(const struct kri_config *config,
		       const struct kri_record *record)
{
	int64_t own = own_idle(record);

	return own ? own : config->idle_timeout;
}

/* A touch keeps the session this much longer than the idle timeout, so that
 * reads need not write until so much of it has gone. */
static int64_t sixteenth(int64_t idle)
{
	return idle / 16;
}

/* Clocks that disagree only make touches frequent. */
bool kri_session_is_due(const struct kri_config *config,
			const struct kri_record *record)
{
	int64_t slack = sixteenth(idle_of(config, record));
	int64_t gone;

	if (__builtin_sub_overflow(kri_clock_epoch_ms(), record->seen, &gone))
		return true;
	return gone > slack || gone < -slack;
}

/* No more than what the absolute timeout leaves. */
int64_t kri_session_ttl(const struct kri_config *config,
			const struct kri_record *record)
{
	int64_t idle = idle_of(config, record);
	int64_t ttl = idle + sixteenth(idle);
	int64_t left = config->absolute_timeout - kri_session_age(record);

	if (!config->absolute_timeout || left > ttl)
		return ttl;
	return left > 1 ? left : 1;
}

/* Whoever touched it last gave it that long, by the same options. */
int64_t kri_session_ends(const struct kri_config *config,
			 const struct kri_record *record)
{
	int64_t idle = idle_of(config, record);
	int64_t absolute = config->absolute_timeout / 1000;
	int64_t ends = 0, last = 0;

	if (__builtin_add_overflow(record->seen, idle + sixteenth(idle), &ends))
		ends = INT64_MAX;
	ends /= 1000;
	if (absolute &&
	    !__builtin_add_overflow(record->born, absolute, &last) &&
	    last < ends)
		return last;
	return ends;
}

/* A browser counts from when it got the cookie. One that ended with the idle
 * timeout would have to be sent again and again, and what an earlier request
 * sends could overwrite the cookie of a login. So it may outlive the session,
 * whose end the store knows, and is sent once. */
int64_t kri_session_max_age(const struct kri_config *config,
			    const struct kri_record *record, int64_t otherwise)
{
	int64_t left =
		(config->absolute_timeout - kri_session_age(record)) / 1000;

	if (!own_idle(record))
		return otherwise;
	if (!config->absolute_timeout || left > LONGEST)
		return LONGEST;
	return left > 1 ? left : 1;
}
