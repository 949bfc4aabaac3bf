/*
 * Doubles as JSON has them, in a program of any locale.
 */
#ifndef KRI_HTTP_NUMBER_H
#define KRI_HTTP_NUMBER_H

#include "base/text.h"

#define KRI_DOUBLE_SIZE 32 /* with the NUL */

/* Reads what has the form of a JSON number and a byte behind it that belongs
 * to no number. KR_ERR_TYPE if no double is as large; KR_ERR_MEMORY. */
enum kr_err kri_double_read(const char *text, double *out) KR_MUST_CHECK;

/* Writes the shortest number that reads as the same double. KR_ERR_ARGUMENT
 * for one that is not finite: JSON has none; KR_ERR_MEMORY. */
enum kr_err kri_double_print(double value,
			     char out[KRI_DOUBLE_SIZE]) KR_MUST_CHECK;

#endif
