/*
 * Figures: an exposition read back, for who looks at a process from the
 * outside. Takes any text of that format and trusts none: what is no sample is
 * passed over.
 */
#ifndef KRI_BASE_FIGURES_H
#define KRI_BASE_FIGURES_H

#include "base/text.h"

struct kri_sample {
	struct kri_text name;
	struct kri_text labels; /* what is between the braces */
	double value;
};

struct kri_reading {
	struct kri_sample *samples; /* n of them, in the text's order */
	size_t n;
};

/* The text is borrowed: samples lie in it. KR_ERR_MEMORY. */
enum kr_err kri_reading_take(struct kri_reading *reading,
			     struct kri_text text) KR_MUST_CHECK;
void kri_reading_free(struct kri_reading *reading);

/* The value of a label, as it is spelt; no text if there is none. */
struct kri_text kri_sample_label(const struct kri_sample *sample,
				 const char *name);

/* The sum of all samples of that name whose labels hold `part`, such as
 * stage="load"; NULL: all. 0 if there is none. */
double kri_reading_sum(const struct kri_reading *reading, const char *name,
		       const char *part);

/* How much the sum has grown since `before`; a counter that is less than it
 * was has begun anew. */
double kri_reading_growth(const struct kri_reading *before,
			  const struct kri_reading *now, const char *name,
			  const char *part);

/*
 * Of a histogram's growth, the value that a part `q` of it lies below, between
 * bounds in proportion; -1 if it did not grow. What lies above all bounds is
 * said to be the last. `name` is without _bucket.
 */
double kri_reading_quantile(const struct kri_reading *before,
			    const struct kri_reading *now, const char *name,
			    const char *part, double q);

#endif
