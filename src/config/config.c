/*
 * Owns the life of a configuration: its defaults, its end, the rules between
 * options, and the password that one of them says where to find. Knows
 * nothing of files in INI form, the environment or the command line.
 */
#include "config/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "config/explain.h"
#include "config/options.h"
#include "config/parse.h"

/* More than redis.password may have, so that a longer one is noticed. */
#define PASSWORD_READ 2048

enum kr_err kri_config_init(struct kri_config *config)
{
	enum kr_err err = KR_OK;
	size_t i;

	*config = (struct kri_config){0};
	for (i = 0; i < kri_option_count && !err; i++)
		err = kri_option_set(&kri_options[i], config,
				     kri_text_of(kri_options[i].fallback));
	if (err)
		kri_config_free(config);
	return err;
}

void kri_config_free(struct kri_config *config)
{
	size_t i;

	for (i = 0; i < kri_option_count; i++)
		kri_option_free(&kri_options[i], config);
	kri_config_undeclare(config);
}

static enum kr_err check_sizes(const struct kri_config *config,
			       struct kri_buffer *why)
{
	if (config->max_value <= config->max_size)
		return KR_OK;
	kri_buffer_string(why, "session.max_value = ");
	kri_print_size(why, config->max_value);
	kri_buffer_string(why, ": must not be more than session.max_size = ");
	kri_print_size(why, config->max_size);
	return KR_ERR_CONFIG;
}

/* The largest body would be refused for ever. A buffer grows to twice what is
 * in it. */
static enum kr_err check_bodies(const struct kri_config *config,
				struct kri_buffer *why)
{
	if (2 * config->max_body <= config->body_memory)
		return KR_OK;
	kri_buffer_string(why, "server.max_body = ");
	kri_print_size(why, config->max_body);
	kri_buffer_string(
		why, ": must not be more than half of server.body_memory = ");
	kri_print_size(why, config->body_memory);
	return KR_ERR_CONFIG;
}

/* A store that is too small would refuse for ever a session that is
 * allowed. */
static enum kr_err check_store(const struct kri_config *config,
			       struct kri_buffer *why)
{
	bool memory = config->store_kind == KRI_STORE_MEMORY;
	bool sqlite = config->store_kind == KRI_STORE_SQLITE;
	int64_t limit = sqlite ? config->file_limit : config->memory_limit;

	if ((!memory && !sqlite) || config->max_size <= limit)
		return KR_OK;
	kri_buffer_string(why, "session.max_size = ");
	kri_print_size(why, config->max_size);
	kri_buffer_printf(why, ": must not be more than store.%s_limit = ",
			  sqlite ? "file" : "memory");
	kri_print_size(why, limit);
	return KR_ERR_CONFIG;
}

static enum kr_err check_timeouts(const struct kri_config *config,
				  struct kri_buffer *why)
{
	if (!config->absolute_timeout ||
	    config->idle_timeout <= config->absolute_timeout)
		return KR_OK;
	kri_buffer_string(why, "session.idle_timeout = ");
	kri_print_duration(why, config->idle_timeout);
	kri_buffer_string(
		why, ": must not be more than session.absolute_timeout = ");
	kri_print_duration(why, config->absolute_timeout);
	return KR_ERR_CONFIG;
}

/* The shortest lease that a heartbeat can keep. */
#define LEASE_MIN 10

/* Copies are believed while their store tells of changes: Redis does. */
static enum kr_err check_cache(const struct kri_config *config,
			       struct kri_buffer *why)
{
	if (!config->cache)
		return KR_OK;
	if (config->cache >= LEASE_MIN && config->store_kind == KRI_STORE_REDIS)
		return KR_OK;
	kri_buffer_string(why, "session.cache = ");
	kri_print_duration(why, config->cache);
	if (config->cache < LEASE_MIN)
		kri_buffer_printf(why, ": must be 0, or at least %dms",
				  LEASE_MIN);
	else
		kri_buffer_string(why, ": needs store.kind = redis, as no "
				       "other store tells of changes");
	return KR_ERR_CONFIG;
}

/* A password, and the option that may say instead where to find it. */
struct secret {
	const char *section, *key;
	size_t password, file; /* members of struct kri_config */
};

static const struct secret secrets[] = {
	{"redis", "password", offsetof(struct kri_config, redis_password),
	 offsetof(struct kri_config, redis_password_file)},
	{"redis", "sentinel_password",
	 offsetof(struct kri_config, redis_sentinel_password),
	 offsetof(struct kri_config, redis_sentinel_password_file)},
	{"postgresql", "password",
	 offsetof(struct kri_config, postgresql_password),
	 offsetof(struct kri_config, postgresql_password_file)},
};

