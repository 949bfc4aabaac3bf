/*
 * A loop as a thread: how it begins and ends, and in which order a turn ends.
 * Its requests are the stages' and the peers' tests.
 */
#include "fcgi/loop.h"

#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_store.h"

struct trial {
	struct kri_config config;
	struct kri_router router;
	struct kri_site site;
	struct fake_store store;
	struct kri_store_ops ops;
	struct kri_loop loop;
	uv_prepare_t prepare; /* the store's own */
	int early; /* times that it came before the loop had flushed */
	int prepared;
	uv_poll_t bell; /* rung: the store answers */
	int rung;
	sem_t entered, gate; /* of a handler that holds its loop */
	atomic_int ended, answered;
};

static struct trial *trial;

static void count_end(void *arg)
{
	((struct trial *)arg)->ended++;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct trial *t = prepare->data;

	t->prepared++;
	t->early += t->store.flushes < t->prepared;
}

static void on_bell(uv_poll_t *bell, int status, int events)
{
	eventfd_t n;

	(void)status;
	(void)events;
	if (!eventfd_read(trial->rung, &n) && bell->data)
		fake_answer(&trial->store, 0);
}

/* As the Redis client: it flushes itself what nobody has. */
static enum kr_err attach(struct kri_store *store, struct uv_loop_s *loop,
			  struct kri_link **link)
{
	struct trial *t = trial;

	uv_prepare_init(loop, &t->prepare);
	t->prepare.data = t;
	uv_prepare_start(&t->prepare, on_prepare);
	uv_poll_init(loop, &t->bell, t->rung);
	t->bell.data = t;
	uv_poll_start(&t->bell, UV_READABLE, on_bell);
	return fake_attach(store, loop, link);
}

static void detach(struct kri_link **link)
{
	uv_close((uv_handle_t *)&trial->prepare, NULL);
	uv_close((uv_handle_t *)&trial->bell, NULL);
	fake_detach(link);
}

static enum kr_err hold(struct kr_context *c)
{
	sem_post(&trial->entered);
	while (sem_wait(&trial->gate))
		;
	return kr_text(c, 200, "Held");
}

static void count_answer(void *arg, struct kr_context *c,
			 struct kri_text answer)
{
	(void)c;
	(void)answer;
	((struct trial *)arg)->answered++;
}

static enum kr_err map(struct kri_router *router)
{
	char path[] = "/hold";
	struct kri_route route = {.path = path,
				  .methods = KR_GET,
				  .flags = KR_SESSION,
				  .handler = hold};

	return kri_router_add(router, &route);
}

static int setup(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));

	if (!t || kri_config_init(&t->config) || map(&t->router) ||
	    kri_gateway_setup() || sem_init(&t->entered, 0, 0) ||
	    sem_init(&t->gate, 0, 0))
		return -1;
	t->rung = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fake_open(&t->store);
	t->ops = *t->store.base.ops;
	t->ops.attach = attach;
	t->ops.detach = detach;
	t->store.base.ops = &t->ops;
	t->site = (struct kri_site){
		.config = &t->config,
		.router = &t->router,
		.cookie = {.name = KRI_TEXT("sid"), .path = KRI_TEXT("/")}};
	t->loop.ended = count_end;
	t->loop.arg = t;
	*state = trial = t;
	return kri_loop_open(&t->loop, &t->site, &t->store.base) ? -1 : 0;
}

static int teardown(void **state)
{
	struct trial *t = *state;

	kri_loop_close(&t->loop);
	close(t->rung);
	sem_destroy(&t->entered);
	sem_destroy(&t->gate);
	kri_router_free(&t->router);
	kri_config_free(&t->config);
	free(t);
	return 0;
}

static void start(struct trial *t)
{
	assert_int_equal(
		pthread_create(&t->loop.thread, NULL, kri_loop_run, &t->loop),
		0);
}

static void stop(struct trial *t)
{
	kri_loop_drain(&t->loop);
	pthread_join(t->loop.thread, NULL);
	assert_int_equal(t->ended, 1);
}

static void a_loop_that_was_never_started_is_closed(void **state)
{
	struct trial *t = *state;

	assert_int_equal(t->loop.connections, 0);
}

static void a_loop_with_nothing_to_do_ends_when_it_is_told(void **state)
{
	struct trial *t = *state;

	start(t);
	stop(t);
	assert_true(t->loop.answered);
	assert_true(t->store.detached);
}

static void a_connection_that_is_given_to_it_is_counted(void **state)
{
	struct trial *t = *state;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start(t);
	kri_loop_give(&t->loop, pair, 1);
	while (t->loop.connections != 1)
		usleep(1000);
	close(pair[1]);
	while (t->loop.connections != 0)
		usleep(1000);
	stop(t);
}

/* It is half-closed, and the loop waits for the peer to do the rest. */
static void a_connection_is_ended_when_the_loop_is_to_end(void **state)
{
	struct trial *t = *state;
	char byte;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start(t);
	kri_loop_give(&t->loop, pair, 1);
	kri_loop_drain(&t->loop);
	while (read(pair[1], &byte, 1) != 0)
		usleep(1000);
	close(pair[1]);
	stop(t);
}

