/*
 * A watch over one server that says what a test makes it say: in which order
 * answers and news come, what is lost and what comes back.
 */
#include "redis_trial.h"

#include "redis/slots.h"
#include "redis/watch.h"

#define LEASE 1000
#define HELLO_SAID "%1\r\n$5\r\nproto\r\n:3\r\n"
#define RUN_ID "0123456789abcdef0123456789abcdef01234567"
#define SERVER 0x0123456789abcdefu

/* What the owner was told, a word each. */
static struct {
	struct kri_watch *watch;
	struct kri_buffer told;
	int words, assured, lost, hopeless;
	int64_t since, lease;
	bool closes; /* at the next word */
	char why[200];
} it;

static void tell(const char *word)
{
	it.words++;
	kri_buffer_printf(&it.told, "%s ", word);
	if (it.closes)
		kri_watch_close(&it.watch);
}

static void on_changed(void *arg, struct kri_text rest)
{
	char word[64];

	(void)arg;
	snprintf(word, sizeof(word), "%.*s", (int)rest.len,
		 rest.data ? rest.data : "");
	tell(rest.data ? word : "all");
}

static void on_heard(void *arg, int64_t lease)
{
	(void)arg;
	it.lease = lease;
	tell("lease");
}

static void on_assured(void *arg, int64_t since)
{
	(void)arg;
	it.assured++;
	it.since = since;
	tell("assured");
}

static void on_lost(void *arg, const char *why, bool hopeless)
{
	(void)arg;
	it.lost++;
	it.hopeless += hopeless;
	snprintf(it.why, sizeof(it.why), "%s", why);
	tell("lost");
}

static const struct kri_watch_owner owner = {
	.changed = on_changed,
	.heard = on_heard,
	.assured = on_assured,
	.lost = on_lost,
};

/* ---- a server ----------------------------------------------------------- */

static char beat_key[128]; /* of the last SET */
static const char *run_id;

static void say_info(struct peer *peer, const char *mode)
{
	char info[160], text[200];

	snprintf(info, sizeof(info),
		 "txt:# Server\r\nredis_mode:%s\r\nrun_id:%s\r\n", mode,
		 run_id);
	snprintf(text, sizeof(text), "=%zu\r\n%s\r\n", strlen(info), info);
	say(peer, text);
}

/* Redis' words to its friends, at once: ">2 invalidate [key, ...]". */
static void say_news(struct peer *peer, size_t n, const char *const *keys)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	kri_buffer_printf(&text, ">2\r\n$10\r\ninvalidate\r\n*%zu\r\n", n);
	for (size_t i = 0; i < n; i++)
		kri_buffer_printf(&text, "$%zu\r\n%s\r\n", strlen(keys[i]),
				  keys[i]);
	say(peer, text.data);
	kri_buffer_free(&text);
}

static void say_key(struct peer *peer, const char *key)
{
	say_news(peer, 1, &key);
}

static void note_beat(const char *command)
{
	snprintf(beat_key, sizeof(beat_key), "%.*s",
		 (int)strcspn(command + 4, " "), command + 4);
}

/* The introduction as it should be; true if it was that. */
static bool introduce(struct peer *peer, const char *command)
{
	if (starts(command, "HELLO 3"))
		say(peer, HELLO_SAID);
	else if (starts(command, "INFO server"))
		say_info(peer, "standalone");
	else
		return false;
	return true;
}

static void serve_redis(struct peer *peer, const char *command)
{
	if (introduce(peer, command))
		return;
	note_beat(command);
	say(peer, "+OK\r\n");
	say_key(peer, beat_key);
}

/* ---- the whole of it ---------------------------------------------------- */

static void open_watch(void (*serve)(struct peer *, const char *), int64_t ms)
{
	memset(&it, 0, sizeof(it));
	run_id = RUN_ID;
	trial.servers[0].serve = serve;
	open_first(ms);
	assert_int_equal(kri_watch_open(trial.topology, &trial.loop,
					KRI_TEXT("kr:"), LEASE, &owner, NULL,
					&it.watch),
			 KR_OK);
}

static void ask_until(int *count, int wanted)
{
	kri_watch_ask(it.watch);
	run_until(count, wanted);
}

static int end_watch(void **state)
{
	kri_watch_close(&it.watch);
	kri_buffer_free(&it.told);
	return teardown(state);
}

static struct peer *peer_of(int server)
{
	assert_non_null(trial.servers[server].peers);
	return trial.servers[server].peers;
}

