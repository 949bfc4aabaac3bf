/*
 * kr_log(): the program's lines among ours.
 */
#include <stdarg.h>

#include "fcgi/exchange.h"

_Static_assert((int)KR_LOG_ERROR == KRI_LOG_ERROR &&
		       (int)KR_LOG_WARNING == KRI_LOG_WARNING &&
		       (int)KR_LOG_INFO == KRI_LOG_INFO &&
		       (int)KR_LOG_DEBUG == KRI_LOG_DEBUG,
	       "the levels are ours");

void kr_log(struct kr_context *c, enum kr_log_level level, const char *format,
	    ...)
{
	struct kri_log_ids ids = {0};
	va_list list;

	if (!format || (unsigned)level > KR_LOG_DEBUG)
		return;
	if (c)
		ids = kri_exchange_ids(c);
	va_start(list, format);
	kri_log_list((enum kri_log_level)level, &ids, format, list);
	va_end(list);
}
