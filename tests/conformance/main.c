/*
 * Runs every group of the suite on the store that the command line names, and
 * ends with 1 if one of them failed. Without a word, the stores that need no
 * server: the one in memory, and SQLite in a folder that is made for it.
 */
#include "trial.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

static int run_all(const char *const *options)
{
	trial_options = options;
	return run_sessions() + run_renewal() + run_time() + run_values() +
	       run_batches() + run_listing() + run_others() + run_full() +
	       run_users() + run_limit() + run_counters() + run_threads() +
	       run_follow();
}

static int run_memory(void)
{
	static const char *const options[] = {"store.kind=memory", NULL};

	return run_all(options);
}

static void remove_files(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char name[256];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static int run_sqlite(void)
{
	char folder[] = "/tmp/krsession-conformance-XXXXXX";
	char path[sizeof(folder) + 16], option[sizeof(path) + 16];
	const char *options[] = {"store.kind=sqlite", option, NULL};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/sessions", folder);
	snprintf(option, sizeof(option), "store.path=%s", path);
	failed = run_all(options);
	remove_files(path);
	rmdir(folder);
	return failed;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* as who runs a link has it */
	/* Each test opens a store anew. */
	kri_log_setup(KRI_LOG_WARNING, KRI_LOG_TEXT);
	if (argc > 1)
		return !!run_all((const char *const *)argv + 1);
	return !!(run_memory() + run_sqlite());
}
