/*
 * The handover: what a program that is started for a reload is told by the
 * process that starts it, in one variable of its environment, and what of the
 * configuration must not change meanwhile.
 *
 * A reload keeps the process id, which is what supervisors know us by. The
 * process P starts a stand-in N, of the program and the configuration as they
 * are on the disk now; when N serves, P hands its connections over, drains, and
 * executes the program in its own place; that one serves, and N hands its
 * connections back and ends.
 */
#ifndef KRI_FCGI_HANDOVER_H
#define KRI_FCGI_HANDOVER_H

#include <sys/types.h>

#include "base/buffer.h"
#include "config/config.h"
#include "fcgi/listener.h"

enum kri_role {
	KRI_ROLE_ONLY,     /* started by a supervisor or a person */
	KRI_ROLE_STAND_IN, /* N, until P serves again */
	KRI_ROLE_SUCCESSOR /* P, executed anew */
};

struct kri_handover {
	char **argv; /* of main(), borrowed; NULL: there are no reloads */
	enum kri_role role;
	bool settled;  /* the other process knows that we serve */
	int listener;  /* the descriptor that listens */
	int channel;   /* to the other process; -1: there is none any more */
	pid_t pid;     /* of the other one: the stand-in, or its parent; 0 */
	dev_t device;  /* of the socket's file, if it is */
	ino_t inode;   /* ours to remove; else 0 */
	int64_t since; /* kri_clock_us() of the signal */
	int64_t mode;  /* the listener's options, as the socket was made */
	char *group, *listen;
};

/*
 * Of main()'s arguments, borrowed. Reads the variable, and takes it out of the
 * environment, so that no child of a handler sees it. Without it the role is
 * KRI_ROLE_ONLY. KR_ERR_CONFIG with one line in `why`, KR_ERR_MEMORY.
 */
enum kr_err kri_handover_take(struct kri_handover *handover, char **argv,
			      struct kri_buffer *why) KR_MUST_CHECK;
void kri_handover_free(struct kri_handover *handover);

/* Notes the listener and its options, for who is started next. */
enum kr_err kri_handover_note(struct kri_handover *handover,
			      const struct kri_listener *listener,
			      const struct kri_config *config) KR_MUST_CHECK;

/* Opens the listener that was handed over. */
enum kr_err kri_handover_open(const struct kri_handover *handover,
			      struct kri_listener *listener,
			      const struct kri_config *config,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* Whether a reload can lead to this configuration; KR_ERR_CONFIG with one line
 * in `why`. */
enum kr_err kri_handover_check(const struct kri_handover *handover,
			       const struct kri_config *config,
			       struct kri_buffer *why) KR_MUST_CHECK;

/* Tells the process that started this one why it cannot serve. False if there
 * is none, or it knows that we do. */
bool kri_handover_refuse(const struct kri_handover *handover, const char *why);

/* The file to execute: that of this process, by the name that it was executed
 * by, which a package's upgrade has replaced. */
const char *kri_handover_program(const struct kri_handover *handover);

/*
 * The environment for one that is started so: ours with the variable. The
 * stand-in is not told what is for the process that the service manager
 * knows. The array and its first member are the caller's to free; NULL without
 * memory.
 */
char **kri_handover_environment(const struct kri_handover *handover);

/*
 * Executes the program in this process's place, and returns only if that
 * fails, with one line in `why`. From the main thread.
 */
void kri_handover_exec(const struct kri_handover *handover,
		       struct kri_buffer *why);

#endif
