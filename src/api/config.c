/*
 * The configuration's functions of krsession.h.
 */
#include <stdlib.h>
#include <unistd.h>

#include "api/app.h"

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
