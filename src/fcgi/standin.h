/*
 * The stand-in, as the process that it stands in for sees it: started, heard
 * of, waited for, and ended if it does not end by itself.
 */
#ifndef KRI_FCGI_STANDIN_H
#define KRI_FCGI_STANDIN_H

#include "fcgi/channel.h"
#include "fcgi/handover.h"

enum kri_standin_state {
	KRI_STANDIN_NONE,
	KRI_STANDIN_STARTING, /* it has to say that it serves, in time */
	KRI_STANDIN_SERVING,
	KRI_STANDIN_ENDING /* it has to end, in time */
};

struct kri_standin {
	enum kri_standin_state state;
	pid_t pid;
	int channel;      /* -1: none; the other end is its */
	bool hung_up;     /* it has closed its end, as it does when it ends */
	int64_t deadline; /* kri_clock_ms(); while starting or ending */
	bool late;        /* it was killed, as it passed it */
	int status;       /* as waitpid(2) has it, once it has ended */
};

/*
 * Starts one with what the handover notes. It has to be ready within `ms`.
 * KR_ERR_SYSTEM with one line in `why`, KR_ERR_MEMORY.
 */
enum kr_err kri_standin_start(struct kri_standin *standin,
			      const struct kri_handover *noted, int64_t ms,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* One that serves, and was started before this program was executed. */
void kri_standin_adopt(struct kri_standin *standin,
		       const struct kri_handover *handover);

/* It has to end within `ms`. */
void kri_standin_expect_end(struct kri_standin *standin, int64_t ms);

/* Nothing more is said on the channel, by either: it ends when it notices. What
 * it has said can still be heard. */
void kri_standin_part(struct kri_standin *standin);

/* The channel has come to its end. */
void kri_standin_hung_up(struct kri_standin *standin);

/* Looks whether it has ended, and kills one that is late. True when it has
 * ended just now: the state is NONE, and `status` set. The channel is open
 * still, as threads may be using it. */
bool kri_standin_reap(struct kri_standin *standin);

/* No thread uses the channel. */
void kri_standin_close(struct kri_standin *standin);

/* What poll(2) is to watch: the channel, until it has come to its end; or -1.
 */
int kri_standin_fd(const struct kri_standin *standin);

/* How it ended: "ended with status 3". */
void kri_standin_describe(const struct kri_standin *standin,
			  struct kri_buffer *out);

/* ms until it wants to be looked at; -1: when it says something. */
int kri_standin_timeout(const struct kri_standin *standin);

#endif
