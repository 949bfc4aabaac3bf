/*
 * The steps of a reload in both processes, in the order in which they happen.
 * Whatever goes wrong before the stand-in serves leaves the old process as it
 * was.
 */
#include "fcgi/reload.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/signals.h"

#define LOG_GRACE 3000 /* ms for the end of one that has drained: its log */
#define AWAIT_TICK 10  /* ms between two looks */

static bool stands_in(const struct kri_reload *reload)
{
	return reload->handover->role == KRI_ROLE_STAND_IN;
}

static bool has_standin(const struct kri_reload *reload)
{
	return reload->standin.state != KRI_STANDIN_NONE;
}

/* ---- the beginning ---------------------------------------------------- */

static void refuse(struct kri_reload *reload, const char *why)
{
	kri_log(KRI_LOG_ERROR, NULL,
		"SIGHUP: not reloaded: %s; the old configuration goes on", why);
	kri_status_refused(reload->status, why);
	(void)!kri_signals_busy(reload->signals, false);
}

static enum kr_err start(struct kri_reload *reload, struct kri_buffer *why)
{
	struct kri_handover *handover = reload->handover;
	enum kr_err err;

	if (reload->config->store_kind == KRI_STORE_MEMORY) {
		kri_buffer_string(why,
				  "store.kind = memory: sessions live in this "
				  "process, and would end; restart if that is "
				  "meant");
		return KR_ERR_CONFIG;
	}
	err = kri_handover_note(handover, &reload->acceptor->listener,
				reload->config);
	if (!err)
		err = kri_signals_busy(reload->signals, true);
	handover->since = kri_clock_us();
	return err ? err
		   : kri_standin_start(&reload->standin, handover,
				       reload->config->reload_timeout, why);
}

void kri_reload_begin(struct kri_reload *reload)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err;

	/* Sent to all processes of that name: the other one heeds it. */
	if (stands_in(reload))
		return;
	kri_status_reloading(reload->status);
	kri_buffer_clear(&reload->refused);
	err = start(reload, &why);
	if (err)
		refuse(reload, why.len ? why.data : kr_strerror(err));
	else
		kri_log(KRI_LOG_INFO, NULL,
			"SIGHUP: reloading: process %d is to stand in",
			(int)reload->standin.pid);
	reload->proving = !err;
	kri_buffer_free(&why);
}

/* ---- what the other process says -------------------------------------- */

/* The process that we stand in for is gone: nobody else will remove the
 * socket, and whoever is started next wants its place. */
static enum kri_turn be_orphaned(struct kri_reload *reload)
{
	const struct kri_handover *handover = reload->handover;
	struct kri_listener *listener = &reload->acceptor->listener;

	kri_log(KRI_LOG_INFO, NULL,
		"process %d stands in: process %d has ended, so this one does",
		(int)getpid(), (int)handover->pid);
	if (handover->inode)
		(void)!kri_listener_own(listener, reload->config,
					handover->device, handover->inode);
	return KRI_TURN_STOP;
}

/* Until it has ended, too, the word is kept. */
static void be_refused(struct kri_reload *reload, const char *why)
{
	if (!reload->proving)
		return;
	kri_buffer_string(&reload->refused, why);
	kri_standin_expect_end(&reload->standin, LOG_GRACE);
}

static enum kri_turn be_ready(struct kri_reload *reload)
{
	if (!reload->proving)
		return KRI_TURN_SERVE;
	reload->proving = false;
	reload->standin.state = KRI_STANDIN_SERVING;
	return KRI_TURN_HAND_OVER;
}

static enum kri_turn heed(struct kri_reload *reload,
			  const struct kri_message *message)
{
	switch (message->word) {
	case KRI_WORD_READY:
		return be_ready(reload);
	case KRI_WORD_REFUSED:
		be_refused(reload, message->text);
		return KRI_TURN_SERVE;
	case KRI_WORD_GO:
		return stands_in(reload) ? KRI_TURN_HAND_OVER : KRI_TURN_SERVE;
	case KRI_WORD_CONNECTION:
		kri_acceptor_give(reload->acceptor, &message->fd, 1);
		return KRI_TURN_SERVE;
	case KRI_WORD_ENDED:
		if (stands_in(reload))
			return be_orphaned(reload);
		kri_standin_hung_up(&reload->standin);
		return KRI_TURN_SERVE;
	default:
		return KRI_TURN_SERVE;
	}
}

static enum kri_turn hear(struct kri_reload *reload)
{
	enum kri_turn turn = KRI_TURN_SERVE;
	struct kri_message message;

	while (turn == KRI_TURN_SERVE && kri_reload_fd(reload) >= 0) {
		kri_channel_hear(kri_reload_fd(reload), &message);
		if (message.word == KRI_WORD_NONE)
			break;
		turn = heed(reload, &message);
	}
	return turn;
}

/* ---- the stand-in's end ----------------------------------------------- */

/* It was to prove the configuration, and did not. */
static void tell_refused(struct kri_reload *reload)
{
	struct kri_buffer *why = &reload->refused;

	reload->proving = false;
	if (!why->len && reload->standin.late)
		kri_buffer_printf(why,
				  "the new process was not ready within "
				  "server.reload_timeout (%lld ms)",
				  (long long)reload->config->reload_timeout);
	if (!why->len) {
		kri_buffer_string(why, "the new process ");
		kri_standin_describe(&reload->standin, why);
		kri_buffer_string(why, " before it was ready");
	}
	refuse(reload, why->failed ? "out of memory" : why->data);
}

