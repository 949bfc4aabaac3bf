/*
 * Owns the three places that options come from: an INI file, the environment
 * and the command line, and the words that say where an error stands. The
 * only user of libinih. Knows no option by name but redis.endpoint, which
 * has two more variables.
 */
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "base/file.h"
#include "config/explain.h"
#include "config/options.h"

#define PREFIX "KRSESSION_"

/* Bytes of libinih's buffer for a line, on the stack: any option's longest
 * value fits. */
#define LINE_BUFFER 8192

/* ---- a file ----------------------------------------------------------- */

struct reading {
	FILE *file;
	const char *path;
	unsigned line;    /* the one being read, from 1 */
	unsigned *set_on; /* by option: the line that set it, or 0 */
	struct kri_config *config;
	struct kri_buffer *why;
	enum kr_err err; /* the first; nothing is read after it */
};

static void put_place(struct reading *reading)
{
	kri_buffer_printf(reading->why, "%s:%u: ", reading->path,
			  reading->line);
}

static void refuse_line(struct reading *reading, int max)
{
	put_place(reading);
	kri_buffer_printf(reading->why,
			  "must be a line of at most %d bytes, without NUL; "
			  "a longer value can come from the environment or -o",
			  max);
	reading->err = KR_ERR_CONFIG;
}

/*
 * libinih's fgets. It would cut a line longer than its buffer in two; an
 * indented line would continue the one before it; the rest of a line behind
 * a NUL would vanish. All three surprise, so long lines and NULs are refused,
 * and indentation is skipped.
 */
static char *read_line(char *out, int size, void *stream)
{
	struct reading *reading = stream;
	const int max = size - 2; /* one for a line end, one for a NUL */
	int len = 0;
	int c;

	reading->line++;
	while ((c = getc(reading->file)) != EOF && c != '\n') {
		if (c == '\0' || len == max) {
			refuse_line(reading, max);
			return NULL;
		}
		if (len || !isspace(c))
			out[len++] = (char)c;
	}
	out[len] = '\0';
	return reading->err || (c == EOF && !len) ? NULL : out;
}

static void refuse_value(struct reading *reading,
			 const struct kri_option *option, struct kri_text value)
{
	put_place(reading);
	kri_explain_value(option, " = ", value, reading->why);
	reading->err = KR_ERR_CONFIG;
}

static void refuse_name(struct reading *reading, const char *section,
			const char *key)
{
	put_place(reading);
	kri_explain_unknown(reading->config, kri_text_of(section),
			    kri_text_of(key), reading->why);
	reading->err = KR_ERR_CONFIG;
}

static void refuse_second(struct reading *reading,
			  const struct kri_option *option, unsigned first)
{
	put_place(reading);
	kri_buffer_printf(reading->why,
			  "%s.%s: is set on line %u already; must be there "
			  "once",
			  option->section, option->key, first);
	reading->err = KR_ERR_CONFIG;
}

static void set(struct reading *reading, const struct kri_option *option,
		struct kri_text value)
{
	unsigned *line =
		&reading->set_on[kri_config_place(reading->config, option)];
	enum kr_err err;

	if (*line) {
		refuse_second(reading, option, *line);
		return;
	}
	*line = reading->line;
	err = kri_option_set(option, reading->config, value);
	if (err == KR_ERR_CONFIG)
		refuse_value(reading, option, value);
	else
		reading->err = err;
}

/* libinih's handler: false makes it remember the line. */
static int take_line(void *user, const char *section, const char *key,
		     const char *value)
{
	struct reading *reading = user;
	const char *foreign = reading->config->declared.foreign;
	const struct kri_option *option = kri_config_find(
		reading->config, kri_text_of(section), kri_text_of(key));

	if (option)
		set(reading, option, kri_text_of(value));
	else if (!foreign || strcmp(section, foreign) != 0)
		refuse_name(reading, section, key);
	return reading->err == KR_OK;
}

static void refuse_file(struct reading *reading, const char *wrong)
{
	kri_buffer_printf(reading->why, "%s: cannot be read: %s", reading->path,
			  wrong);
	reading->err = KR_ERR_CONFIG;
}

/*
 * The line that libinih could not make sense of, 0, or less if it had no
 * memory. Left alone it reads 200 bytes a line, and tells of that line only
 * after it has handed over all later ones, which look wrong without it.
 * Debian's can be set while it runs; another is as it was built. Its settings
 * are put back, as the program around this library may use it too.
 */
static int parse(struct reading *reading)
{
#if HAVE_DECL_INI_MAX_LINE
	const int max_line = ini_max_line;
	const bool stop = ini_stop_on_first_error;
	int bad;

	ini_max_line = LINE_BUFFER;
	ini_stop_on_first_error = true;
	bad = ini_parse_stream(read_line, reading, take_line, reading);
	ini_max_line = max_line;
	ini_stop_on_first_error = stop;
	return bad;
#else
	return ini_parse_stream(read_line, reading, take_line, reading);
#endif
}

