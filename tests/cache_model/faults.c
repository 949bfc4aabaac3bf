/*
 * What is done to the processes while they work. Some of it is done here, the
 * rest is asked of whoever started the program and owns the servers: a line
 * "fault NAME NUMBER PID" on stdout, and any line on stdin when it is over.
 *
 * A failover of an asynchronous replica may lose what the old primary has
 * acknowledged, which is Redis' own. So nothing is written while one is under
 * way (`held`): the one who is asked waits until the replicas have what was
 * acknowledged before, and answers when all servers agree on the primary. Reads
 * go on meanwhile. And whatever loses everything (`losing`) makes a new
 * generation: of earlier sessions only their ends count.
 */
#include "model.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define IDLE_NS 60000000000 /* until nobody writes */
#define MOST 16

struct fault {
	const char *name;
	void (*inner)(unsigned process, uint64_t *random); /* NULL: asked */
	bool held, losing;
	bool alone; /* not while a process is stopped */
};

static void stop_process(unsigned process, uint64_t *random);
static void stop_keeper(unsigned process, uint64_t *random);
static void stop_thread(unsigned process, uint64_t *random);
static void move_clock(unsigned process, uint64_t *random);

static const struct fault all[] = {
	{.name = "stop", .inner = stop_process, .alone = true},
	{.name = "keeper", .inner = stop_keeper, .alone = true},
	{.name = "thread", .inner = stop_thread, .alone = true},
	{.name = "clock", .inner = move_clock},
	{.name = "flush", .losing = true},
	{.name = "kill_clients"},
	{.name = "kill_tracking"},
	{.name = "pause"},
	{.name = "crash"},
	{.name = "cut"},
	{.name = "cut_out"},
	{.name = "cut_in"},
	{.name = "move_slots"},
	{.name = "failover", .held = true, .alone = true},
	{.name = "switch", .held = true, .alone = true},
	{.name = "takeover", .held = true, .alone = true},
	{.name = "crash_primary", .held = true, .alone = true},
};

static const struct fault *chosen[MOST];
static unsigned chosen_n;

bool faults_choose(char *names)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		size_t i = 0, n = sizeof(all) / sizeof(*all);

		while (i < n && strcmp(all[i].name, name))
			i++;
		if (i == n || chosen_n == MOST) {
			fprintf(stderr, "cache_model: no fault '%s'\n", name);
			return false;
		}
		chosen[chosen_n++] = &all[i];
	}
	return true;
}

void faults_ask(const char *name, unsigned number, pid_t pid)
{
	char line[64];

	printf("fault %s %u %d\n", name, number, (int)pid);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin)) {
		fprintf(stderr, "nobody does '%s'\n", name);
		world->stop = true;
	}
}

/* Longer than a lease, mostly. */
static unsigned draw_ms(uint64_t *random)
{
	unsigned lease = world->lease_ms ? world->lease_ms : 50;

	return (unsigned)(lease / 2 + random_next(random) % (lease * 3));
}

/* ---- one after the other ----------------------------------------------- */

static bool is_idle(void)
{
	for (unsigned i = 0; i < ACTORS; i++)
		if (world->actors[i].busy)
			return false;
	return true;
}

static void hold(void)
{
	uint64_t until = now_ns() + IDLE_NS;

	world->hold = true;
	while (!is_idle()) {
		if (now_ns() > until) {
			complain("a call does not return");
			world->lost++;
			return;
		}
		sleep_ms(1);
	}
}

static void inject(const struct fault *fault, uint64_t *random)
{
	unsigned process =
		(unsigned)(random_next(random) >> 16) % world->processes;

	world->faults++;
	fprintf(stderr, "%.6f %s, process %u\n", (double)now_ns() / 1e9,
		fault->name, process);
	if (fault->held)
		hold();
	if (fault->losing)
		world->generation++;
	if (fault->inner)
		fault->inner(process, random);
	else
		faults_ask(fault->name, process, world->process[process].pid);
	if (fault->losing)
		world->generation++;
	world->hold = false;
	fprintf(stderr, "%.6f %s is over\n", (double)now_ns() / 1e9,
		fault->name);
}

static const struct fault *draw_fault(uint64_t *random)
{
	return chosen[(random_next(random) >> 16) % chosen_n];
}

bool faults_inject(uint64_t *random)
{
	if (chosen_n)
		inject(draw_fault(random), random);
	return chosen_n;
}

/* ---- those done here --------------------------------------------------- */

/* The heartbeat stands still, or an end that waits; and sometimes something
 * happens that it cannot hear of. */
static void stop_process(unsigned process, uint64_t *random)
{
	pid_t pid = world->process[process].pid;
	const struct fault *other = draw_fault(random);

	kill(pid, SIGSTOP);
	sleep_ms(draw_ms(random));
	if (!other->alone) {
		inject(other, random);
		sleep_ms(draw_ms(random));
	}
	kill(pid, SIGCONT);
}

static bool has_name(pid_t pid, pid_t thread, const char *name)
{
	char path[64], line[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid,
		 (int)thread);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return !strcmp(line, name);
}

/* The thread of that name, or any of those that serve; 0: there is none. */
static pid_t find_thread(pid_t pid, const char *name, uint64_t *random)
{
	char path[32];
	pid_t found = 0;
	unsigned seen = 0;
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		pid_t thread = atoi(entry->d_name);

		if (thread <= 0 || thread == pid ||
		    (name && !has_name(pid, thread, name)))
			continue;
		if (random_next(random) % ++seen == 0)
			found = thread;
	}
	if (folder)
		closedir(folder);
	return found;
}

/* One thread alone, as a debugger does it; the others go on. */
static void stop_one(unsigned process, const char *name, uint64_t *random)
{
	pid_t pid = world->process[process].pid;
	pid_t thread = find_thread(pid, name, random);
	int status;

	if (!thread) {
		world->faults--; /* it begins with the first session */
		return;
	}
	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL)) {
		complain("thread %d cannot be stopped: %s", (int)thread,
			 strerror(errno));
		world->lost++;
		return;
	}
	ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
	waitpid(thread, &status, __WALL);
	sleep_ms(draw_ms(random));
	ptrace(PTRACE_DETACH, thread, NULL, NULL);
}

static void stop_keeper(unsigned process, uint64_t *random)
{
	stop_one(process, "kr-cache", random);
}

static void stop_thread(unsigned process, uint64_t *random)
{
	stop_one(process, NULL, random);
}

/* Minutes or hours, to and fro. */
static void move_clock(unsigned process, uint64_t *random)
{
	int64_t unit = random_next(random) % 2 ? 60000 : 3600000;
	int64_t n = (int64_t)(random_next(random) % 25) - 12;

	world->process[process].clock_ms = n * unit;
}
