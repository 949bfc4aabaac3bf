/*
 * What libuv returns, as our errors.
 */
#ifndef KRI_BASE_UV_H
#define KRI_BASE_UV_H

#include <uv.h>

#include "krsession.h"

/* Of a status below 0: out of memory is the only cause that may pass. */
static inline enum kr_err kri_err_of_uv(int status)
{
	if (status >= 0)
		return KR_OK;
	return status == UV_ENOMEM ? KR_ERR_MEMORY : KR_ERR_SYSTEM;
}

#endif
