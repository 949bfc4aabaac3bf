/*
 * The server: the loops, and the main thread, which accepts, spreads
 * connections over the loops, and waits for signals.
 */
#ifndef KRI_FCGI_SERVER_H
#define KRI_FCGI_SERVER_H

#include "base/buffer.h"
#include "fcgi/exchange.h"
#include "store/store.h"

/*
 * Serves until SIGTERM or SIGINT, then drains. All arguments are borrowed.
 * KR_ERR_CONFIG or KR_ERR_SYSTEM with one line in `why` if it cannot start.
 * KR_ERR_TIMEOUT if requests were still running at the end of
 * server.drain_timeout. With *left threads still use what was borrowed, and
 * the process must end without giving it back: after a timeout, and when all
 * was answered but the system still looks for a name.
 */
enum kr_err kri_server_run(const struct kri_site *site, struct kri_store *store,
			   bool *left, struct kri_buffer *why) KR_MUST_CHECK;

#endif
