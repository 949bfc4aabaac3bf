/*
 * Has each allocation of each kind of life fail in turn, alone and with all
 * after it, on the store that the command line names:
 *
 *     allocation [-f FROM] [-e EVERY] [-t] [SECTION.KEY=VALUE]...
 *
 * Every EVERYth from the FROMth on; -t tells where each of them is, and shows
 * the log. Without a store: memory, and a file of SQLite in a folder made for
 * it. Lives are led in a child, which goes on from one to the next until one
 * ends it: so a crash is known by its number, and another child goes on behind
 * it.
 */
#include <dirent.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/gateway.h"
#include "life.h"
#include "parts.h"

#define PATIENCE 60    /* s that a life may take */
#define FAULTS_MOST 20 /* after so many we have seen enough */

#ifdef SANITIZED
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);

/* What the dynamic linker keeps is no leak of ours; children look for those. */
const char *__asan_default_options(void)
{
	return "leak_check_at_exit=0";
}
#endif

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);

/* Children leave by _exit, which would not tell the parent of a race. */
const char *__tsan_default_options(void)
{
	return "halt_on_error=1";
}
#endif

/* What a child leaves behind, shared with its parent. */
static struct shared {
	struct life life;
	long lives, refusing;
	bool done; /* there was no nth allocation */
} * shared;

static long from = 1, every = 1;
static bool telling;
static int said; /* stderr, while the log goes nowhere */

/* ---- the child -------------------------------------------------------- */

static void say_where(int number)
{
	void *frames[64];

	dprintf(said, "signal %d at:\n", number);
	backtrace_symbols_fd(frames, backtrace(frames, 64), said);
	signal(number, SIG_DFL);
	raise(number);
}

static void prepare_child(void)
{
	signal(SIGPIPE, SIG_IGN); /* as kr_app_main() does */
	signal(SIGABRT, say_where);
	signal(SIGALRM, say_where);
#ifdef SANITIZED
	__sanitizer_set_report_fd((void *)(intptr_t)said);
#else
	signal(SIGSEGV, say_where);
	signal(SIGBUS, say_where);
#endif
	if (!telling && !freopen("/dev/null", "w", stderr))
		_exit(1);
}

static int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

static bool live_once(long n, enum failing how)
{
	shared->life.n = n;
	shared->life.how = how;
	alarm(PATIENCE);
	return life_run(&shared->life);
}

/* What grows each time is a leak; what grows once is somebody's table. */
static bool leaks(long n, enum failing how, long live, int files)
{
	for (int i = 0; i < 3; i++) {
		long now = allocator_live();
		int open_now = open_files();

		if (now <= live && open_now <= files)
			return false;
		live = now;
		files = open_now;
		if (!live_once(n, how))
			return true;
	}
	snprintf(shared->life.why, sizeof(shared->life.why),
		 "leaks: %ld allocations and %d descriptors more",
		 allocator_live() - live, open_files() - files);
#ifdef __SANITIZE_ADDRESS__
	__lsan_do_recoverable_leak_check();
#endif
	return true;
}

static bool try(long n, enum failing how)
{
	long live = allocator_live();
	int files = open_files();

	if (!live_once(n, how) || leaks(n, how, live, files))
		return false;
	shared->lives++;
	shared->refusing += shared->life.refused > 0;
	shared->done = shared->life.asked < n;
	return true;
}

/* Lives once without failures first: tables that libraries make at their
 * first use are there then. */
static void run_child(long n, enum failing how)
{
	prepare_child();
	if (!live_once(0, how) || !live_once(0, how))
		_exit(1);
	for (; !shared->done; n += every)
		if (!try(n, how))
			_exit(1);
	_exit(0);
}

/* ---- the parent ------------------------------------------------------- */

static void report(enum failing how, int status)
{
	struct life *life = &shared->life;

	printf("not ok %ld %s, at %s: %s", life->n,
	       how == FAIL_ONE ? "alone" : "and the rest", life->doing,
	       *life->why ? life->why : "ended by ");
	if (!*life->why)
		printf("%s", WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
						 : "the sanitizer");
	printf("\n");
}

/* Returns how many faults there were. */
static int run_mode(enum failing how)
{
	int faults = 0;
	long n = from;

	shared->done = false;
	shared->lives = shared->refusing = 0;
	while (!shared->done && faults < FAULTS_MOST) {
		int status;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (!child)
			run_child(n, how);
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return ++faults;
		if (status) {
			report(how, status);
			faults++;
			if (!shared->life.n)
				return faults;
			n = shared->life.n + every;
		}
	}
	printf("# %s: %ld allocations, %ld lives, %ld with a refusal, "
	       "%d faults\n",
	       how == FAIL_ONE ? "alone" : "and the rest", shared->life.asked,
	       shared->lives, shared->refusing, faults);
	return faults;
}

static int run_store(const char *const *options)
{
	static const struct {
		const char *name;
		void (*lead)(struct life *life);
	} lives[] = {
		{"a program", life_of_a_program},
		{"the session layer alone", life_alone},
		{"the sessions of a user", life_of_users},
		{"a handler's test", life_of_a_test},
	};
	int faults = 0;

	shared->life.options = options;
	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		printf("# %s: %s\n", options[0], lives[i].name);
		shared->life.lead = lives[i].lead;
		faults += run_mode(FAIL_ONE) + run_mode(FAIL_REST);
	}
	return faults;
}

/* ---- the stores that need no server ------------------------------------ */

static int run_memory(void)
{
	static const char *const options[] = {
		"store.kind=memory",
		"cookie.name=sid",
		NULL,
	};

	return run_store(options);
}

static int run_sqlite(void)
{
	char folder[] = "/tmp/krsession-allocation-XXXXXX";
	char path[sizeof(folder) + 40], command[sizeof(folder) + 16];
	const char *options[] = {
		"store.kind=sqlite",
		"cookie.name=sid",
		path,
		"store.durable=no",
		NULL,
	};
	int faults;

	if (!mkdtemp(folder))
		return 1;
	if (every == 1)
		every = 61; /* the rest is for tests/allocation.bats */
	snprintf(path, sizeof(path), "store.path=%s/sessions", folder);
	faults = run_store(options);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return faults + !!system(command);
}

int main(int argc, char **argv)
{
	int option, faults = 0;

	while ((option = getopt(argc, argv, "f:e:t")) > 0) {
		if (option == 'f')
			from = atol(optarg);
		else if (option == 'e')
			every = atol(optarg);
		else if (option == 't')
			allocator_tell(telling = true);
		else
			return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	said = dup(2);
	if (shared == MAP_FAILED || said < 0 || from < 1 || every < 1)
		return 2;
	allocator_setup();
	if (kri_gateway_setup())
		return 2;
	faults = parts_run();
	if (optind < argc)
		faults += run_store((const char *const *)argv + optind);
	else
		faults += run_memory() + run_sqlite();
	return faults > 0;
}