static void read_lines(struct reading *reading)
{
	int bad = parse(reading);

	if (reading->err)
		return;
	if (bad < 0) {
		reading->err = KR_ERR_MEMORY;
	} else if (ferror(reading->file)) {
		refuse_file(reading, strerror(errno));
	} else if (bad > 0) {
		reading->line = (unsigned)bad;
		put_place(reading);
		kri_buffer_string(reading->why,
				  "must be [section], key = value, or a "
				  "comment that begins with #");
		reading->err = KR_ERR_CONFIG;
	}
}

enum kr_err kri_config_file(struct kri_config *config, const char *path,
			    struct kri_buffer *why)
{
	struct reading reading = {.path = path, .config = config, .why = why};
	const char *wrong;
	int file;

	reading.set_on =
		calloc(kri_config_count(config), sizeof(*reading.set_on));
	if (!reading.set_on)
		return KR_ERR_MEMORY;
	file = kri_file_open(path, 0, &wrong);
	reading.file = file < 0 ? NULL : fdopen(file, "r");
	if (reading.file) {
		read_lines(&reading);
		fclose(reading.file);
	} else {
		refuse_file(&reading, file < 0 ? wrong : strerror(errno));
		if (file >= 0)
			close(file);
	}
	free(reading.set_on);
	return reading.err;
}

/* ---- the environment -------------------------------------------------- */

static const struct kri_option *find_variable(const struct kri_config *config,
					      struct kri_text name)
{
	char variable[KRI_OPTION_NAME_MAX];
	size_t i;

	for (i = 0; i < kri_config_count(config); i++) {
		kri_option_variable(kri_config_option(config, i), variable);
		if (kri_text_equal(name, kri_text_of(variable)))
			return kri_config_option(config, i);
	}
	return NULL;
}

static enum kr_err set_from(const struct kri_option *option,
			    struct kri_config *config, const char *entry,
			    struct kri_buffer *why)
{
	struct kri_text value = kri_text_of(entry);
	struct kri_text name = kri_text_cut(&value, '=');
	enum kr_err err = kri_option_set(option, config, value);

	if (err == KR_ERR_CONFIG) {
		kri_buffer_string(why, "environment ");
		kri_buffer_append(why, name);
		kri_buffer_string(why, ": ");
		kri_explain_value(option, " = ", value, why);
	}
	return err;
}

/* A variable that hosting platforms set; often there and empty. */
static enum kr_err set_endpoint(struct kri_config *config, const char *name,
				char **environ, struct kri_buffer *why)
{
	const struct kri_option *option =
		kri_option_find(KRI_TEXT("redis"), KRI_TEXT("endpoint"));
	size_t len = strlen(name);
	enum kr_err err = KR_OK;

	for (; *environ && !err; environ++)
		if (!strncmp(*environ, name, len) && (*environ)[len] == '=' &&
		    (*environ)[len + 1])
			err = set_from(option, config, *environ, why);
	return err;
}

static enum kr_err set_variable(struct kri_config *config, const char *entry,
				struct kri_buffer *why)
{
	struct kri_text rest = kri_text_of(entry);
	struct kri_text name = kri_text_cut(&rest, '=');
	const struct kri_option *option;

	if (!kri_text_starts(name, KRI_TEXT(PREFIX)))
		return KR_OK;
	option = find_variable(config, name);
	if (option)
		return set_from(option, config, entry, why);
	kri_buffer_string(why, "environment ");
	kri_explain_variable(config, name, why);
	return KR_ERR_CONFIG;
}

enum kr_err kri_config_environment(struct kri_config *config, char **environ,
				   struct kri_buffer *why)
{
	enum kr_err err = set_endpoint(config, "REDIS_URL", environ, why);

	if (!err)
		err = set_endpoint(config, "UPSTASH_REDIS_URL", environ, why);
	for (; *environ && !err; environ++)
		err = set_variable(config, *environ, why);
	return err;
}

/* ---- the command line ------------------------------------------------- */

enum kr_err kri_config_assign(struct kri_config *config, const char *text,
			      struct kri_buffer *why)
{
	struct kri_text value = kri_text_of(text);
	struct kri_text name = kri_text_cut(&value, '=');
	struct kri_text key = name;
	struct kri_text section = kri_text_cut(&key, '.');
	const struct kri_option *option = kri_config_find(config, section, key);
	enum kr_err err = KR_ERR_CONFIG;

	if (option && value.data)
		err = kri_option_set(option, config, value);
	if (err != KR_ERR_CONFIG)
		return err;
	kri_buffer_string(why, "-o ");
	if (!key.data)
		kri_explain_unknown(config, KRI_TEXT(""), section, why);
	else if (!option)
		kri_explain_unknown(config, section, key, why);
	else if (!value.data)
		kri_buffer_printf(why, "%s.%s: must be followed by =VALUE",
				  option->section, option->key);
	else
		kri_explain_value(option, "=", value, why);
	return err;
}