/* A stand-in has ended after it stood in. If that was an orderly end, it has
 * logged it itself. */
static void tell_ended(struct kri_reload *reload)
{
	struct kri_buffer how = KRI_BUFFER_EMPTY;

	kri_standin_describe(&reload->standin, &how);
	if (reload->standin.status && !how.failed)
		kri_log(KRI_LOG_ERROR, NULL,
			"process %d stood in and %s: requests that it had may "
			"be lost",
			(int)reload->standin.pid, how.data);
	kri_buffer_free(&how);
	(void)!kri_signals_busy(reload->signals, false);
}

static void reap(struct kri_reload *reload)
{
	if (!kri_standin_reap(&reload->standin))
		return;
	kri_standin_close(&reload->standin);
	if (reload->proving)
		tell_refused(reload);
	else
		tell_ended(reload);
}

enum kri_turn kri_reload_look(struct kri_reload *reload)
{
	enum kri_turn turn = hear(reload);

	if (turn == KRI_TURN_SERVE)
		reap(reload);
	return turn;
}

int kri_reload_fd(const struct kri_reload *reload)
{
	return stands_in(reload) ? reload->handover->channel
				 : kri_standin_fd(&reload->standin);
}

int kri_reload_timeout(const struct kri_reload *reload)
{
	return kri_standin_timeout(&reload->standin);
}

/* ---- we serve --------------------------------------------------------- */

static void say_reloaded(struct kri_reload *reload)
{
	int64_t us = kri_clock_us() - reload->handover->since;

	kri_log(KRI_LOG_INFO, NULL, "reloaded in %lld ms",
		(long long)(us / 1000));
}

void kri_reload_settle(struct kri_reload *reload)
{
	struct kri_handover *handover = reload->handover;

	handover->settled = true;
	if (handover->role == KRI_ROLE_STAND_IN)
		(void)kri_channel_say(handover->channel, KRI_WORD_READY, "");
	if (handover->role != KRI_ROLE_SUCCESSOR)
		return;
	say_reloaded(reload);
	handover->role = KRI_ROLE_ONLY;
	kri_standin_adopt(&reload->standin, handover);
	if (!has_standin(reload))
		return;
	(void)!kri_signals_busy(reload->signals, true);
	(void)kri_channel_say(reload->standin.channel, KRI_WORD_GO, "");
	kri_standin_expect_end(&reload->standin,
			       reload->config->drain_timeout + LOG_GRACE);
}

/* ---- the end ---------------------------------------------------------- */

/* Called by the loops. */
static bool hand(void *channel, int fd)
{
	return kri_channel_give(*(const int *)channel, fd);
}

void kri_reload_hand_over(struct kri_reload *reload, struct kri_crew *crew)
{
	int *channel = stands_in(reload) ? &reload->handover->channel
					 : &reload->standin.channel;

	kri_crew_hand_over(crew, hand, channel);
}

/* What the stand-in has on its way to us is served before we end. */
void kri_reload_stop(struct kri_reload *reload)
{
	if (!has_standin(reload))
		return;
	kri_standin_part(&reload->standin);
	kri_standin_expect_end(&reload->standin,
			       reload->config->drain_timeout + LOG_GRACE);
	(void)hear(reload);
}

/* One that does not serve yet has nothing to lose. */
void kri_reload_await_end(struct kri_reload *reload)
{
	struct kri_standin *standin = &reload->standin;
	bool had = has_standin(reload);

	if (had && reload->proving)
		kri_standin_expect_end(standin, 0);
	while (had && !kri_standin_reap(standin)) {
		struct kri_message message;

		usleep(AWAIT_TICK * 1000);
		if (kri_standin_fd(standin) < 0)
			continue;
		kri_channel_hear(standin->channel, &message);
		if (message.fd >= 0)
			close(message.fd);
		if (message.word == KRI_WORD_ENDED)
			kri_standin_hung_up(standin);
	}
	if (had && !reload->proving)
		tell_ended(reload);
}

void kri_reload_complete(struct kri_reload *reload)
{
	struct kri_handover *handover = reload->handover;
	bool lives;

	(void)hear(reload);
	reap(reload);
	lives = has_standin(reload) && !reload->standin.hung_up;
	handover->role = KRI_ROLE_SUCCESSOR;
	handover->settled = false;
	handover->channel = lives ? reload->standin.channel : -1;
	handover->pid = has_standin(reload) ? reload->standin.pid : 0;
	kri_listener_release(&reload->acceptor->listener);
}

/* ---- life ------------------------------------------------------------- */

void kri_reload_open(struct kri_reload *reload, struct kri_handover *handover,
		     const struct kri_config *config,
		     struct kri_acceptor *acceptor, struct kri_status *status)
{
	*reload = (struct kri_reload){
		.handover = handover,
		.config = config,
		.acceptor = acceptor,
		.status = status,
		.signals = -1,
		.standin = {.channel = -1},
	};
}

void kri_reload_close(struct kri_reload *reload)
{
	kri_buffer_free(&reload->refused);
}
