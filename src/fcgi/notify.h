/*
 * systemd's notify protocol (sd_notify(3)): what the service manager is told,
 * in datagrams to the socket that NOTIFY_SOCKET names. Without that variable
 * all of this does nothing. The variables stay, for the program that comes
 * after an exec.
 */
#ifndef KRI_FCGI_NOTIFY_H
#define KRI_FCGI_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "krsession.h"

struct kri_notify {
	int fd; /* -1: nobody is to be told */
	struct sockaddr_un address;
	socklen_t size;
	bool warned;      /* that it cannot be reached */
	int64_t watchdog; /* us within which it wants to hear of us; 0: not */
	int64_t ping_due; /* kri_clock_ms() of the next word to it */
};

/* Never fails: a socket that is not there is said in the log, once. */
void kri_notify_open(struct kri_notify *notify);
void kri_notify_close(struct kri_notify *notify);

/* Whether anybody listens. */
bool kri_notify_is_on(const struct kri_notify *notify);

/* Each with a status line for the operator, `systemctl status` shows it. */
void kri_notify_ready(struct kri_notify *notify, const char *status);
void kri_notify_reloading(struct kri_notify *notify, const char *status);
void kri_notify_stopping(struct kri_notify *notify, const char *status);
void kri_notify_status(struct kri_notify *notify, const char *status);

/* We are alive: said twice in the watchdog's time, however often this is
 * called, and never if there is none. */
void kri_notify_ping(struct kri_notify *notify);

#endif
