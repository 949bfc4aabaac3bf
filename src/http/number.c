/*
 * Doubles as text and back. strtod() and printf() write the decimal point as
 * the program's locale has it, which JSON does not, so a thread that is in here
 * is in the C locale.
 */
#include "http/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t plain; /* the C locale; (locale_t)0: it could not be made */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_plain(void)
{
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Returns the thread's own locale; (locale_t)0 if there is no other. */
static locale_t enter(void)
{
	pthread_once(&once, make_plain);
	return plain ? uselocale(plain) : (locale_t)0;
}

enum kr_err kri_double_read(const char *text, double *out)
{
	locale_t own = enter();
	double value;

	if (!own)
		return KR_ERR_MEMORY;
	value = strtod(text, NULL);
	uselocale(own);
	if (!isfinite(value))
		return KR_ERR_TYPE;
	*out = value;
	return KR_OK;
}

/* 17 digits tell any double from all others; most need fewer. */
enum kr_err kri_double_print(double value, char out[KRI_DOUBLE_SIZE])
{
	locale_t own;

	if (!isfinite(value))
		return KR_ERR_ARGUMENT;
	own = enter();
	if (!own)
		return KR_ERR_MEMORY;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, KRI_DOUBLE_SIZE, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	uselocale(own);
	return KR_OK;
}
