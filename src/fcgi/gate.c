#include "fcgi/gate.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define SPARE_IDLE 10 /* seconds after which a spare goes */

void kri_gate_init(struct kri_gate *gate, int least, int most,
		   bool (*spawn)(void *), void *arg)
{
	*gate = (struct kri_gate){
		.seats = least,
		.open = least,
		.least = least,
		.most = most,
		.spawn = spawn,
		.arg = arg,
	};
	pthread_mutex_init(&gate->lock, NULL);
	kri_clock_cond_init(&gate->changed);
}

void kri_gate_free(struct kri_gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->lock);
}

static struct timespec from_now(int64_t ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* With the lock held: one more thread, if one may be and can be had. */
static bool add_thread(struct kri_gate *gate)
{
	if (gate->threads >= gate->most || !gate->spawn(gate->arg))
		return false;
	gate->threads++;
	gate->alive++;
	return true;
}

bool kri_gate_open(struct kri_gate *gate)
{
	bool all = true;

	pthread_mutex_lock(&gate->lock);
	for (int i = 0; i < gate->least && all; i++)
		all = add_thread(gate);
	pthread_mutex_unlock(&gate->lock);
	return all;
}

/* With the lock held: waits for a seat; false when it is time to go. */
static bool await_seat(struct kri_gate *gate)
{
	struct timespec until = from_now(SPARE_IDLE * 1000);

	while (!gate->closed && !gate->seats) {
		int late = pthread_cond_timedwait(&gate->changed, &gate->lock,
						  &until);

		if (late != ETIMEDOUT)
			continue;
		if (gate->threads > gate->least && !gate->seats)
			return false;
		until = from_now(SPARE_IDLE * 1000);
	}
	return !gate->closed;
}

bool kri_gate_enter(struct kri_gate *gate)
{
	bool in;

	pthread_mutex_lock(&gate->lock);
	gate->idle++;
	in = await_seat(gate);
	gate->idle--;
	if (in)
		gate->seats--;
	else
		gate->threads--;
	pthread_mutex_unlock(&gate->lock);
	return in;
}

/* With the lock held: whether somebody will take one more free seat. Idle
 * threads may be on their way to those already free. */
static bool has_taker(struct kri_gate *gate)
{
	return gate->idle > gate->seats || add_thread(gate);
}

/* With the lock held. */
static void free_seat(struct kri_gate *gate)
{
	gate->seats++;
	pthread_cond_signal(&gate->changed);
}

/* Where no spares are allowed, the seat waits for whoever left it. */
bool kri_gate_leave(struct kri_gate *gate)
{
	bool taken;

	pthread_mutex_lock(&gate->lock);
	taken = gate->most == gate->least || has_taker(gate);
	if (taken)
		free_seat(gate);
	pthread_mutex_unlock(&gate->lock);
	return taken;
}

bool kri_gate_is_narrow(const struct kri_gate *gate)
{
	return atomic_load_explicit(&gate->open, memory_order_relaxed) <
	       gate->least;
}

/* The first look at the number of seats, without the lock, is what most
 * calls cost; one that comes too late will come again. */
void kri_gate_widen(struct kri_gate *gate)
{
	if (!kri_gate_is_narrow(gate))
		return;
	pthread_mutex_lock(&gate->lock);
	if (gate->open < gate->least && has_taker(gate)) {
		gate->open++;
		free_seat(gate);
	}
	pthread_mutex_unlock(&gate->lock);
}

bool kri_gate_narrow(struct kri_gate *gate)
{
	bool taken = false;

	if (atomic_load_explicit(&gate->open, memory_order_relaxed) == 1)
		return false;
	pthread_mutex_lock(&gate->lock);
	if (gate->open > 1) {
		gate->open--;
		taken = true;
	}
	pthread_mutex_unlock(&gate->lock);
	return taken;
}

void kri_gate_give_up(struct kri_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->threads--;
	pthread_mutex_unlock(&gate->lock);
}

void kri_gate_exit(struct kri_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->alive--;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

void kri_gate_shut(struct kri_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->closed = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

bool kri_gate_drain(struct kri_gate *gate, int64_t ms)
{
	struct timespec until = from_now(ms);
	int late = 0;
	bool empty;

	pthread_mutex_lock(&gate->lock);
	while (gate->alive && late != ETIMEDOUT)
		late = pthread_cond_timedwait(&gate->changed, &gate->lock,
					      &until);
	empty = !gate->alive;
	pthread_mutex_unlock(&gate->lock);
	return empty;
}