/* Takes what the loop hands over; the number stands for the descriptor. */
struct taker {
	atomic_int fds;
	bool refuses;
};

static bool take(void *arg, int fd)
{
	struct taker *taker = arg;

	(void)fd;
	if (!taker->refuses)
		taker->fds++;
	return !taker->refuses;
}

/* Whoever took it has a copy: ours is closed, and the loop is done. */
static void idle_connections_are_handed_over(void **state)
{
	struct trial *t = *state;
	struct taker taker = {0};
	char byte;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start(t);
	kri_loop_give(&t->loop, pair, 1);
	while (t->loop.connections != 1)
		usleep(1000);
	kri_loop_hand_over(&t->loop, take, &taker);
	pthread_join(t->loop.thread, NULL);
	assert_int_equal(taker.fds, 1);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	assert_true(t->loop.answered);
	close(pair[1]);
}

/* It had not looked at it yet. */
static void so_are_those_that_have_just_come(void **state)
{
	struct trial *t = *state;
	struct taker taker = {0};
	char byte;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	kri_loop_give(&t->loop, pair, 1);
	kri_loop_hand_over(&t->loop, take, &taker);
	start(t);
	pthread_join(t->loop.thread, NULL);
	assert_int_equal(taker.fds, 1);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	close(pair[1]);
}

static void connections_that_nobody_takes_are_ended(void **state)
{
	struct trial *t = *state;
	struct taker taker = {.refuses = true};
	char byte;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start(t);
	kri_loop_give(&t->loop, pair, 1);
	while (t->loop.connections != 1)
		usleep(1000);
	kri_loop_hand_over(&t->loop, take, &taker);
	while (read(pair[1], &byte, 1) != 0)
		usleep(1000);
	close(pair[1]);
	pthread_join(t->loop.thread, NULL);
	assert_int_equal(taker.fds, 0);
}

/* The loop might have ended, and nobody would ever look at it. */
static void a_connection_is_closed_that_comes_to_a_loop_at_its_end(void **state)
{
	struct trial *t = *state;
	char byte;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start(t);
	stop(t);
	kri_loop_give(&t->loop, pair, 1);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	close(pair[1]);
}

/* What it has for the store in a turn goes out in one write: the store's own
 * look comes after the turn's end. */
static void the_store_looks_when_the_turn_has_ended(void **state)
{
	struct trial *t = *state;

	start(t);
	stop(t);
	assert_true(t->prepared > 0);
	assert_int_equal(t->early, 0);
}

/* A request whose session is to be loaded. */
static void ask(struct trial *t)
{
	static char *params[] = {"REQUEST_METHOD=GET", "PATH_INFO=/hold",
				 "HTTP_COOKIE=sid=AAAAAAAAAAAAAAAAAAAAAA"
				 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
				 NULL};
	struct kr_context *c = kri_stages_take(&t->loop.stages);

	assert_non_null(c);
	t->loop.stages.send = count_answer;
	t->loop.stages.arg = t;
	kri_exchange_begin(c, params, KR_OK);
	assert_int_equal(c->phase, KRI_TO_LOAD);
	kri_stages_add(&t->loop.stages, c);
}

/* Handlers run when the store's reply has come, which is before the loop
 * knows that it has waited. */
static void a_handler_that_holds_its_loop_is_seen_and_counted(void **state)
{
	struct trial *t = *state;
	int64_t longest = 0, give_up = kri_clock_ms() + 3000;

	ask(t);
	start(t);
	eventfd_write(t->rung, 1);
	while (sem_wait(&t->entered))
		;
	while (longest < 20000 && kri_clock_ms() < give_up)
		longest = kri_loop_turn(&t->loop);
	sem_post(&t->gate);
	while (!t->answered)
		usleep(1000);
	stop(t);
	assert_true(longest >= 20000);
	assert_true(kri_loop_busy(&t->loop) >= 20000);
}

static void a_loop_that_waits_is_not_at_work(void **state)
{
	struct trial *t = *state;
	int64_t begin = kri_clock_us();

	start(t);
	while (kri_clock_us() - begin < 50000)
		usleep(1000);
	assert_int_equal(kri_loop_turn(&t->loop), 0);
	stop(t);
	assert_true(kri_loop_busy(&t->loop) < 25000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_loop_that_was_never_started_is_closed),
		TEST(a_loop_with_nothing_to_do_ends_when_it_is_told),
		TEST(a_connection_that_is_given_to_it_is_counted),
		TEST(a_connection_is_ended_when_the_loop_is_to_end),
		TEST(idle_connections_are_handed_over),
		TEST(so_are_those_that_have_just_come),
		TEST(connections_that_nobody_takes_are_ended),
		TEST(a_connection_is_closed_that_comes_to_a_loop_at_its_end),
		TEST(the_store_looks_when_the_turn_has_ended),
		TEST(a_handler_that_holds_its_loop_is_seen_and_counted),
		TEST(a_loop_that_waits_is_not_at_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
