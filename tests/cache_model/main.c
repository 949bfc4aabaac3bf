/*
 * A model checker of sessions that several processes share, each with a cache:
 * random histories of real processes on a real Redis, and rules which no
 * history may break.
 *
 *     cache_model [NAME=VALUE...] -- SECTION.KEY=VALUE...
 *
 * NAME is seed, operations, seconds, processes, threads, lease (ms), limited
 * (1: one session a user), networks (1: one for each process), faults and how
 * many ms lie between them (every), what to break, and audit, an option for the
 * look at the end alone.
 *
 * PROCESSES with a store each, used by THREADS at once, log in, read, set,
 * count, renew, log out and end sessions of a few users, all at the same time
 * and never in step. Each call is noted with when it was begun and when it was
 * acknowledged, by one clock. Meanwhile faults are injected (faults.c).
 *
 * What is judged:
 *
 *   late   A cookie that opened its session in a call that was begun after the
 *          end of the session, or the renewal of that secret, had been
 *          acknowledged to anybody; or a commit begun after the end, not the
 *          renewal, and acknowledged: its session was opened before. A call
 *          that failed has ended nothing. An end of many counts for those
 *          whose login was acknowledged before it was begun.
 *   lost   An addition by KR_ATOMIC that was acknowledged and is not in the
 *          count; those in doubt may be in it or not. A session that opens
 *          nothing although nobody has begun to end it. Another's values.
 *   stale  What the own process has set, acknowledged before a read was begun,
 *          which does not show it or something later; what another process has
 *          set, a lease and a second before. Without a cache, at once.
 *
 * An error that an unreachable store gives is honest: the call is in doubt from
 * then on. After what loses all data (FLUSHALL) nobody asks for earlier
 * sessions to be there, but what ended must not come back. A failover may bring
 * back what the replica had not heard of, which is Redis' own: so nothing is
 * written while one goes on, and all that was acknowledged before is with the
 * replicas when it begins; see faults.c.
 *
 * The first line printed is the seed, the last one the verdict. Ends with 0 if
 * late, lost and stale are 0.
 */
#include "model.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS_MAX 32
#define AFTER_NS 1000000000  /* of history after a fault */
#define LEAVE_NS 60000000000 /* that a process has to end */

/* ---- arguments --------------------------------------------------------- */

static bool choose_breaking(const char *value)
{
	static const char *const names[] = {"nothing", "hold", "count", "wait"};

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(value, names[i])) {
			world->breaking = i;
			return true;
		}
	return false;
}

static bool take_number(const char *name, uint64_t n)
{
	if (!strcmp(name, "seed"))
		world->seed = n;
	else if (!strcmp(name, "operations"))
		world->operations = n;
	else if (!strcmp(name, "seconds"))
		world->seconds = (unsigned)n;
	else if (!strcmp(name, "processes") && n >= 1 && n <= PROCESSES)
		world->processes = (unsigned)n;
	else if (!strcmp(name, "threads") && n >= 1 && n <= THREADS)
		world->threads = (unsigned)n;
	else if (!strcmp(name, "lease"))
		world->lease_ms = (unsigned)n;
	else if (!strcmp(name, "every"))
		world->every_ms = (unsigned)n;
	else if (!strcmp(name, "networks"))
		world->networks = n;
	else if (!strcmp(name, "limited"))
		world->limited = n;
	else
		return false;
	return true;
}

static bool take_argument(char *text)
{
	char *value = strchr(text, '='), *rest;
	uint64_t n;

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(text, "faults"))
		return faults_choose(value);
	if (!strcmp(text, "break"))
		return choose_breaking(value);
	if (!strcmp(text, "audit")) {
		world->audited = value;
		return true;
	}
	n = strtoull(value, &rest, 10);
	return *value && !*rest && take_number(text, n);
}

/* The cache's lease and the limit are the program's to know, too. */
static bool add_options(char **options, int n)
{
	static char *all[OPTIONS_MAX + 3], lease[48];
	int own = 0;

	if (n > OPTIONS_MAX) {
		fputs("cache_model: too many options\n", stderr);
		return false;
	}
	world->options = all;
	if (world->lease_ms) {
		snprintf(lease, sizeof(lease), "session.cache=%ums",
			 world->lease_ms);
		world->options[own++] = lease;
	}
	if (world->limited)
		world->options[own++] = "session.max_per_user=1";
	for (int i = 0; i < n; i++)
		world->options[own++] = options[i];
	return true;
}