static void assert_told(const char *words)
{
	assert_string_equal(it.told.len ? it.told.data : "", words);
}

/* ---- one server --------------------------------------------------------- */

static void nothing_happens_before_it_is_asked(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	run_for(30);
	assert_int_equal(trial.servers[0].connections, 0);
	assert_told("");
}

static void it_is_assured(void **state)
{
	int64_t begun = kri_clock_boot_us();

	(void)state;
	open_watch(serve_redis, 3000);
	assert_false(kri_watch_has(it.watch, SERVER));
	ask_until(&it.assured, 1);
	assert_told("assured ");
	assert_true(it.since >= begun && it.since <= kri_clock_boot_us());
	assert_true(kri_watch_has(it.watch, SERVER));
	assert_false(kri_watch_has(it.watch, SERVER + 1));
	assert_false(kri_watch_has(it.watch, 0));
	assert_int_equal(kri_watch_count(it.watch), 1);
}

static void no_two_beats_are_of_one_key(void **state)
{
	char before[sizeof(beat_key)];

	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	strcpy(before, beat_key);
	assert_true(starts(before, "kr:@beat:1000:"));
	ask_until(&it.assured, 2);
	assert_string_not_equal(before, beat_key);
	say_key(peer_of(0), before); /* it ended, or was evicted */
	run_until(&it.words, 3);
	assert_told("assured assured lease ");
}

static void asked_twice_it_beats_once(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	kri_watch_ask(it.watch);
	ask_until(&it.assured, 1);
	run_for(20);
	assert_int_equal(it.assured, 1);
}

/* Each in a piece of its own, when a test says so. */
static void serve_held(struct peer *peer, const char *command)
{
	if (introduce(peer, command))
		return;
	note_beat(command);
	trial.servers[0].served[0]++;
}

static void the_answer_may_come_before_the_news(void **state)
{
	(void)state;
	open_watch(serve_held, 3000);
	ask_until(&trial.servers[0].served[0], 1);
	say(peer_of(0), "+OK\r\n");
	run_for(20);
	assert_told("");
	say_key(peer_of(0), "kr:a");
	run_until(&it.words, 1);
	assert_told("a ");
	say_key(peer_of(0), beat_key);
	run_until(&it.words, 2);
	assert_told("a assured ");
}

static void the_news_may_come_before_the_answer(void **state)
{
	(void)state;
	open_watch(serve_held, 3000);
	ask_until(&trial.servers[0].served[0], 1);
	say_key(peer_of(0), beat_key);
	run_for(20);
	assert_told("");
	say(peer_of(0), "+OK\r\n");
	run_until(&it.words, 1);
	assert_told("assured ");
}

/* Keys of one message are in the order of their letters. */
static void all_of_a_message_goes_before_the_assurance(void **state)
{
	const char *keys[] = {beat_key, "kr:zz", "other:b", "kr:zzz"};

	(void)state;
	open_watch(serve_held, 3000);
	ask_until(&trial.servers[0].served[0], 1);
	say(peer_of(0), "+OK\r\n");
	say_news(peer_of(0), 4, keys);
	run_until(&it.assured, 1);
	assert_told("zz zzz assured ");
}

