/*
 * The configuration as the program uses it: one member an option, filled by
 * the table in options.c. Knows nothing of what the options do.
 *
 * Times are milliseconds, sizes bytes. Texts belong to the configuration.
 */
#ifndef KRI_CONFIG_CONFIG_H
#define KRI_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "krsession.h"
#include "base/buffer.h"

enum kri_store_kind {
	KRI_STORE_REDIS,
	KRI_STORE_MEMORY,
	KRI_STORE_SQLITE,
	KRI_STORE_POSTGRESQL
};
enum kri_user_rule { KRI_USER_END_OLDEST, KRI_USER_REFUSE };
enum kri_tls_minimum { KRI_TLS_1_2, KRI_TLS_1_3 };
enum kri_same_site {
	KRI_SAME_SITE_STRICT,
	KRI_SAME_SITE_LAX,
	KRI_SAME_SITE_NONE
};
enum kri_cookie_secure {
	KRI_SECURE_ALWAYS,
	KRI_SECURE_SAME_AS_REQUEST,
	KRI_SECURE_NEVER
};

/* The value of an option that is no member of struct kri_config. */
struct kri_setting {
	char *text;
	int64_t number;
};

/* Options that a program has added to the table; see declare.c. */
struct kri_declared {
	struct kri_option *options; /* `offset` is an index into settings */
	struct kri_setting *settings;
	size_t n;
	/* A section of another program's, passed over in files; NULL: none */
	const char *foreign;
};

struct kri_config {
	/* [server] */
	char *listen;            /* "", unix:PATH or tcp:HOST:PORT */
	int64_t socket_mode;     /* permission bits of a unix: listener */
	char *socket_group;      /* group of a unix: listener, or "" */
	int64_t backlog;         /* connections the kernel may queue */
	int64_t workers;         /* loops; 0: as many as processors */
	int64_t threads;         /* of the pool for blocking handlers */
	int64_t batch;           /* exchanges of a batch, at most */
	int64_t receive_timeout; /* ms for a whole request to arrive */
	int64_t drain_timeout;   /* ms for requests in flight at the end */
	int64_t max_body;        /* bytes of a body, of KR_BODY routes */
	int64_t body_memory;     /* bytes of all bodies that are in memory */
	int64_t reload_timeout;  /* ms for a new process to be ready */
	char *metrics_path;      /* answered by the library; "": not */
	char *health_path;       /* likewise */
	char *ready_path;        /* likewise */
	char *metrics_listen;    /* "", unix:PATH or tcp:HOST:PORT */
	/* [log] */
	int64_t log_level;  /* enum kri_log_level */
	int64_t log_format; /* enum kri_log_format */
	/* [store] */
	int64_t store_kind;   /* enum kri_store_kind */
	int64_t memory_limit; /* bytes that the memory store may take */
	char *store_path;     /* the file of the SQLite store */
	int64_t file_limit;   /* bytes that this file may take */
	int64_t durable;      /* 0 or 1: its writes outlive a power cut */
	/* [session] */
	int64_t idle_timeout;      /* ms */
	int64_t absolute_timeout;  /* ms; 0: none */
	int64_t io_timeout;        /* ms for one exchange with the store */
	int64_t max_key;           /* bytes of a key */
	int64_t max_value;         /* bytes of a value */
	int64_t max_values;        /* values of a session */
	int64_t max_size;          /* bytes of all keys and values */
	int64_t max_per_user;      /* sessions of a user; 0: any number */
	int64_t max_per_user_rule; /* enum kri_user_rule */
	int64_t cache;             /* ms of its lease; 0: there is none */
	int64_t cache_size;        /* bytes of all copies */
	/* [cookie] */
	char *cookie_name;
	char *cookie_domain; /* "" : the host alone */
	char *cookie_path;
	int64_t cookie_http_only; /* 0 or 1 */
	int64_t cookie_same_site; /* enum kri_same_site */
	int64_t cookie_secure;    /* enum kri_cookie_secure */
	int64_t cookie_max_age;   /* ms; 0: until the browser closes */
	/* [redis] */
	char *redis_endpoint;
	char *redis_instance_name;     /* what every key begins with */
	char *redis_user;              /* overrides the endpoint's, unless "" */
	char *redis_password;          /* likewise */
	char *redis_password_file;     /* its first line, unless "" */
	char *redis_client_name;       /* "" : krsession-<hostname> */
	int64_t redis_connect_timeout; /* ms */
	int64_t redis_abort_on_connect_fail; /* 0 or 1 */
	char *redis_service_name;            /* "": the endpoint's, or none */
	char *redis_sentinel_user;           /* likewise */
	char *redis_sentinel_password;       /* likewise */
	char *redis_sentinel_password_file;
	int64_t redis_keep_alive; /* ms */
	char *redis_tls_ca_file;  /* "": the system's */
	char *redis_tls_cert_file;
	char *redis_tls_key_file;
	char *redis_tls_server_name; /* "": the endpoint's host */
	int64_t redis_tls_minimum;   /* enum kri_tls_minimum */
	int64_t redis_tls_verify;    /* 0 or 1 */
	/* [postgresql] */
	char *postgresql_conninfo;      /* as libpq takes it */
	char *postgresql_password;      /* overrides conninfo's, unless "" */
	char *postgresql_password_file; /* its first line, unless "" */
	char *postgresql_schema;        /* where the tables are */
	int64_t postgresql_connect_timeout;       /* ms */
	int64_t postgresql_abort_on_connect_fail; /* 0 or 1 */
	/* The program's own sections */
	struct kri_declared declared;
};

