/*
 * The endpoint: where Redis is and as whom to speak to it. Read from the text
 * of redis.endpoint, which has one grammar in two spellings: a URL (url.c),
 * or a StackExchange.Redis configuration string (connection_string.c).
 */
#ifndef KRI_REDIS_ENDPOINT_H
#define KRI_REDIS_ENDPOINT_H

#include "base/buffer.h"

#define KRI_REDIS_PORT 6379
#define KRI_SENTINEL_PORT 26379
#define KRI_DATABASE_MAX 65535

struct kri_address {
	char *host; /* NULL for a Unix socket */
	int port;   /* 0: the default one */
	char *path; /* of a Unix socket, else NULL */
};

struct kri_login {
	char *user;     /* NULL: none */
	char *password; /* NULL: none */
};

#define KRI_UNSAID (-1) /* the text does not say */

struct kri_endpoint {
	struct kri_address *addresses; /* n of them, at least one */
	size_t n;
	struct kri_login login;
	struct kri_login sentinel_login;
	char *service; /* the primary's name at the Sentinels; NULL: none */
	int database;
	bool tls;
	char *tls_host;    /* the name to verify; NULL: the address' */
	int tls_minimum;   /* 12 or 13, or KRI_UNSAID */
	char *client_name; /* NULL: unsaid */
	int64_t connect_timeout, io_timeout;      /* ms, or KRI_UNSAID */
	int64_t keep_alive;                       /* seconds, or KRI_UNSAID */
	int abort_on_connect_fail, connect_retry; /* or KRI_UNSAID */
	struct kri_buffer ignored; /* keys that mean nothing here */
};

/*
 * Fills *endpoint, to be freed. With `sentinels` the addresses are theirs even
 * if the text names no service. KR_ERR_CONFIG, with one line in `why` that
 * never shows a password; KR_ERR_MEMORY.
 */
enum kr_err kri_endpoint_parse(const char *text, bool sentinels,
			       struct kri_endpoint *endpoint,
			       struct kri_buffer *why) KR_MUST_CHECK;

/* The two spellings; they fill an endpoint that holds nothing yet. */
enum kr_err kri_endpoint_parse_url(const char *text,
				   struct kri_endpoint *endpoint,
				   struct kri_buffer *why) KR_MUST_CHECK;
enum kr_err kri_endpoint_parse_string(const char *text,
				      struct kri_endpoint *endpoint,
				      struct kri_buffer *why) KR_MUST_CHECK;

/* Adds an address, taking its texts even on an error. KR_ERR_MEMORY. */
enum kr_err kri_endpoint_add(struct kri_endpoint *endpoint,
			     struct kri_address address) KR_MUST_CHECK;

/* Puts a copy in place of a text, wiping that; NULL or "" leaves it. */
enum kr_err kri_endpoint_replace(char **member, const char *text) KR_MUST_CHECK;

/* Puts another user or password in; NULL or "" leaves what is there. */
enum kr_err kri_login_set(struct kri_login *login, const char *user,
			  const char *password) KR_MUST_CHECK;

/* Appends host:port or the path, for messages. */
void kri_address_print(const struct kri_address *address,
		       struct kri_buffer *out);

/* Frees its texts and wipes the passwords. */
void kri_endpoint_free(struct kri_endpoint *endpoint);

#endif