static void a_null_says_that_all_has_changed(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	say(peer_of(0), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
	run_until(&it.words, 2);
	assert_told("assured all ");
}

static void anothers_beat_tells_its_lease(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	say_key(peer_of(0), "kr:@beat:77:0000.1");
	run_until(&it.words, 2);
	assert_told("assured lease ");
	assert_int_equal(it.lease, 77);
}

static size_t dripped;

static void drip(uv_timer_t *timer)
{
	char whole[300], one[2] = "";

	snprintf(whole, sizeof(whole),
		 "+OK\r\n>2\r\n$10\r\ninvalidate\r\n*2\r\n"
		 "$4\r\nkr:a\r\n$%zu\r\n%s\r\n",
		 strlen(beat_key), beat_key);
	one[0] = whole[dripped++];
	if (*one)
		say(peer_of(0), one);
	else
		uv_timer_stop(timer);
}

static void bytes_may_come_one_by_one(void **state)
{
	(void)state;
	open_watch(serve_held, 2000);
	ask_until(&trial.servers[0].served[0], 1);
	uv_timer_init(&trial.loop, &trial.drip);
	dripped = 0;
	uv_timer_start(&trial.drip, drip, 1, 1);
	run_until(&it.assured, 1);
	assert_told("a assured ");
}

/* More than is held at once: what was in it, is not known. */
static void a_giant_message_says_that_all_has_changed(void **state)
{
	enum { KEYS = 400000 };
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	(void)state;
	open_watch(serve_redis, 5000);
	ask_until(&it.assured, 1);
	kri_buffer_printf(&text, ">2\r\n$10\r\ninvalidate\r\n*%d\r\n", KEYS);
	for (int i = 0; i < KEYS; i++)
		kri_buffer_printf(&text, "$25\r\nkr:%022d\r\n", i);
	say(peer_of(0), text.data);
	kri_buffer_free(&text);
	run_until(&it.words, 2);
	assert_told("assured all ");
	ask_until(&it.assured, 2);
	assert_int_equal(trial.servers[0].connections, 1);
}

static void a_large_message_is_told_whole(void **state)
{
	enum { KEYS = 20000 };
	struct kri_buffer text = KRI_BUFFER_EMPTY;

	(void)state;
	open_watch(serve_redis, 5000);
	ask_until(&it.assured, 1);
	kri_buffer_printf(&text, ">2\r\n$10\r\ninvalidate\r\n*%d\r\n", KEYS);
	for (int i = 0; i < KEYS; i++)
		kri_buffer_printf(&text, "$25\r\nkr:%022d\r\n", i);
	say(peer_of(0), text.data);
	kri_buffer_free(&text);
	run_until(&it.words, 1 + KEYS);
	assert_int_equal(it.lost, 0);
}

/* ---- loss --------------------------------------------------------------- */

static void a_connection_that_ends_is_lost_once_and_comes_back(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	hang_up(peer_of(0));
	run_until(&it.lost, 1);
	assert_false(kri_watch_has(it.watch, SERVER));
	ask_until(&it.assured, 2);
	assert_told("assured lost assured ");
	assert_int_equal(trial.servers[0].connections, 2);
	assert_int_equal(it.hopeless, 0);
}

static void another_process_at_its_place_is_another_server(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	run_id = "fedcba9876543210fedcba9876543210fedcba98";
	hang_up(peer_of(0));
	run_until(&it.lost, 1);
	ask_until(&it.assured, 2);
	assert_false(kri_watch_has(it.watch, SERVER));
	assert_true(kri_watch_has(it.watch, 0xfedcba9876543210u));
}

static void a_server_that_is_away_is_lost_and_comes_back(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	close_server(&trial.servers[0]);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
	ask_until(&it.lost, 1);
	kri_watch_ask(it.watch);
	run_until(&it.lost, 2);
	uv_run(&trial.loop, UV_RUN_NOWAIT);
	listen_at(&trial.servers[0], trial.servers[0].port);
	ask_until(&it.assured, 1);
	assert_told("lost lost assured ");
}

static void a_server_that_hangs_is_lost(void **state)
{
	(void)state;
	open_watch(serve_held, 250);
	ask_until(&it.lost, 1);
	assert_string_equal(it.why, "no answer in time");
	assert_int_equal(it.hopeless, 0);
}

static void half_an_answer_is_lost(void **state)
{
	(void)state;
	open_watch(serve_held, 250);
	ask_until(&trial.servers[0].served[0], 1);
	say(peer_of(0), "+O");
	run_until(&it.lost, 1);
	assert_int_equal(it.assured, 0);
}

static void serve_swallowing(struct peer *peer, const char *command)
{
	if (!introduce(peer, command))
		say(peer, "+OK\r\n");
}

static void a_server_that_tells_nothing_is_hopeless(void **state)
{
	(void)state;
	open_watch(serve_swallowing, 250);
	ask_until(&it.lost, 1);
	assert_int_equal(it.hopeless, 1);
	kri_watch_ask(it.watch);
	run_for(350); /* the first pause would have been over */
	assert_int_equal(trial.servers[0].connections, 1);
}

/* It did tell, so it is not for good. */
static void one_that_told_before_is_not_hopeless(void **state)
{
	(void)state;
	open_watch(serve_redis, 250);
	ask_until(&it.assured, 1);
	trial.servers[0].serve = serve_swallowing;
	ask_until(&it.lost, 1);
	assert_int_equal(it.hopeless, 0);
}

static const char *refused; /* the command, */
static const char *refusal; /* and in what words */

static void serve_refusing(struct peer *peer, const char *command)
{
	if (starts(command, refused))
		say(peer, refusal);
	else if (starts(command, "CLIENT"))
		say(peer, "+OK\r\n");
	else
		serve_redis(peer, command);
}

static void try_refusal(const char *command, const char *words, int hopeless)
{
	refused = command;
	refusal = words;
	trial.servers[0].served[15] = 1;
	open_watch(serve_refusing, 3000);
	ask_until(&it.lost, 1);
	assert_int_equal(it.hopeless, hopeless);
	assert_int_equal(it.assured, 0);
	assert_non_null(strstr(it.why, command));
}

static void a_server_without_hello_is_hopeless(void **state)
{
	(void)state;
	try_refusal("HELLO", "-ERR unknown command `HELLO`\r\n", 1);
}

static void a_user_who_may_not_track_is_hopeless(void **state)
{
	(void)state;
	try_refusal("CLIENT TRACKING", "-NOPERM this user has no\r\n", 1);
}

static void a_server_that_does_not_say_who_it_is_is_hopeless(void **state)
{
	(void)state;
	try_refusal("INFO", "-NOPERM this user has no\r\n", 1);
}

static void a_user_who_may_not_beat_is_hopeless(void **state)
{
	(void)state;
	try_refusal("SET", "-NOPERM this user has no\r\n", 1);
}

static void a_replica_is_lost(void **state)
{
	(void)state;
	try_refusal("SET", "-READONLY You can't write\r\n", 0);
}

static void a_full_server_is_lost(void **state)
{
	(void)state;
	try_refusal("SET", "-OOM command not allowed\r\n", 0);
}

static void a_server_that_loads_is_lost(void **state)
{
	(void)state;
	try_refusal("SET", "-LOADING Redis is loading\r\n", 0);
}

static void a_redirection_is_lost(void **state)
{
	(void)state;
	try_refusal("SET", "-MOVED 1 127.0.0.1:1\r\n", 0);
}

static void try_words(const char *words)
{
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	say(peer_of(0), words);
	run_until(&it.lost, 1);
	assert_told("assured lost ");
	ask_until(&it.assured, 2);
}

static void garbage_is_lost(void **state)
{
	(void)state;
	try_words("What?\r\n");
}

static void an_answer_to_nothing_is_lost(void **state)
{
	(void)state;
	try_words("+OK\r\n");
}

static void news_without_keys_are_lost(void **state)
{
	(void)state;
	try_words(">2\r\n$10\r\ninvalidate\r\n:1\r\n");
}

static void news_of_what_is_no_key_are_lost(void **state)
{
	(void)state;
	try_words(">2\r\n$10\r\ninvalidate\r\n*1\r\n*1\r\n:1\r\n");
}

static void a_push_inside_a_push_is_lost(void **state)
{
	(void)state;
	try_words(">2\r\n$10\r\ninvalidate\r\n>1\r\n$4\r\nkr:a\r\n");
}

/* ---- its end ------------------------------------------------------------ */

static void it_may_be_closed_by_what_it_tells(void **state)
{
	const char *keys[] = {"kr:a", "kr:b"};

	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	it.closes = true;
	say_news(peer_of(0), 2, keys);
	say_news(peer_of(0), 2, keys);
	say(peer_of(0), "+OK\r\n");
	run_until(&it.words, 2);
	run_for(20);
	assert_null(it.watch);
	assert_told("assured a ");
}

static void it_may_be_closed_by_an_assurance(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	it.closes = true;
	ask_until(&it.assured, 1);
	run_for(20);
	assert_told("assured ");
}

static void it_may_be_closed_by_a_loss(void **state)
{
	(void)state;
	open_watch(serve_redis, 3000);
	ask_until(&it.assured, 1);
	it.closes = true;
	hang_up(peer_of(0));
	run_until(&it.lost, 1);
	run_for(200);
	assert_told("assured lost ");
}

static void it_may_be_closed_while_it_connects(void **state)
{
	(void)state;
	open_watch(serve_held, 3000);
	kri_watch_ask(it.watch);
	kri_watch_close(&it.watch);
	run_for(20);
	assert_told("");
}

/* ---- Sentinels ---------------------------------------------------------- */

static int primary; /* as the first server, a Sentinel, names it */

static void serve_sentinel(struct peer *peer, const char *command)
{
	char text[80], port[8];

	if (!starts(command, "SENTINEL "))
		return;
	snprintf(port, sizeof(port), "%d", trial.servers[primary].port);
	snprintf(text, sizeof(text), "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n",
		 strlen(port), port);
	say(peer, text);
}

static void serve_named(struct peer *peer, const char *command)
{
	bool demoted = peer->server != &trial.servers[primary];

	run_id = demoted ? RUN_ID : "fedcba9876543210fedcba9876543210fedcba98";
	if (starts(command, "ROLE"))
		say(peer, demoted ? "*1\r\n$5\r\nslave\r\n"
				  : "*1\r\n$6\r\nmaster\r\n");
	else if (demoted && starts(command, "SET"))
		say(peer, "-READONLY You can't write\r\n");
	else
		serve_redis(peer, command);
}

static void open_sentinel(void)
{
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%d,serviceName=main",
		 trial.servers[0].port);
	memset(&it, 0, sizeof(it));
	trial.servers[0].serve = serve_sentinel;
	trial.servers[1].serve = trial.servers[2].serve = serve_named;
	primary = 1;
	open_client(endpoint, 3000);
	assert_int_equal(kri_watch_open(trial.topology, &trial.loop,
					KRI_TEXT("kr:"), LEASE, &owner, NULL,
					&it.watch),
			 KR_OK);
}

