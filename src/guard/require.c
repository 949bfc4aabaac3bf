/*
 * Owns the words of KR_REQUIRE. What is not understood lets nobody in.
 */
#include "guard/require.h"

#include <stdlib.h>
#include <string.h>

struct rule {
	bool named; /* users or groups are, */
	bool met;   /* and it is among them */
	bool optional;
	int64_t fresh; /* seconds; 0: however old */
};

/* The longest word is a group's or a user's. */
#define WORD_MAX (sizeof("group:") + GUARD_NAME_MAX)

static bool read_fresh(const char *digits, struct rule *rule)
{
	size_t len = strspn(digits, "0123456789");
	int64_t fresh = len && len < 10 && !digits[len] ? atoll(digits) : 0;

	/* The stricter of two. */
	if (fresh && (!rule->fresh || fresh < rule->fresh))
		rule->fresh = fresh;
	return fresh != 0;
}

static bool read_word(const char *word, const struct guard_who *who,
		      struct rule *rule)
{
	if (!strncmp(word, "fresh:", 6))
		return read_fresh(word + 6, rule);
	if (!strcmp(word, "optional")) {
		rule->optional = true;
		return true;
	}
	rule->named = true;
	if (!strncmp(word, "user:", 5) && word[5]) {
		rule->met |= who->user && !strcmp(who->user, word + 5);
		return true;
	}
	if (!strncmp(word, "group:", 6) && word[6]) {
		rule->met |=
			who->user && guard_groups_have(who->groups, word + 6);
		return true;
	}
	return false;
}

static bool read_words(const char *require, const struct guard_who *who,
		       struct rule *rule)
{
	char word[WORD_MAX];

	while (*(require += strspn(require, " \t"))) {
		size_t len = strcspn(require, " \t");

		if (len >= sizeof(word))
			return false;
		memcpy(word, require, len);
		word[len] = '\0';
		if (!read_word(word, who, rule))
			return false;
		require += len;
	}
	return true;
}

enum guard_verdict guard_judge(const char *require, const struct guard_who *who)
{
	struct rule rule = {0};

	if (!read_words(require ? require : "", who, &rule))
		return GUARD_UNCLEAR;
	if (!who->user)
		return rule.optional ? GUARD_PASS : GUARD_NOBODY;
	if (rule.named && !rule.met)
		return GUARD_DENIED;
	if (rule.fresh && who->age > rule.fresh)
		return GUARD_STALE;
	return GUARD_PASS;
}
