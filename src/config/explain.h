/*
 * What is said of a value that is not allowed and of a name that is none.
 * Knows the table of options, not where a value stood: callers write the
 * place before it. Shows no secret, and nothing that could be one: of a name
 * only what looks like a name, of a value only its printable ASCII.
 */
#ifndef KRI_CONFIG_EXPLAIN_H
#define KRI_CONFIG_EXPLAIN_H

#include "config/options.h"

/* "a time from 1s to 365d, such as 20m". */
void kri_explain_allowed(const struct kri_option *option,
			 struct kri_buffer *out);

/*
 * "session.idle_timeout = 20x: must be a time ...". `equals` is what stands
 * between key and value.
 */
void kri_explain_value(const struct kri_option *option, const char *equals,
		       struct kri_text value, struct kri_buffer *out);

/* "session.idle_timout: no such option; did you mean ...?" */
void kri_explain_unknown(const struct kri_config *config,
			 struct kri_text section, struct kri_text key,
			 struct kri_buffer *out);

/* "KRSESSION_LOG_LEVLE: names no option; did you mean ...?" */
void kri_explain_variable(const struct kri_config *config, struct kri_text name,
			  struct kri_buffer *out);

#endif