static void after_a_failover_the_new_primary_is_followed(void **state)
{
	(void)state;
	open_sentinel();
	ask_until(&it.assured, 1);
	assert_int_equal(trial.servers[2].connections, 0);
	primary = 2;
	ask_until(&it.lost, 1); /* by the old one, which is a replica now */
	assert_non_null(strstr(it.why, "READONLY"));
	ask_until(&it.assured, 2);
	assert_int_equal(trial.servers[2].connections, 1);
	assert_told("assured lost assured ");
}

/* ---- a cluster ---------------------------------------------------------- */

static int epoch;
static const char *cluster_state;
static int owners[2]; /* servers that have the lower and the upper half */
static char beats[SERVERS][128];

static int index_of(const struct peer *peer)
{
	return (int)(peer->server - trial.servers);
}

static void say_map(struct peer *peer)
{
	char map[256];

	snprintf(map, sizeof(map),
		 "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		 "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		 trial.servers[owners[0]].port, trial.servers[owners[1]].port);
	say(peer, map);
}

static void say_cluster_info(struct peer *peer)
{
	char info[128], text[160];

	snprintf(info, sizeof(info),
		 "txt:cluster_state:%s\r\ncluster_current_epoch:%d\r\n",
		 cluster_state, epoch);
	snprintf(text, sizeof(text), "=%zu\r\n%s\r\n", strlen(info), info);
	say(peer, text);
}

