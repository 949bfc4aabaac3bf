/*
 * The configuration's functions of krsession.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/app.h"
#include "config/options.h"

enum kr_err kr_config_open(struct kr_config **config)
{
	struct kr_config *made;
	enum kr_err err;

	if (!config)
		return KR_ERR_ARGUMENT;
	made = calloc(1, sizeof(*made));
	if (!made)
		return KR_ERR_MEMORY;
	made->options = &made->own;
	err = kri_config_init(&made->own);
	if (err)
		free(made);
	else
		*config = made;
	return err;
}

/* An app's is its own part, and is freed with it. */
void kr_config_close(struct kr_config **config)
{
	if (!config || !*config)
		return;
	if ((*config)->options == &(*config)->own) {
		kri_config_free(&(*config)->own);
		kri_buffer_free(&(*config)->why);
		free(*config);
	}
	*config = NULL;
}

enum kr_err kr_config_read_file(struct kr_config *config, const char *path)
{
	if (!config || !path)
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&config->why);
	return kri_config_file(config->options, path, &config->why);
}

enum kr_err kr_config_read_environment(struct kr_config *config)
{
	if (!config)
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&config->why);
	return kri_config_environment(config->options, environ, &config->why);
}

enum kr_err kr_config_set(struct kr_config *config, const char *text)
{
	if (!config || !text)
		return KR_ERR_ARGUMENT;
	kri_buffer_clear(&config->why);
	return kri_config_assign(config->options, text, &config->why);
}

/* What the command line says about its options begins with the name of the
 * one that sets options, which a program has not used. */
const char *kr_config_why(struct kr_config *config)
{
	static const char dash[] = "-o ";

	if (!config || !config->why.len)
		return "";
	if (!strncmp(config->why.data, dash, strlen(dash)))
		return config->why.data + strlen(dash);
	return config->why.data;
}

/* ---- the program's own ------------------------------------------------ */

static enum kri_option_type type_of(enum kr_option_type type)
{
	static const enum kri_option_type types[] = {
		[KR_OPTION_TEXT] = KRI_OPTION_TEXT,
		[KR_OPTION_NUMBER] = KRI_OPTION_INTEGER,
		[KR_OPTION_BOOL] = KRI_OPTION_BOOLEAN,
		[KR_OPTION_TIME] = KRI_OPTION_DURATION,
		[KR_OPTION_SIZE] = KRI_OPTION_SIZE,
		[KR_OPTION_CHOICE] = KRI_OPTION_CHOICE,
	};

	return types[type];
}

/* Whether all is there that messages are made of. */
static bool is_whole(const struct kr_option *option)
{
	if (!option || option->type > KR_OPTION_CHOICE ||
	    option->min > option->max)
		return false;
	if (option->type == KR_OPTION_NUMBER && !option->unit)
		return false;
	return option->type != KR_OPTION_CHOICE ||
	       (option->choices && option->choices[0]);
}

enum kr_err kr_config_declare(struct kr_config *config,
			      const struct kr_option *option)
{
	struct kri_option made;

	if (!config || !is_whole(option))
		return KR_ERR_ARGUMENT;
	made = (struct kri_option){
		.section = option->section,
		.key = option->key,
		.type = type_of(option->type),
		.secret = option->secret,
		.min = option->min,
		.max = option->type == KR_OPTION_BOOL ? 1 : option->max,
		.unit = option->unit,
		.choices = option->choices,
		.fallback = option->fallback,
		.help = option->help,
	};
	return kri_config_declare(config->options, made);
}

static enum kr_err find(struct kr_config *config, const char *name,
			const struct kri_option **option)
{
	struct kri_text key, section;

	if (!config || !name)
		return KR_ERR_ARGUMENT;
	key = kri_text_of(name);
	section = kri_text_cut(&key, '.');
	*option = kri_config_find(config->options, section, key);
	return *option ? KR_OK : KR_ERR_NOT_FOUND;
}

enum kr_err kr_config_text(struct kr_config *config, const char *name,
			   const char **value)
{
	const struct kri_option *option = NULL;
	enum kr_err err = value ? find(config, name, &option) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	if (option->type != KRI_OPTION_TEXT)
		return KR_ERR_TYPE;
	*value = kri_option_text(option, config->options);
	return KR_OK;
}

enum kr_err kr_config_number(struct kr_config *config, const char *name,
			     int64_t *value)
{
	const struct kri_option *option = NULL;
	enum kr_err err = value ? find(config, name, &option) : KR_ERR_ARGUMENT;

	if (err)
		return err;
	if (option->type == KRI_OPTION_TEXT)
		return KR_ERR_TYPE;
	*value = kri_option_number(option, config->options);
	return KR_OK;
}

enum kr_err kr_config_refuse(struct kr_config *config, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (!config || !format)
		return KR_ERR_ARGUMENT;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	kri_buffer_clear(&config->why);
	kri_buffer_string(&config->why, text);
	return KR_ERR_CONFIG;
}
