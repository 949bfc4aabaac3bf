/*
 * Runs every group of the suite on the store that the command line names, and
 * ends with 1 if one of them failed.
 */
#include "trial.h"

int main(int argc, char **argv)
{
	static const char *const memory[] = {"store.kind=memory", NULL};

	trial_options = argc > 1 ? (const char *const *)argv + 1 : memory;
	return !!(run_sessions() + run_renewal() + run_time() + run_values() +
		  run_batches() + run_listing() + run_others() + run_full() +
		  run_threads());
}
