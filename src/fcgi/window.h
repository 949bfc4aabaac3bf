/*
 * The window: what all connections of a loop share to look at what has come
 * and to trade with libfcgi, which reads and writes descriptors alone.
 */
#ifndef KRI_FCGI_WINDOW_H
#define KRI_FCGI_WINDOW_H

#include "krsession.h"

/* More than front servers' limits on headers with our limit on a body. */
#define KRI_WINDOW_SIZE (64 << 10)

struct kri_window {
	int tray; /* a file without a name; -1: none is open */
	char bytes[KRI_WINDOW_SIZE];
};

/* KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_window_open(struct kri_window **window) KR_MUST_CHECK;
void kri_window_close(struct kri_window **window);

/*
 * The tray, empty and at its beginning; -1 with errno. It takes whatever is
 * put in, and neither read nor write ever waits.
 */
int kri_window_tray(struct kri_window *window);

#endif
