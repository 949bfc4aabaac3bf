/*
 * JSON of ours while it is being built, member by member: text from the
 * beginning, as most of it has two members and is sent at once.
 */
#ifndef KRI_HTTP_JSON_BUILDER_H
#define KRI_HTTP_JSON_BUILDER_H

#include "base/buffer.h"
#include "http/json.h"

struct kri_json_group {
	char end;     /* '}' or ']' */
	size_t names; /* bytes of `names` that are of the groups around it */
};

/* All zero: nothing has been built, which is an empty object. */
struct kri_json_builder {
	struct kri_buffer text;
	/* Where the members' names begin in the text, a size_t each, of the
	 * objects that are open. */
	struct kri_buffer names;
	/* The root, and what has been begun in it and not been closed. */
	struct kri_json_group open[KRI_JSON_DEPTH];
	size_t depth;
	enum kr_err err; /* the first: what is added later does nothing */
};

/* Drops all of it, and keeps the memory as far as that is little. */
void kri_json_builder_reset(struct kri_json_builder *json);

/* Gives the memory back. */
void kri_json_builder_free(struct kri_json_builder *json);

/* Each adds a value, as a member of that name if the object begun last is one,
 * else with NULL. Errors wait for _text: see krsession.h. */
void kri_json_add_string(struct kri_json_builder *json, const char *key,
			 const char *value);
void kri_json_add_int(struct kri_json_builder *json, const char *key,
		      int64_t value);
void kri_json_add_double(struct kri_json_builder *json, const char *key,
			 double value);
void kri_json_add_bool(struct kri_json_builder *json, const char *key,
		       bool value);
void kri_json_add_null(struct kri_json_builder *json, const char *key);
void kri_json_add_raw(struct kri_json_builder *json, const char *key,
		      const char *text);

/* Begins an object or array within; as the first of all and without a key, it
 * is the root, which need not be closed. */
void kri_json_begin_object(struct kri_json_builder *json, const char *key);
void kri_json_begin_array(struct kri_json_builder *json, const char *key);
void kri_json_close(struct kri_json_builder *json);

/* Ends the root, so nothing can be added any more: the whole as text, until
 * _reset. KR_ERR_ARGUMENT for what was wrong with a key, a value or an end;
 * KR_ERR_MEMORY. */
enum kr_err kri_json_builder_text(struct kri_json_builder *json,
				  struct kri_text *text) KR_MUST_CHECK;

#endif
