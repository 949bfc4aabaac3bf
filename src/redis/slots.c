/*
 * From a key to its slot (CRC-16 of its hash tag), and from a slot to its
 * node. Nothing here asks Redis: who does gives the map in.
 */
#include "redis/slots.h"

#include <stdlib.h>

/* CRC-16/XMODEM, four bits at a time. */
static unsigned crc16(struct kri_text text)
{
	static const uint16_t steps[16] = {
		0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
		0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
	unsigned crc = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned byte = (unsigned char)text.data[i];

		crc = (crc << 4 ^ steps[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ steps[(crc >> 12 ^ byte) & 15]) & 0xffff;
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

unsigned kri_slot_of(struct kri_text key)
{
	return crc16(tag_of(key)) % KRI_SLOTS;
}

static void free_node(struct kri_node *node)
{
	free(node->address.host);
	kri_buffer_free(&node->name);
	free(node);
}

void kri_slots_free(struct kri_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		free_node(slots->nodes[i]);
	slots->n = 0;
}

static struct kri_node *make_node(const char *host, int port)
{
	struct kri_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->address.port = port;
	node->address.host = strdup(host);
	if (node->address.host)
		kri_address_print(&node->address, &node->name);
	if (!node->address.host || node->name.failed) {
		free_node(node);
		return NULL;
	}
	return node;
}

struct kri_node *kri_slots_node(struct kri_slots *slots, const char *host,
				int port)
{
	struct kri_node *node;

	for (size_t i = 0; i < slots->n; i++)
		if (slots->nodes[i]->address.port == port &&
		    !strcmp(slots->nodes[i]->address.host, host))
			return slots->nodes[i];
	if (slots->n == KRI_NODES_MAX)
		return NULL;
	node = make_node(host, port);
	if (node)
		slots->nodes[slots->n++] = node;
	return node;
}

struct kri_node *kri_slots_place(const struct kri_slots *slots, size_t place)
{
	for (size_t i = 0; i < slots->n; i++)
		if (slots->nodes[i]->owns && !place--)
			return slots->nodes[i];
	return NULL;
}

void kri_slots_move(struct kri_slots *slots, unsigned slot,
		    struct kri_node *node)
{
	if (slots->owners[slot])
		slots->owners[slot]->owns--;
	slots->owners[slot] = node;
	node->owns++;
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

/* Into `owners`. */
static bool load_entry(struct kri_slots *slots, const struct kri_reply *entry,
		       const struct kri_node *asked, struct kri_node **owners)
{
	const struct kri_reply *primary = entry->elements[2];
	struct kri_node *node =
		kri_slots_node(slots, host_of(primary, asked),
			       (int)primary->elements[1]->integer);

	for (int64_t slot = entry->elements[0]->integer;
	     node && slot <= entry->elements[1]->integer; slot++)
		owners[slot] = node;
	return node != NULL;
}

static void take_over(struct kri_slots *slots, struct kri_node **owners)
{
	memcpy(slots->owners, owners, sizeof(slots->owners));
	for (size_t i = 0; i < slots->n; i++)
		slots->nodes[i]->owns = 0;
	for (size_t i = 0; i < KRI_SLOTS; i++)
		if (owners[i])
			owners[i]->owns++;
}

static bool is_map(const struct kri_reply *reply)
{
	if (reply->type != KRI_REPLY_ARRAY || !reply->n)
		return false;
	for (size_t i = 0; i < reply->n; i++)
		if (!is_entry(reply->elements[i]))
			return false;
	return true;
}

enum kr_err kri_slots_load(struct kri_slots *slots,
			   const struct kri_reply *reply,
			   const struct kri_node *asked, bool *changed)
{
	struct kri_node **owners;
	bool whole = true;

	if (!is_map(reply))
		return KR_ERR_PROTOCOL;
	owners = calloc(KRI_SLOTS, sizeof(struct kri_node *));
	if (!owners)
		return KR_ERR_MEMORY;
	for (size_t i = 0; i < reply->n && whole; i++)
		whole = load_entry(slots, reply->elements[i], asked, owners);
	*changed = whole &&
		   memcmp(slots->owners, owners, sizeof(slots->owners)) != 0;
	if (*changed)
		take_over(slots, owners);
	free(owners);
	return whole ? KR_OK : KR_ERR_MEMORY;
}

bool kri_slots_read_redirect(struct kri_text text,
			     struct kri_redirect *redirect)
{
	struct kri_text number, rest = text;
	const char *colon;
	size_t len;
	int64_t slot, port;

	(void)kri_text_cut(&rest, ' ');
	number = kri_text_cut(&rest, ' ');
	colon = rest.data ? memrchr(rest.data, ':', rest.len) : NULL;
	if (!colon)
		return false;
	len = (size_t)(colon - rest.data);
	if (len >= sizeof(redirect->host) ||
	    kri_text_to_int(number, 0, KRI_SLOTS - 1, &slot) ||
	    kri_text_to_int(kri_text(colon + 1, rest.len - len - 1), 1, 65535,
			    &port))
		return false;
	memcpy(redirect->host, rest.data, len);
	redirect->host[len] = '\0';
	redirect->slot = (unsigned)slot;
	redirect->port = (int)port;
	return true;
}
