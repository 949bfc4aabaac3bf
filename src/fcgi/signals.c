/*
 * Blocks what would end us without a word, and reads it from a descriptor.
 * SIGHUP waits in the kernel while a reload is under way, so that many are one.
 */
#include "fcgi/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Those that would end us without a word and mean something elsewhere, too. */
static void fill(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigaddset(signals, SIGUSR1);
	sigaddset(signals, SIGUSR2);
}

int kri_signals_open(void)
{
	sigset_t signals;

	fill(&signals);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum kr_err kri_signals_busy(int signals, bool busy)
{
	sigset_t wanted;

	fill(&wanted);
	if (busy)
		sigdelset(&wanted, SIGHUP);
	return signalfd(signals, &wanted, 0) < 0 ? KR_ERR_SYSTEM : KR_OK;
}

int kri_signals_read(int signals)
{
	struct signalfd_siginfo signal;

	if (read(signals, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
		return 0;
	return (int)signal.ssi_signo;
}
