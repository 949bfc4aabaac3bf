/*
 * The options: one table that says all about each of them. The parser, the
 * messages, the sample file and the tests are made from it.
 */
#ifndef KRI_CONFIG_OPTIONS_H
#define KRI_CONFIG_OPTIONS_H

#include "config/config.h"

enum kri_option_type {
	KRI_OPTION_TEXT,     /* char *; min and max are its bytes */
	KRI_OPTION_INTEGER,  /* this and all below: int64_t */
	KRI_OPTION_BOOLEAN,  /* 0 or 1 */
	KRI_OPTION_DURATION, /* milliseconds */
	KRI_OPTION_SIZE,     /* bytes */
	KRI_OPTION_MODE,     /* permission bits */
	KRI_OPTION_CHOICE    /* index into choices, the enum's value */
};

struct kri_option {
	const char *section;
	const char *key;
	enum kri_option_type type;
	bool secret;   /* its value appears in no message */
	bool declared; /* a program's own: offset is an index, see declare.c */
	size_t offset; /* of its member in struct kri_config */
	int64_t min;   /* both of them allowed */
	int64_t max;
	const char *unit;           /* what an integer counts */
	const char *zero;           /* a word for 0, or NULL */
	const char *const *choices; /* ends with NULL */
	const char *fallback;       /* the default, as one would write it */
	const char *help;           /* one line, less than 78 characters */
};

extern const struct kri_option kri_options[];
extern const size_t kri_option_count;

/* "KRSESSION_SECTION_KEY" and its NUL fit into this. */
#define KRI_OPTION_NAME_MAX 64

/* The option of the table, or NULL. */
const struct kri_option *kri_option_find(struct kri_text section,
					 struct kri_text key);

/* Whether any option is in that section. */
bool kri_option_section(struct kri_text section);

/*
 * Adds an option of a program's own, which shares its texts with the caller.
 * Its fallback becomes its value. KR_ERR_ARGUMENT for a section of the table's,
 * a name that is there already or is none, or a fallback that is not allowed;
 * KR_ERR_MEMORY.
 */
enum kr_err kri_config_declare(struct kri_config *config,
			       struct kri_option option) KR_MUST_CHECK;

/* Those of the table and then those declared, by their place in this order. */
size_t kri_config_count(const struct kri_config *config);
const struct kri_option *kri_config_option(const struct kri_config *config,
					   size_t place);
size_t kri_config_place(const struct kri_config *config,
			const struct kri_option *option);

/* The option, of the table or declared, or NULL. */
const struct kri_option *kri_config_find(const struct kri_config *config,
					 struct kri_text section,
					 struct kri_text key);

/* Whether any option is in that section. */
bool kri_config_section(const struct kri_config *config,
			struct kri_text section);

/* The value of a text, and of any other. */
const char *kri_option_text(const struct kri_option *option,
			    const struct kri_config *config);
int64_t kri_option_number(const struct kri_option *option,
			  const struct kri_config *config);

/* Declares in `to`, which has none, what `from` has, with the values there. */
enum kr_err kri_config_copy_declared(const struct kri_config *from,
				     struct kri_config *to) KR_MUST_CHECK;

/* Forgets the declared options and their values. */
void kri_config_undeclare(struct kri_config *config);

/* The name of its environment variable. */
void kri_option_variable(const struct kri_option *option,
			 char out[KRI_OPTION_NAME_MAX]);

/*
 * Reads `value` into the option's member; one not allowed is KR_ERR_CONFIG,
 * and it and KR_ERR_MEMORY leave the member as it was.
 */
enum kr_err kri_option_set(const struct kri_option *option,
			   struct kri_config *config,
			   struct kri_text value) KR_MUST_CHECK;

/* Gives back what kri_option_set made. */
void kri_option_free(const struct kri_option *option,
		     struct kri_config *config);

#endif
