#include "redis/slots.h"

#include <stdlib.h>

#include "base/clock.h"

#define ASK_PAUSE 100 /* ms between two maps */

/* CRC-16/XMODEM, bit by bit: a key is short. */
static unsigned crc16(struct kri_text text)
{
	unsigned crc = 0;

	for (size_t i = 0; i < text.len; i++) {
		crc ^= (unsigned)(unsigned char)text.data[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
		crc &= 0xffff;
	}
	return crc;
}

/* The part of a key that is hashed: its hash tag, if it has one. */
static struct kri_text tag_of(struct kri_text key)
{
	const char *open = memchr(key.data, '{', key.len);
	const char *close;

	if (!open++)
		return key;
	close = memchr(open, '}', (size_t)(key.data + key.len - open));
	if (!close || close == open)
		return key;
	return kri_text(open, (size_t)(close - open));
}

unsigned kri_slot_of(struct kri_text prefix, struct kri_text key)
{
	char whole[KRI_KEY_MAX];
	size_t len = prefix.len + key.len;

	if (len > sizeof(whole))
		return 0;
	memcpy(whole, prefix.data, prefix.len);
	memcpy(whole + prefix.len, key.data, key.len);
	return crc16(tag_of(kri_text(whole, len))) % KRI_SLOTS;
}

void kri_slots_init(struct kri_slots *slots)
{
	*slots = (struct kri_slots){0};
	pthread_rwlock_init(&slots->lock, NULL);
	pthread_mutex_init(&slots->ask_lock, NULL);
	kri_clock_cond_init(&slots->asked);
}

static void free_node(struct kri_node *node)
{
	free(node->address.host);
	kri_buffer_free(&node->name);
	kri_health_free(&node->health);
	free(node);
}

void kri_slots_free(struct kri_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		free_node(slots->nodes[i]);
	pthread_rwlock_destroy(&slots->lock);
	pthread_mutex_destroy(&slots->ask_lock);
	pthread_cond_destroy(&slots->asked);
}

struct kri_node *kri_slots_owner(struct kri_slots *slots, unsigned slot)
{
	struct kri_node *node;

	pthread_rwlock_rdlock(&slots->lock);
	node = slots->owners[slot];
	pthread_rwlock_unlock(&slots->lock);
	return node;
}

static struct kri_node *make_node(const char *host, int port, size_t index)
{
	struct kri_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->index = index;
	node->address.port = port;
	node->address.host = strdup(host);
	kri_health_init(&node->health);
	if (node->address.host)
		kri_address_print(&node->address, &node->name);
	if (!node->address.host || node->name.failed) {
		free_node(node);
		return NULL;
	}
	return node;
}

/* With the lock held for writing. */
static struct kri_node *find_node(struct kri_slots *slots, const char *host,
				  int port)
{
	struct kri_node *node;

	for (size_t i = 0; i < slots->n; i++)
		if (slots->nodes[i]->address.port == port &&
		    !strcmp(slots->nodes[i]->address.host, host))
			return slots->nodes[i];
	if (slots->n == KRI_NODES_MAX)
		return NULL;
	node = make_node(host, port, slots->n);
	if (node)
		slots->nodes[slots->n++] = node;
	return node;
}

struct kri_node *kri_slots_node(struct kri_slots *slots, const char *host,
				int port)
{
	struct kri_node *node;

	pthread_rwlock_wrlock(&slots->lock);
	node = find_node(slots, host, port);
	pthread_rwlock_unlock(&slots->lock);
	return node;
}

size_t kri_slots_count(struct kri_slots *slots)
{
	size_t n;

	pthread_rwlock_rdlock(&slots->lock);
	n = slots->n;
	pthread_rwlock_unlock(&slots->lock);
	return n;
}

struct kri_node *kri_slots_get(struct kri_slots *slots, size_t index)
{
	struct kri_node *node;

	pthread_rwlock_rdlock(&slots->lock);
	node = slots->nodes[index];
	pthread_rwlock_unlock(&slots->lock);
	return node;
}

void kri_slots_move(struct kri_slots *slots, unsigned slot,
		    struct kri_node *node)
{
	pthread_rwlock_wrlock(&slots->lock);
	slots->owners[slot] = node;
	pthread_rwlock_unlock(&slots->lock);
}

static bool is_number(const struct kri_reply *reply, int64_t most)
{
	return reply->type == KRI_REPLY_INTEGER && reply->integer >= 0 &&
	       reply->integer <= most;
}

/* [first slot, last slot, [host, port, ...], replicas ...] */
static bool is_entry(const struct kri_reply *entry)
{
	const struct kri_reply *primary;

	if (entry->type != KRI_REPLY_ARRAY || entry->n < 3 ||
	    !is_number(entry->elements[0], KRI_SLOTS - 1) ||
	    !is_number(entry->elements[1], KRI_SLOTS - 1))
		return false;
	primary = entry->elements[2];
	return primary->type == KRI_REPLY_ARRAY && primary->n >= 2 &&
	       is_number(primary->elements[1], 65535);
}

/* A node that does not know its own name leaves it out, or says "?". */
static const char *host_of(const struct kri_reply *primary,
			   const struct kri_node *asked)
{
	const struct kri_reply *host = primary->elements[0];

	if (host->type != KRI_REPLY_STRING || !host->text.len ||
	    kri_text_equal(host->text, KRI_TEXT("?")))
		return asked->address.host;
	return host->text.data;
}

/* Into `owners`; with the lock held for writing. */
static bool load_entry(struct kri_slots *slots, const struct kri_reply *entry,
		       const struct kri_node *asked, struct kri_node **owners)
{
	const struct kri_reply *primary = entry->elements[2];
	struct kri_node *node = find_node(slots, host_of(primary, asked),
					  (int)primary->elements[1]->integer);

	for (int64_t slot = entry->elements[0]->integer;
	     node && slot <= entry->elements[1]->integer; slot++)
		owners[slot] = node;
	return node != NULL;
}

static bool load_all(struct kri_slots *slots, const struct kri_reply *reply,
		     const struct kri_node *asked, struct kri_node **owners)
{
	bool whole = true;

	for (size_t i = 0; i < reply->n && whole; i++)
		whole = load_entry(slots, reply->elements[i], asked, owners);
	return whole;
}

enum kr_err kri_slots_load(struct kri_slots *slots,
			   const struct kri_reply *reply,
			   const struct kri_node *asked, bool *changed)
{
	struct kri_node **owners;
	bool whole;

	if (reply->type != KRI_REPLY_ARRAY || !reply->n)
		return KR_ERR_PROTOCOL;
	for (size_t i = 0; i < reply->n; i++)
		if (!is_entry(reply->elements[i]))
			return KR_ERR_PROTOCOL;
	owners = calloc(KRI_SLOTS, sizeof(struct kri_node *));
	if (!owners)
		return KR_ERR_MEMORY;
	pthread_rwlock_wrlock(&slots->lock);
	whole = load_all(slots, reply, asked, owners);
	*changed = whole &&
		   memcmp(slots->owners, owners, sizeof(slots->owners)) != 0;
	if (*changed)
		memcpy(slots->owners, owners, sizeof(slots->owners));
	pthread_rwlock_unlock(&slots->lock);
	free(owners);
	return whole ? KR_OK : KR_ERR_MEMORY;
}

static bool is_asking(struct kri_slots *slots)
{
	bool asking;

	pthread_mutex_lock(&slots->ask_lock);
	asking = slots->asking;
	pthread_mutex_unlock(&slots->ask_lock);
	return asking;
}

/* With the lock held: until the one that asks is done, or it is too late. */
static void await_asker(struct kri_slots *slots,
			const struct kri_deadline *deadline)
{
	struct timespec until = kri_clock_timespec(deadline->at);

	while (slots->asking &&
	       !pthread_cond_timedwait(&slots->asked, &slots->ask_lock, &until))
		;
}

bool kri_slots_begin(struct kri_slots *slots, struct kri_deadline *deadline)
{
	bool ours;

	if (deadline && is_asking(slots))
		kri_deadline_wait(deadline);
	pthread_mutex_lock(&slots->ask_lock);
	if (deadline)
		await_asker(slots, deadline);
	ours = !slots->asking && kri_clock_ms() >= slots->ask_at;
	slots->asking |= ours;
	pthread_mutex_unlock(&slots->ask_lock);
	return ours;
}

void kri_slots_end(struct kri_slots *slots)
{
	pthread_mutex_lock(&slots->ask_lock);
	slots->ask_at = kri_clock_ms() + ASK_PAUSE;
	slots->asking = false;
	pthread_cond_broadcast(&slots->asked);
	pthread_mutex_unlock(&slots->ask_lock);
}
