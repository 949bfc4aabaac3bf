/*
 * The server's life: it begins, serves, and ends, or goes on as another
 * process. What its main thread waits for is here.
 */
#ifndef KRI_FCGI_SERVER_H
#define KRI_FCGI_SERVER_H

#include "base/buffer.h"
#include "fcgi/exchange.h"
#include "fcgi/handover.h"
#include "store/store.h"

struct kri_server_end {
	/* Threads still use what was borrowed, and the process must end
	 * without giving it back: after a timeout, and when all was answered
	 * but the system still looks for a name. */
	bool left;
	/* The program is to be executed in this process's place, with the
	 * handover as it is now. */
	bool again;
};

/*
 * Serves until SIGTERM or SIGINT, or until another process serves, then
 * drains. All arguments are borrowed; `handover` is what this process was
 * started with. KR_ERR_CONFIG or KR_ERR_SYSTEM with one line in `why` if it
 * cannot start. KR_ERR_TIMEOUT if requests were still running at the end of
 * server.drain_timeout.
 */
enum kr_err kri_server_run(const struct kri_site *site, struct kri_store *store,
			   struct kri_handover *handover,
			   struct kri_server_end *end,
			   struct kri_buffer *why) KR_MUST_CHECK;

#endif