/* Every option at its default. KR_ERR_MEMORY. */
enum kr_err kri_config_init(struct kri_config *config) KR_MUST_CHECK;

/* All options of another, in texts of its own. KR_ERR_MEMORY. */
enum kr_err kri_config_copy(const struct kri_config *from,
			    struct kri_config *to) KR_MUST_CHECK;

/* Gives its texts back; wipes the password. */
void kri_config_free(struct kri_config *config);

/*
 * Each of these changes options, in the order file, environment, command
 * line, and on KR_ERR_CONFIG puts into `why` one line that names place, key,
 * value and what is allowed. Passwords are never shown.
 */

/* Reads an INI file; an option may be there once. */
enum kr_err kri_config_file(struct kri_config *config, const char *path,
			    struct kri_buffer *why) KR_MUST_CHECK;

/*
 * UPSTASH_REDIS_URL, then REDIS_URL, are redis.endpoint (the former wins);
 * KRSESSION_SECTION_KEY is section.key, and wins over both. A variable
 * beginning with KRSESSION_ that names no option is an error.
 */
enum kr_err kri_config_environment(struct kri_config *config, char **environ,
				   struct kri_buffer *why) KR_MUST_CHECK;

/* "section.key=value", as the command line's -o has it. */
enum kr_err kri_config_assign(struct kri_config *config, const char *text,
			      struct kri_buffer *why) KR_MUST_CHECK;

/* What no single option can tell, once all are set: rules between them. */
enum kr_err kri_config_check(const struct kri_config *config,
			     struct kri_buffer *why) KR_MUST_CHECK;

/*
 * After the check: fetches what options only say where to find, which is
 * redis.password from the first line of redis.password_file, and likewise the
 * Sentinels' and PostgreSQL's.
 */
enum kr_err kri_config_resolve(struct kri_config *config,
			       struct kri_buffer *why) KR_MUST_CHECK;

/* Appends a sample file: every option, commented, at its default. */
void kri_config_sample(struct kri_buffer *out);

/* The same of the options alone that a program has declared, without a head;
 * and the manual's part of them. */
void kri_config_sample_declared(const struct kri_config *config,
				struct kri_buffer *out);
void kri_config_manual_declared(const struct kri_config *config,
				struct kri_buffer *out);

/* Appends the manual page krsessiond.conf(5), in mdoc(7). */
void kri_config_manual(struct kri_buffer *out);

#endif