static char ids[SERVERS][41];

static void serve_node(struct peer *peer, const char *command)
{
	int at = index_of(peer);

	run_id = ids[at];
	if (starts(command, "HELLO"))
		say(peer, HELLO_SAID);
	else if (starts(command, "INFO server"))
		say_info(peer, "cluster");
	else if (starts(command, "CLUSTER INFO"))
		say_cluster_info(peer);
	else if (starts(command, "CLUSTER SLOTS"))
		say_map(peer);
	else if (starts(command, "SET")) {
		note_beat(command);
		strcpy(beats[at], beat_key);
		peer->server->served[0]++;
		say(peer, "+OK\r\n");
		if (!peer->server->served[1]) /* set: a test says it */
			say_key(peer, beat_key);
	}
}

static void open_cluster(int64_t ms)
{
	epoch = 7;
	cluster_state = "ok";
	owners[0] = 0;
	owners[1] = 1;
	for (int i = 0; i < SERVERS; i++) {
		memset(ids[i], '1' + i, 40);
		trial.servers[i].serve = serve_node;
	}
	open_watch(serve_node, ms);
}

static bool has(int server)
{
	return kri_watch_has(it.watch,
			     0x1111111111111111u * (unsigned)(1 + server));
}

static void a_cluster_is_assured_by_all_of_its_primaries(void **state)
{
	(void)state;
	open_cluster(3000);
	ask_until(&it.assured, 1);
	assert_int_equal(kri_watch_count(it.watch), 2);
	assert_true(has(0) && has(1) && !has(2));
	assert_true(kri_slot_of(kri_text_of(beats[0])) <= 8191);
	assert_true(kri_slot_of(kri_text_of(beats[1])) > 8191);
}

