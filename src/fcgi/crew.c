/*
 * Starts the loops' threads, waits for their ends for as long as draining may
 * take, and leaves alone those that do not come back.
 */
#include "fcgi/crew.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define STACK (512 << 10)  /* bytes; handlers run on it */
#define LEFTOVER_GRACE 500 /* ms for a name look-up when all is answered */

/* ---- the beginning ---------------------------------------------------- */

/* server.workers, or as many as there are processors. */
static int count_loops(const struct kri_config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->workers)
		return (int)config->workers;
	return processors < 1 ? 1 : (int)processors;
}

/* libuv makes its pool when it is first used, as large as this says. */
static void size_pool(const struct kri_config *config)
{
	char number[8];

	snprintf(number, sizeof(number), "%d", (int)config->threads);
	setenv("UV_THREADPOOL_SIZE", number, 1);
}

static void ring(void *crew)
{
	eventfd_write(((struct kri_crew *)crew)->bell, 1);
}

static enum kr_err open_loop(struct kri_crew *crew, struct kri_store *store,
			     struct kri_loop **out)
{
	struct kri_loop *loop = calloc(1, sizeof(*loop));
	enum kr_err err;

	if (!loop)
		return KR_ERR_MEMORY;
	loop->ended = ring;
	loop->arg = crew;
	err = kri_loop_open(loop, crew->site, store);
	if (err)
		free(loop);
	else
		*out = loop;
	return err;
}

static enum kr_err open_loops(struct kri_crew *crew, struct kri_store *store)
{
	enum kr_err err = KR_OK;

	crew->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crew->bell < 0)
		return KR_ERR_SYSTEM;
	crew->loops = calloc((size_t)crew->n, sizeof(struct kri_loop *));
	if (!crew->loops)
		return KR_ERR_MEMORY;
	for (int i = 0; i < crew->n && !err; i++)
		err = open_loop(crew, store, &crew->loops[i]);
	return err;
}

enum kr_err kri_crew_open(struct kri_crew *crew, const struct kri_site *site,
			  struct kri_store *store, struct kri_buffer *why)
{
	enum kr_err err;

	*crew = (struct kri_crew){
		.site = site,
		.n = count_loops(site->config),
		.bell = -1,
	};
	size_pool(site->config);
	err = open_loops(crew, store);
	if (err)
		kri_buffer_printf(why, "cannot make the loops: %s",
				  kr_strerror(err));
	return err;
}

enum kr_err kri_crew_start(struct kri_crew *crew, struct kri_buffer *why)
{
	pthread_attr_t attr;
	int result = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (int i = 0; i < crew->n && !result; i++) {
		result = pthread_create(&crew->loops[i]->thread, &attr,
					kri_loop_run, crew->loops[i]);
		crew->started += !result;
	}
	pthread_attr_destroy(&attr);
	if (!result)
		return KR_OK;
	kri_buffer_printf(why, "cannot start a thread: %s", strerror(result));
	return KR_ERR_SYSTEM;
}

/* ---- the end ---------------------------------------------------------- */

void kri_crew_drain(struct kri_crew *crew)
{
	for (int i = 0; i < crew->started; i++)
		kri_loop_drain(crew->loops[i]);
}

static void hand_unseen(struct kri_loop *loop, kri_peers_hand *hand, void *arg)
{
	int fd;

	while (kri_loop_take_back(loop, &fd, 1)) {
		if (!hand(arg, fd)) {
			kri_loop_give(loop, &fd, 1);
			return;
		}
		close(fd);
	}
}

void kri_crew_hand_over(struct kri_crew *crew, kri_peers_hand *hand, void *arg)
{
	for (int i = 0; i < crew->started; i++) {
		hand_unseen(crew->loops[i], hand, arg);
		kri_loop_hand_over(crew->loops[i], hand, arg);
	}
}

bool kri_crew_has_answered(const struct kri_crew *crew)
{
	for (int i = 0; i < crew->started; i++)
		if (!atomic_load(&crew->loops[i]->answered))
			return false;
	return true;
}

bool kri_crew_await(struct kri_crew *crew, int ms)
{
	struct pollfd bell = {.fd = crew->bell, .events = POLLIN};
	eventfd_t more;

	if (crew->ended == crew->started)
		return true;
	poll(&bell, 1, ms);
	if (!eventfd_read(crew->bell, &more))
		crew->ended += (int)more;
	if (!crew->grace && kri_crew_has_answered(crew))
		crew->grace = kri_clock_ms() + LEFTOVER_GRACE;
	return crew->ended == crew->started ||
	       (crew->grace && kri_clock_ms() >= crew->grace);
}

bool kri_crew_leave(struct kri_crew *crew)
{
	bool left = crew->ended < crew->started;

	for (int i = 0; i < crew->started; i++)
		if (left)
			pthread_detach(crew->loops[i]->thread);
		else
			pthread_join(crew->loops[i]->thread, NULL);
	return left;
}

void kri_crew_close(struct kri_crew *crew)
{
	for (int i = 0; i < crew->n && crew->loops; i++) {
		if (crew->loops[i])
			kri_loop_close(crew->loops[i]);
		free(crew->loops[i]);
	}
	if (crew->bell >= 0)
		close(crew->bell);
	free(crew->loops);
	*crew = (struct kri_crew){.bell = -1};
}

/* ---- what they did ---------------------------------------------------- */

static int64_t get(const atomic_llong *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

int64_t kri_crew_connections(const struct kri_crew *crew)
{
	int64_t sum = 0;

	for (int i = 0; i < crew->started; i++)
		sum += get(&crew->loops[i]->connections);
	return sum;
}

int64_t kri_crew_requests(const struct kri_crew *crew)
{
	int64_t sum = 0;

	for (int i = 0; i < crew->started; i++)
		sum += get(&crew->loops[i]->requests);
	return sum;
}

int64_t kri_crew_batches(const struct kri_crew *crew)
{
	int64_t sum = 0;

	for (int i = 0; i < crew->started; i++)
		sum += get(&crew->loops[i]->batches);
	return sum;
}
