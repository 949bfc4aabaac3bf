/*
 * It is our child, and no other child is looked for: handlers may have their
 * own. Its end of the channel closes with it, so that no signal is needed to
 * hear of its end.
 */
#include "fcgi/standin.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define HANG_UP_GRACE 2000 /* ms between the end of the channel and its own */
#define ENDING_TICK 10     /* ms between two looks whether it has ended */

/* ---- the start -------------------------------------------------------- */

/* The descriptors that it is to have stay open, under their numbers;
 * posix_spawn takes the mark away of one that is copied to itself. */
static int keep_descriptors(posix_spawn_file_actions_t *actions,
			    const struct kri_handover *handover)
{
	int error = posix_spawn_file_actions_init(actions);

	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(actions, handover->channel,
						 handover->channel);
	if (!error)
		error = posix_spawn_file_actions_adddup2(
			actions, handover->listener, handover->listener);
	if (error)
		posix_spawn_file_actions_destroy(actions);
	return error;
}

/* Not fork(2): of a process with threads and much memory it copies more than
 * it has to. 0, or the error. */
static int spawn(pid_t *pid, const struct kri_handover *handover)
{
	posix_spawn_file_actions_t actions;
	char **env = kri_handover_environment(handover);
	int error = env ? keep_descriptors(&actions, handover) : ENOMEM;

	if (!error) {
		error = posix_spawn(pid, kri_handover_program(handover),
				    &actions, NULL, handover->argv, env);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (env)
		free(env[0]);
	free(env);
	return error;
}

static enum kr_err refuse(struct kri_buffer *why,
			  const struct kri_handover *handover, int error)
{
	kri_buffer_printf(why, "cannot start %s: %s",
			  kri_handover_program(handover), strerror(error));
	return KR_ERR_SYSTEM;
}

enum kr_err kri_standin_start(struct kri_standin *standin,
			      const struct kri_handover *noted, int64_t ms,
			      struct kri_buffer *why)
{
	struct kri_handover handover = *noted;
	int ends[2];
	int error;

	if (kri_channel_open(ends))
		return refuse(why, noted, errno);
	handover.role = KRI_ROLE_STAND_IN;
	handover.channel = ends[1];
	handover.pid = getpid();
	*standin = (struct kri_standin){
		.state = KRI_STANDIN_STARTING,
		.channel = ends[0],
		.deadline = kri_clock_ms() + ms,
	};
	error = spawn(&standin->pid, &handover);
	close(ends[1]);
	if (!error)
		return KR_OK;
	kri_standin_close(standin);
	standin->state = KRI_STANDIN_NONE;
	return refuse(why, noted, error);
}

/* Without a channel it was gone before. */
void kri_standin_adopt(struct kri_standin *standin,
		       const struct kri_handover *handover)
{
	*standin = (struct kri_standin){
		.state = handover->pid ? KRI_STANDIN_SERVING : KRI_STANDIN_NONE,
		.pid = handover->pid,
		.channel = handover->channel,
		.hung_up = handover->channel < 0,
	};
}

/* ---- the end ---------------------------------------------------------- */

void kri_standin_expect_end(struct kri_standin *standin, int64_t ms)
{
	standin->state = KRI_STANDIN_ENDING;
	standin->deadline = kri_clock_ms() + ms;
}

void kri_standin_part(struct kri_standin *standin)
{
	if (standin->channel >= 0)
		shutdown(standin->channel, SHUT_RDWR);
}

void kri_standin_hung_up(struct kri_standin *standin)
{
	standin->hung_up = true;
	kri_standin_expect_end(standin, HANG_UP_GRACE);
}

/* Only once all has been heard: what it said last may be why it ends, or
 * bring a connection. */
static bool has_ended(struct kri_standin *standin)
{
	pid_t ended;

	if (!standin->hung_up && !standin->late)
		return false;
	standin->status = 0;
	ended = waitpid(standin->pid, &standin->status, WNOHANG);
	return ended > 0 || (ended < 0 && errno != EINTR);
}

static bool is_late(const struct kri_standin *standin)
{
	return standin->state != KRI_STANDIN_SERVING && !standin->late &&
	       kri_clock_ms() >= standin->deadline;
}

bool kri_standin_reap(struct kri_standin *standin)
{
	if (standin->state == KRI_STANDIN_NONE)
		return false;
	if (has_ended(standin)) {
		standin->state = KRI_STANDIN_NONE;
		return true;
	}
	if (is_late(standin)) {
		standin->late = true;
		kill(standin->pid, SIGKILL);
		standin->state = KRI_STANDIN_ENDING;
	}
	return false;
}

void kri_standin_close(struct kri_standin *standin)
{
	if (standin->channel >= 0)
		close(standin->channel);
	standin->channel = -1;
}

int kri_standin_fd(const struct kri_standin *standin)
{
	return standin->hung_up ? -1 : standin->channel;
}

void kri_standin_describe(const struct kri_standin *standin,
			  struct kri_buffer *out)
{
	if (WIFSIGNALED(standin->status))
		kri_buffer_printf(out, "was ended by signal %d (%s)",
				  WTERMSIG(standin->status),
				  strsignal(WTERMSIG(standin->status)));
	else
		kri_buffer_printf(out, "ended with status %d",
				  WEXITSTATUS(standin->status));
}

int kri_standin_timeout(const struct kri_standin *standin)
{
	int64_t left = standin->deadline - kri_clock_ms();

	if (standin->state == KRI_STANDIN_NONE ||
	    standin->state == KRI_STANDIN_SERVING)
		return -1;
	if (standin->hung_up || standin->late)
		return ENDING_TICK;
	return left < 1 ? 1 : (int)left;
}