static void one_primary_holds_up_the_assurance(void **state)
{
	(void)state;
	open_cluster(3000);
	trial.servers[1].served[1] = 1;
	ask_until(&trial.servers[1].served[0], 1);
	run_for(30);
	assert_told("");
	say_key(peer_of(1), "kr:x");
	say_key(peer_of(1), beats[1]);
	run_until(&it.assured, 1);
	assert_told("x assured ");
}

static void try_change(void)
{
	ask_until(&it.lost, 1);
	assert_false(has(0) || has(1));
	cluster_state = "ok";
	ask_until(&it.assured, 2);
	assert_told("assured lost assured ");
}

static void another_epoch_is_lost_and_the_map_is_asked_for(void **state)
{
	(void)state;
	open_cluster(3000);
	ask_until(&it.assured, 1);
	owners[1] = 2;
	epoch++;
	try_change();
	assert_true(has(0) && !has(1) && has(2));
}

static void a_cluster_whose_state_is_not_ok_is_lost(void **state)
{
	(void)state;
	open_cluster(3000);
	ask_until(&it.assured, 1);
	cluster_state = "fail";
	try_change();
}

/* The endpoint's only server is away for good. */
static void a_cluster_is_found_by_its_other_nodes(void **state)
{
	(void)state;
	open_cluster(3000);
	ask_until(&it.assured, 1);
	owners[0] = 2;
	close_server(&trial.servers[0]);
	run_until(&it.lost, 1);
	ask_until(&it.assured, 2);
	assert_true(!has(0) && has(1) && has(2));
}

static void a_prefix_of_one_slot_needs_one_primary(void **state)
{
	(void)state;
	open_cluster(3000);
	kri_watch_close(&it.watch);
	assert_int_equal(kri_watch_open(trial.topology, &trial.loop,
					KRI_TEXT("{kr}:"), LEASE, &owner, NULL,
					&it.watch),
			 KR_OK);
	ask_until(&it.assured, 1);
	assert_int_equal(kri_watch_count(it.watch), 1);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end_watch)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_happens_before_it_is_asked),
		TEST(it_is_assured),
		TEST(no_two_beats_are_of_one_key),
		TEST(asked_twice_it_beats_once),
		TEST(the_answer_may_come_before_the_news),
		TEST(the_news_may_come_before_the_answer),
		TEST(all_of_a_message_goes_before_the_assurance),
		TEST(a_null_says_that_all_has_changed),
		TEST(anothers_beat_tells_its_lease),
		TEST(bytes_may_come_one_by_one),
		TEST(a_giant_message_says_that_all_has_changed),
		TEST(a_large_message_is_told_whole),
		TEST(a_connection_that_ends_is_lost_once_and_comes_back),
		TEST(another_process_at_its_place_is_another_server),
		TEST(a_server_that_is_away_is_lost_and_comes_back),
		TEST(a_server_that_hangs_is_lost),
		TEST(half_an_answer_is_lost),
		TEST(a_server_that_tells_nothing_is_hopeless),
		TEST(one_that_told_before_is_not_hopeless),
		TEST(a_server_without_hello_is_hopeless),
		TEST(a_user_who_may_not_track_is_hopeless),
		TEST(a_server_that_does_not_say_who_it_is_is_hopeless),
		TEST(a_user_who_may_not_beat_is_hopeless),
		TEST(a_replica_is_lost),
		TEST(a_full_server_is_lost),
		TEST(a_server_that_loads_is_lost),
		TEST(a_redirection_is_lost),
		TEST(garbage_is_lost),
		TEST(an_answer_to_nothing_is_lost),
		TEST(news_without_keys_are_lost),
		TEST(news_of_what_is_no_key_are_lost),
		TEST(a_push_inside_a_push_is_lost),
		TEST(it_may_be_closed_by_what_it_tells),
		TEST(it_may_be_closed_by_an_assurance),
		TEST(it_may_be_closed_by_a_loss),
		TEST(it_may_be_closed_while_it_connects),
		TEST(after_a_failover_the_new_primary_is_followed),
		TEST(a_cluster_is_assured_by_all_of_its_primaries),
		TEST(one_primary_holds_up_the_assurance),
		TEST(another_epoch_is_lost_and_the_map_is_asked_for),
		TEST(a_cluster_whose_state_is_not_ok_is_lost),
		TEST(a_cluster_is_found_by_its_other_nodes),
		TEST(a_prefix_of_one_slot_needs_one_primary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