#define SECRETS (sizeof(secrets) / sizeof(secrets[0]))

static const char *text_at(const struct kri_config *config, size_t offset)
{
	return *(char *const *)(const void *)((const char *)config + offset);
}

static enum kr_err copy_text(const struct kri_option *option,
			     const struct kri_config *from,
			     struct kri_config *to)
{
	return kri_option_set(option, to,
			      kri_text_of(text_at(from, option->offset)));
}

/* Texts that are not copied yet must not look like those of `to`. */
static void forget_texts(struct kri_config *config)
{
	size_t i;

	for (i = 0; i < kri_option_count; i++) {
		void *text = (char *)config + kri_options[i].offset;

		if (kri_options[i].type == KRI_OPTION_TEXT)
			memset(text, 0, sizeof(char *));
	}
}

enum kr_err kri_config_copy(const struct kri_config *from,
			    struct kri_config *to)
{
	enum kr_err err = KR_OK;
	size_t i;

	*to = *from;
	forget_texts(to);
	to->declared = (struct kri_declared){0};
	for (i = 0; i < kri_option_count && !err; i++)
		if (kri_options[i].type == KRI_OPTION_TEXT)
			err = copy_text(&kri_options[i], from, to);
	if (!err)
		err = kri_config_copy_declared(from, to);
	if (err)
		kri_config_free(to);
	return err;
}

static enum kr_err check_passwords(const struct kri_config *config,
				   struct kri_buffer *why)
{
	for (size_t i = 0; i < SECRETS; i++) {
		if (!*text_at(config, secrets[i].password) ||
		    !*text_at(config, secrets[i].file))
			continue;
		kri_buffer_printf(why,
				  "%s.%s, %s.%s_file: must not both be given",
				  secrets[i].section, secrets[i].key,
				  secrets[i].section, secrets[i].key);
		return KR_ERR_CONFIG;
	}
	return KR_OK;
}

enum kr_err kri_config_check(const struct kri_config *config,
			     struct kri_buffer *why)
{
	enum kr_err err = check_sizes(config, why);

	if (!err)
		err = check_bodies(config, why);
	if (!err)
		err = check_store(config, why);
	if (!err)
		err = check_timeouts(config, why);
	if (!err)
		err = check_cache(config, why);
	if (!err)
		err = check_passwords(config, why);
	return err;
}

/* Up to `size` bytes from the start of a file; -1 with what is wrong. Without
 * stdio, whose buffer would keep the password in freed memory. */
static ssize_t read_start(const char *path, char *out, size_t size,
			  const char **wrong)
{
	int file = kri_file_open(path, 0, wrong);
	size_t len = 0;
	ssize_t got = 0;

	if (file < 0)
		return -1;
	do {
		got = read(file, out + len, size - len);
		if (got > 0)
			len += (size_t)got;
	} while ((got > 0 && len < size) || (got < 0 && errno == EINTR));
	if (got < 0)
		*wrong = strerror(errno);
	close(file);
	return got < 0 ? -1 : (ssize_t)len;
}

static enum kr_err take_password(struct kri_config *config,
				 const struct secret *secret,
				 struct kri_text text, struct kri_buffer *why)
{
	const struct kri_option *option = kri_option_find(
		kri_text_of(secret->section), kri_text_of(secret->key));
	struct kri_text line = kri_text_cut(&text, '\n');
	enum kr_err err = KR_ERR_CONFIG;

	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len)
		err = kri_option_set(option, config, line);
	if (err == KR_ERR_CONFIG) {
		kri_buffer_printf(why,
				  "%s.%s_file = %s: must be a file whose "
				  "first line is not empty and is ",
				  secret->section, secret->key,
				  text_at(config, secret->file));
		kri_explain_allowed(option, why);
	}
	return err;
}

static enum kr_err resolve(struct kri_config *config,
			   const struct secret *secret, struct kri_buffer *why)
{
	const char *file = text_at(config, secret->file);
	char start[PASSWORD_READ];
	const char *wrong;
	enum kr_err err;
	ssize_t len;

	if (!*file)
		return KR_OK;
	len = read_start(file, start, sizeof(start), &wrong);
	if (len < 0) {
		kri_buffer_printf(why, "%s.%s_file = %s: cannot be read: %s",
				  secret->section, secret->key, file, wrong);
		return KR_ERR_CONFIG;
	}
	err = take_password(config, secret, kri_text(start, (size_t)len), why);
	kri_wipe(start, sizeof(start));
	return err;
}

enum kr_err kri_config_resolve(struct kri_config *config,
			       struct kri_buffer *why)
{
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < SECRETS && !err; i++)
		err = resolve(config, &secrets[i], why);
	return err;
}
