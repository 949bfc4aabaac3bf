/*
 * One of the processes: a store of its own, used by several threads at once.
 */
#include "model.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counters.h"

struct crew {
	struct kr_store *store, *plain;
	unsigned process;
	_Atomic unsigned started;
};

/* `last` comes after all options, unless it is NULL. */
static enum kr_err open_store(const char *last, struct kr_store **store)
{
	struct kr_config *config = NULL;
	enum kr_err err = kr_config_open(&config);

	for (char **option = world->options; *option && !err; option++)
		err = kr_config_set(config, *option);
	if (last && !err)
		err = kr_config_set(config, last);
	if (!err)
		err = kr_store_open(config, store);
	if (err)
		fprintf(stderr, "no store: %s: %s\n", kr_strerror(err),
			kr_config_why(config));
	kr_config_close(&config);
	return err;
}

/* By its name, as a library without a cache has no such counter. */
static uint64_t answers_from_memory(void)
{
	struct kri_counters *sum = calloc(1, sizeof(*sum));
	uint64_t hits = 0;

	if (!sum || kri_counters_sum(sum)) {
		free(sum);
		return 0;
	}
	for (int i = 0; i < KRI_METRIC_N; i++)
		if (!strcmp(kri_metrics[i].name, "krsession_cache_hits_total"))
			hits = sum->n[i];
	kri_counters_free_sum(sum);
	free(sum);
	return hits;
}

static void *run_thread(void *arg)
{
	struct crew *crew = arg;
	unsigned n = crew->started++;

	actor_run(crew->process * THREADS + n, crew->store, crew->plain);
	return NULL;
}

static int run_crew(struct crew *crew)
{
	pthread_t threads[THREADS];
	unsigned n = 0;

	while (n < world->threads &&
	       !pthread_create(&threads[n], NULL, run_thread, crew))
		n++;
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (n == world->threads)
		return 0;
	fputs("no thread\n", stderr);
	return 1;
}

/* A network of its own is there before the process may go on. */
static bool wait_for_world(void)
{
	if (world->networks && unshare(CLONE_NEWNET)) {
		perror("no network namespace");
		return false;
	}
	world->waiting++;
	while (!world->go && !world->stop)
		sleep_ms(1);
	return true;
}

int process_run(unsigned number)
{
	struct process *process = &world->process[number];
	struct crew crew = {.process = number};
	int status = 1;

	clock_follow(&process->clock_ms);
	if (wait_for_world() && !open_store(NULL, &crew.store) &&
	    (world->breaking != BREAK_WAIT ||
	     !open_store("session.cache=0", &crew.plain)))
		status = run_crew(&crew);
	process->from_memory = answers_from_memory();
	kr_store_close(&crew.plain);
	kr_store_close(&crew.store);
	return status;
}

int process_audit(void)
{
	struct kr_store *store = NULL;

	if (open_store(world->audited, &store))
		return 1;
	audit(store);
	kr_store_close(&store);
	return 0;
}
