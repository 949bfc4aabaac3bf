/*
 * The reload, as the main thread of either process sees it: what SIGHUP
 * begins, what the other process says, and what is then to be done. What it is
 * made of is in handover.h.
 */
#ifndef KRI_FCGI_RELOAD_H
#define KRI_FCGI_RELOAD_H

#include "fcgi/acceptor.h"
#include "fcgi/standin.h"
#include "fcgi/status.h"

/* What the server is to do next. */
enum kri_turn {
	KRI_TURN_SERVE,     /* go on */
	KRI_TURN_HAND_OVER, /* give the other process what we have, and end */
	KRI_TURN_STOP       /* end: nobody is to go on */
};

struct kri_reload {
	struct kri_handover *handover; /* borrowed, and so are these: */
	const struct kri_config *config;
	struct kri_acceptor *acceptor;
	struct kri_status *status;
	int signals;
	struct kri_standin standin; /* if we have one */
	struct kri_buffer refused;  /* what the stand-in said against it */
	bool proving;               /* the stand-in has not said that it
				     * serves */
};

void kri_reload_open(struct kri_reload *reload, struct kri_handover *handover,
		     const struct kri_config *config,
		     struct kri_acceptor *acceptor, struct kri_status *status);
void kri_reload_close(struct kri_reload *reload);

/* We serve: the other process, if there is one, hears of it. */
void kri_reload_settle(struct kri_reload *reload);

/* On SIGHUP. Why it was not begun is in the log. */
void kri_reload_begin(struct kri_reload *reload);

/* What poll(2) is to watch, and ms until a look is due; -1: nothing, never. */
int kri_reload_fd(const struct kri_reload *reload);
int kri_reload_timeout(const struct kri_reload *reload);

/* Hears what the other process says, and looks after the stand-in. */
enum kri_turn kri_reload_look(struct kri_reload *reload);

/* Has all loops hand their connections to the other process, and end. */
void kri_reload_hand_over(struct kri_reload *reload, struct kri_crew *crew);

/* We end, and with us all of the reload: a stand-in is to end, too. Whether it
 * has served and does, which includes the end of the listener. */
bool kri_reload_stop(struct kri_reload *reload);

/* After that: waits for it, at most until it is late. */
void kri_reload_await_end(struct kri_reload *reload);

/* The loops have ended: completes the handover for our successor. */
void kri_reload_complete(struct kri_reload *reload);

#endif
