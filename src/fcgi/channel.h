/*
 * The channel between a process and its stand-in, while one takes over from
 * the other: a few words, and open connections (SCM_RIGHTS, unix(7)). One end
 * a process; when the other end's process is gone, this end hears it.
 */
#ifndef KRI_FCGI_CHANNEL_H
#define KRI_FCGI_CHANNEL_H

#include <stdbool.h>

#include "krsession.h"

#define KRI_CHANNEL_TEXT 1024 /* bytes of a word's text, with its NUL */

enum kri_word {
	KRI_WORD_NONE,      /* nothing has come */
	KRI_WORD_ENDED,     /* nothing will: the other end is closed */
	KRI_WORD_READY,     /* of the stand-in: it serves */
	KRI_WORD_REFUSED,   /* of the stand-in: it cannot; `text` has why */
	KRI_WORD_GO,        /* to the stand-in: we serve again */
	KRI_WORD_CONNECTION /* `fd`: from here on the receiver's */
};

struct kri_message {
	enum kri_word word;
	int fd; /* non-blocking, close-on-exec */
	char text[KRI_CHANNEL_TEXT];
};

/* Both ends, close-on-exec. KR_ERR_SYSTEM with errno. */
enum kr_err kri_channel_open(int ends[2]) KR_MUST_CHECK;

/* False if nobody hears it any more. Threads may speak at the same time. */
bool kri_channel_say(int channel, enum kri_word word, const char *text);

/*
 * Gives a connection away: the receiver gets a copy, so that ours is to be
 * closed. Waits for room for a second at most. False if it was not sent.
 */
bool kri_channel_give(int channel, int fd);

/* Hears what has come, without waiting. */
void kri_channel_hear(int channel, struct kri_message *out);

#endif
