/*
 * JSON of ours while it is being built, member by member.
 */
#ifndef KRI_HTTP_JSON_BUILDER_H
#define KRI_HTTP_JSON_BUILDER_H

#include "base/text.h"
#include "http/json.h"

struct json_object;

/* All zero: nothing has been built, which is an empty object. */
struct kri_json_builder {
	/* The root, and what has been begun in it and not been closed. */
	struct json_object *open[KRI_JSON_DEPTH];
	size_t depth;
	enum kr_err err; /* the first: what is added later does nothing */
	size_t most;     /* bytes that the text may take */
};

/* Drops all of it. */
void kri_json_builder_reset(struct kri_json_builder *json);

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

/* The whole as text, until _reset. KR_ERR_ARGUMENT for what was wrong with a
 * key, a value or an end; KR_ERR_MEMORY. */
enum kr_err kri_json_builder_text(const struct kri_json_builder *json,
				  struct kri_text *text) KR_MUST_CHECK;

#endif
