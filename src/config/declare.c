/*
 * Owns the options that a program adds to the table, and the order in which
 * those of both are gone through. Knows nothing of what they are for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define PREFIX_LEN (sizeof("KRSESSION_") - 1)

/* ---- all of them ------------------------------------------------------ */

size_t kri_config_count(const struct kri_config *config)
{
	return kri_option_count + config->declared.n;
}

const struct kri_option *kri_config_option(const struct kri_config *config,
					   size_t place)
{
	if (place < kri_option_count)
		return &kri_options[place];
	return &config->declared.options[place - kri_option_count];
}

size_t kri_config_place(const struct kri_config *config,
			const struct kri_option *option)
{
	if (!option->declared)
		return (size_t)(option - kri_options);
	return kri_option_count + (size_t)(option - config->declared.options);
}

const struct kri_option *kri_config_find(const struct kri_config *config,
					 struct kri_text section,
					 struct kri_text key)
{
	const struct kri_declared *declared = &config->declared;

	for (size_t i = 0; i < declared->n; i++)
		if (kri_text_equal(section,
				   kri_text_of(declared->options[i].section)) &&
		    kri_text_equal(key, kri_text_of(declared->options[i].key)))
			return &declared->options[i];
	return kri_option_find(section, key);
}

bool kri_config_section(const struct kri_config *config,
			struct kri_text section)
{
	const struct kri_declared *declared = &config->declared;

	for (size_t i = 0; i < declared->n; i++)
		if (kri_text_equal(section,
				   kri_text_of(declared->options[i].section)))
			return true;
	return kri_option_section(section);
}

/* ---- declaring -------------------------------------------------------- */

static bool is_name(const char *name)
{
	return name && *name && !name[strspn(name, NAME_LETTERS)];
}

static bool is_sound(const struct kri_config *config,
		     const struct kri_option *option)
{
	if (!is_name(option->section) || !is_name(option->key) ||
	    !option->fallback || !option->help)
		return false;
	if (PREFIX_LEN + strlen(option->section) + 1 + strlen(option->key) >=
	    KRI_OPTION_NAME_MAX)
		return false;
	return !kri_option_section(kri_text_of(option->section)) &&
	       !kri_config_find(config, kri_text_of(option->section),
				kri_text_of(option->key));
}

/* Room for one more. What has moved is in its place also if this fails. */
static enum kr_err make_room(struct kri_declared *declared)
{
	size_t n = declared->n + 1;
	struct kri_option *options;
	struct kri_setting *settings;

	options = reallocarray(declared->options, n, sizeof(*options));
	if (!options)
		return KR_ERR_MEMORY;
	declared->options = options;
	settings = reallocarray(declared->settings, n, sizeof(*settings));
	if (!settings)
		return KR_ERR_MEMORY;
	declared->settings = settings;
	declared->settings[n - 1] = (struct kri_setting){0};
	return KR_OK;
}

enum kr_err kri_config_declare(struct kri_config *config,
			       struct kri_option option)
{
	struct kri_declared *declared = &config->declared;
	enum kr_err err;

	if (!is_sound(config, &option))
		return KR_ERR_ARGUMENT;
	err = make_room(declared);
	if (err)
		return err;
	option.declared = true;
	option.offset = declared->n;
	err = kri_option_set(&option, config, kri_text_of(option.fallback));
	if (err)
		return err == KR_ERR_CONFIG ? KR_ERR_ARGUMENT : err;
	declared->options[declared->n++] = option;
	return KR_OK;
}

/* ---- copies and the end ----------------------------------------------- */

enum kr_err kri_config_copy_declared(const struct kri_config *from,
				     struct kri_config *to)
{
	const struct kri_declared *had = &from->declared;
	enum kr_err err = KR_OK;

	for (size_t i = 0; i < had->n && !err; i++) {
		const struct kri_option *option = &had->options[i];

		err = kri_config_declare(to, *option);
		if (err)
			break;
		if (option->type != KRI_OPTION_TEXT)
			to->declared.settings[i].number =
				had->settings[i].number;
		else
			err = kri_option_set(
				&to->declared.options[i], to,
				kri_text_of(had->settings[i].text));
	}
	return err;
}

void kri_config_undeclare(struct kri_config *config)
{
	struct kri_declared *declared = &config->declared;

	for (size_t i = 0; i < declared->n; i++)
		kri_option_free(&declared->options[i], config);
	free(declared->options);
	free(declared->settings);
	*declared = (struct kri_declared){0};
}