static bool read_arguments(int argc, char **argv)
{
	int i = 1;

	world->seed = world->began ^ (uint64_t)getpid() << 40;
	world->operations = 10000;
	world->seconds = 60;
	world->processes = 3;
	world->threads = 2;
	world->every_ms = 500;
	for (; i < argc && strcmp(argv[i], "--"); i++)
		if (!take_argument(argv[i])) {
			fprintf(stderr, "cache_model: what is '%s'?\n",
				argv[i]);
			return false;
		}
	i += i < argc;
	return add_options(argv + i, argc - i);
}

/* ---- the processes ----------------------------------------------------- */

static unsigned living;
static bool broken; /* one ended as it must not */

static bool start(unsigned number, int (*run)(unsigned))
{
	pid_t pid = fork();

	if (!pid)
		exit(run(number));
	world->process[number].pid = pid;
	living += pid > 0;
	return pid > 0;
}

static int run_audit(unsigned number)
{
	(void)number;
	return process_audit();
}

/* Notes those that have ended. */
static void reap(void)
{
	int status;
	pid_t pid;

	while (living && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		living--;
		if (!status)
			continue;
		fprintf(stderr, "process %d ended with status %#x\n", (int)pid,
			(unsigned)status);
		broken = true;
		world->stop = true;
	}
}

/* Whoever hangs is killed: with SIGABRT, so that a sanitizer tells where. */
static void wait_for_all(void)
{
	uint64_t until = now_ns() + LEAVE_NS;

	for (reap(); living && now_ns() < until; reap())
		sleep_ms(2);
	if (!living)
		return;
	fputs("a process does not end\n", stderr);
	broken = true;
	for (unsigned i = 0; i <= PROCESSES; i++)
		if (world->process[i].pid > 0)
			kill(world->process[i].pid, SIGABRT);
	while (wait(NULL) > 0)
		;
	living = 0;
}

/* ---- the history ------------------------------------------------------- */

static uint64_t sum_of(size_t member)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= ACTORS; i++)
		sum += *(_Atomic uint64_t *)((char *)&world->actors[i] +
					     member);
	return sum;
}

/* What a fault has left behind is to be seen, too. */
static bool is_over(uint64_t fault_ns)
{
	if (world->stop)
		return true;
	if (fault_ns && now_ns() < fault_ns + AFTER_NS)
		return false;
	return now_ns() / 1000000000 >= world->seconds ||
	       (world->operations &&
		sum_of(offsetof(struct actor, operations)) >=
			world->operations);
}

static uint64_t draw_pause(uint64_t *random)
{
	return (random_next(random) % (2 * world->every_ms) + 1) * 1000000;
}

static void lead(void)
{
	uint64_t random = ~world->seed, next, fault_ns = 0;

	while (world->waiting < world->processes && !world->stop) {
		sleep_ms(1);
		reap();
	}
	for (unsigned i = 0; i < world->processes && world->networks; i++)
		faults_ask("join", i, world->process[i].pid);
	world->go = true;
	next = now_ns() + draw_pause(&random);
	for (; !is_over(fault_ns); reap()) {
		sleep_ms(2);
		if (now_ns() < next || now_ns() / 1000000000 >= world->seconds)
			continue;
		if (faults_inject(&random))
			fault_ns = now_ns();
		next = now_ns() + draw_pause(&random);
	}
	world->stop = true;
}

static int verdict(void)
{
	uint64_t from_memory = 0;
	unsigned late;

	world->complaints = 0; /* the first of these are printed, too */
	late = judge_ends();
	for (unsigned i = 0; i < PROCESSES; i++)
		from_memory += world->process[i].from_memory;
	printf("seed=%llu operations=%llu reads=%llu from_memory=%llu late=%u "
	       "lost=%llu stale=%llu failed=%llu worst_staleness_us=%llu "
	       "faults=%llu\n",
	       (unsigned long long)world->seed,
	       (unsigned long long)sum_of(offsetof(struct actor, operations)),
	       (unsigned long long)sum_of(offsetof(struct actor, reads)),
	       (unsigned long long)from_memory, late,
	       (unsigned long long)world->lost,
	       (unsigned long long)world->stale,
	       (unsigned long long)sum_of(offsetof(struct actor, failed)),
	       (unsigned long long)world->worst_ns / 1000,
	       (unsigned long long)world->faults);
	return broken || late || world->lost || world->stale;
}

int main(int argc, char **argv)
{
	if (!world_begin() || !read_arguments(argc, argv))
		return 2;
	printf("seed=%llu\n", (unsigned long long)world->seed);
	fflush(stdout);
	for (unsigned i = 0; i < world->processes; i++)
		if (!start(i, process_run))
			world->stop = true;
	lead();
	wait_for_all();
	if (!broken && start(PROCESSES, run_audit))
		wait_for_all();
	return verdict();
}
