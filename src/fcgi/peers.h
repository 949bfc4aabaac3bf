/*
 * The peers: a loop's connections from front servers, from the first look to
 * the last byte. Each is watched for reading once and for good; a request on
 * its way is not known to the poll. Used by the loop's thread alone.
 */
#ifndef KRI_FCGI_PEERS_H
#define KRI_FCGI_PEERS_H

#include <uv.h>

#include "fcgi/intake.h"
#include "fcgi/stages.h"

enum kri_peer_state {
	KRI_PEER_IDLE,    /* between requests */
	KRI_PEER_PARTIAL, /* half a request has come */
	KRI_PEER_BUSY,    /* a request is on its way through the stages */
	KRI_PEER_WRITING, /* the answer did not fit the socket */
	KRI_PEER_LEAVING, /* half-closed; the end is the peer's to make */
	KRI_PEER_STATES
};

struct kri_peer {
	uv_poll_t poll;
	struct kri_peers *peers;
	struct kri_peer *prev, *next; /* in the list of its state */
	int64_t since;                /* kri_clock_ms() of its state */
	int fd;
	enum kri_peer_state state;
	bool served;  /* it has sent a request */
	bool watched; /* the poll is in use */
	bool muted;   /* and stopped, as something came while it was busy */
	struct kri_intake intake;
	struct kri_buffer rest; /* of an answer */
	enum kri_fate fate;     /* when the rest has been written */
};

struct kri_peer_list {
	struct kri_peer *first, *last;
	size_t n;
};

/* Gives a connection to another process; false if nobody is there any more. */
typedef bool kri_peers_hand(void *arg, int fd);

struct kri_peers {
	uv_loop_t *loop;
	uv_timer_t timer; /* runs while a state that has an end is taken */
	bool ticking;
	struct kri_stages *stages;
	struct kri_window *window;
	struct kri_peer_list lists[KRI_PEER_STATES];
	int64_t receive_timeout; /* ms */
	bool draining;
	/* They go to another process as they fall idle, open: it is given a
	 * copy of each. */
	kri_peers_hand *hand; /* NULL: not */
	void *hand_arg;
	int64_t hand_timeout; /* ms for half a request, before it is late */
	/* So many more are to be given away as they fall idle, open. */
	size_t shed;
	void (*give)(void *arg, int fd);
	void *arg;
};

/* Takes the stages' `send`. KR_ERR_MEMORY, KR_ERR_SYSTEM. */
enum kr_err kri_peers_open(struct kri_peers *peers, uv_loop_t *loop,
			   struct kri_stages *stages) KR_MUST_CHECK;

/* Closes all connections and the timer; nothing if never opened. */
void kri_peers_close(struct kri_peers *peers);

/* The loop has run out. */
void kri_peers_free(struct kri_peers *peers);

/* Takes over a non-blocking descriptor, and looks what it has brought. */
void kri_peers_add(struct kri_peers *peers, int fd);

/* Gives `n` connections away, those that are idle at once. */
void kri_peers_shed(struct kri_peers *peers, size_t n);

/* Answers what has come, and closes connections as they fall idle. */
void kri_peers_drain(struct kri_peers *peers);

/* Answers what has come, and hands connections over as they fall idle.
 * Where nobody takes them any more, it drains. */
void kri_peers_hand_over(struct kri_peers *peers, kri_peers_hand *hand,
			 void *arg);

/* How many there are. */
size_t kri_peers_count(const struct kri_peers *peers);

#endif
