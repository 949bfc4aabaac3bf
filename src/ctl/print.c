/*
 * What a person or a program is shown of a session. A value may be anything
 * that somebody stored, so nothing reaches a terminal that it would obey.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "session/session.h"

/* ---- output ----------------------------------------------------------- */

bool ctl_flush(struct ctl *ctl)
{
	if (ctl->deaf)
		return false;
	ctl->deaf = fflush(stdout) || ferror(stdout);
	if (ctl->deaf && errno != EPIPE)
		fprintf(stderr, "krsessionctl: cannot write its output: %s\n",
			strerror(errno));
	return !ctl->deaf;
}

/* ---- text ------------------------------------------------------------- */

static bool is_plain(struct kri_text text)
{
	if (!kri_text_is_utf8(text) || kri_text_has_control(text))
		return false;
	/* U+0080 to U+009F are control characters too. */
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.data[i] == '\xc2' &&
		    (unsigned char)text.data[i + 1] < 0xa0)
			return false;
	return true;
}

void ctl_print_text(struct kri_text text)
{
	if (is_plain(text)) {
		printf("%.*s", (int)text.len, text.len ? text.data : "");
		return;
	}
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
}

const char *ctl_span(int64_t seconds, char room[CTL_SPAN])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	int64_t more;

	if (seconds < 0)
		return "-";
	while (i < 3 && seconds < units[i].seconds)
		i++;
	more = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
	if (more)
		snprintf(room, CTL_SPAN, "%lld%c %lld%c",
			 (long long)(seconds / units[i].seconds), units[i].name,
			 (long long)more, units[i + 1].name);
	else
		snprintf(room, CTL_SPAN, "%lld%c",
			 (long long)(seconds / units[i].seconds),
			 units[i].name);
	return room;
}

#define USER_WIDTH 12 /* columns */

static int64_t age_of(const struct kri_record *record)
{
	return kri_clock_epoch() - record->born;
}

/* In whole seconds; -1: for ever. */
static int64_t left_of(const struct kri_record *record)
{
	return record->left < 0 ? -1 : record->left / 1000;
}

/* ---- for people ------------------------------------------------------- */

void ctl_print_head(void)
{
	printf("%-22s  %-8s  %-9s  %-*s  %s\n", "ID", "AGE", "IDLE LEFT",
	       USER_WIDTH, "USER", "LABEL");
}

/* As wide as a short name, so that labels stand under one another. */
static void print_padding(struct kri_text user)
{
	int width = 0;

	for (size_t i = 0; i < user.len; i++)
		width += (user.data[i] & 0xc0) != 0x80;
	printf("%*s", width < USER_WIDTH ? USER_WIDTH + 2 - width : 2, "");
}

void ctl_print_row(const struct kri_record *record)
{
	struct kri_text user = ctl_user_of(record);
	struct kri_text label = ctl_label_of(record);
	char age[CTL_SPAN], left[CTL_SPAN];

	printf("%s  %-8s  %-9s  ", record->id, ctl_span(age_of(record), age),
	       ctl_span(left_of(record), left));
	user = user.data ? user : KRI_TEXT("-");
	ctl_print_text(user);
	if (label.len) {
		print_padding(user);
		ctl_print_text(label);
	}
	putchar('\n');
}

static void print_moment(const char *name, int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm utc;
	char text[32] = "?";

	if (gmtime_r(&moment, &utc))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	printf("%-9s %s\n", name, text);
}

static bool is_ours(struct kri_text key)
{
	return key.len && *key.data == '@';
}

void ctl_print_session(const struct kri_record *record)
{
	struct kri_text user = ctl_user_of(record);
	struct kri_text label = ctl_label_of(record);
	int64_t login = kri_session_login_of(record);
	char left[CTL_SPAN];

	printf("%-9s %s\n%-9s ", "id", record->id, "user");
	ctl_print_text(user.data ? user : KRI_TEXT("-"));
	putchar('\n');
	if (label.len) {
		printf("%-9s ", "label");
		ctl_print_text(label);
		putchar('\n');
	}
	print_moment("begun", record->born);
	if (login)
		print_moment("login", login);
	print_moment("seen", record->seen / 1000);
	printf("%-9s %s\n%-9s %lld\n", "left", ctl_span(left_of(record), left),
	       "writes", (long long)record->version);
	for (size_t i = 0; i < record->n; i++) {
		const struct kri_value *value = &record->values[i];

		if (is_ours(value->key))
			continue;
		printf("%-9s ", "value");
		ctl_print_text(value->key);
		printf(" = ");
		ctl_print_text(value->data);
		putchar('\n');
	}
}

/* ---- for programs ----------------------------------------------------- */

/* As text if it is some, else {"base64url": ...}. */
static struct json_object *json_of(struct kri_text text)
{
	struct json_object *wrapped;
	char *coded;

	if (kri_text_is_utf8(text))
		return json_object_new_string_len(text.data, (int)text.len);
	coded = malloc(KRI_BASE64URL_LEN(text.len));
	wrapped = json_object_new_object();
	if (coded) {
		kri_base64url_encode((const unsigned char *)text.data, text.len,
				     coded);
		json_object_object_add(
			wrapped, "base64url",
			json_object_new_string_len(
				coded, KRI_BASE64URL_LEN(text.len)));
	}
	free(coded);
	return wrapped;
}

static struct json_object *values_of(const struct kri_record *record)
{
	struct json_object *values = json_object_new_object();

	for (size_t i = 0; i < record->n; i++) {
		struct kri_text key = record->values[i].key;
		char *name = strndup(key.data, key.len);

		if (name && !is_ours(key))
			json_object_object_add(values, name,
					       json_of(record->values[i].data));
		free(name);
	}
	return values;
}

void ctl_print_json(const struct kri_record *record, bool values)
{
	struct json_object *line = json_object_new_object();
	struct kri_text user = ctl_user_of(record);
	struct kri_text label = ctl_label_of(record);
	int64_t login = kri_session_login_of(record);

	json_object_object_add(line, "id", json_object_new_string(record->id));
	json_object_object_add(line, "user", user.data ? json_of(user) : NULL);
	json_object_object_add(line, "label",
			       label.data ? json_of(label) : NULL);
	json_object_object_add(line, "begun",
			       json_object_new_int64(record->born));
	json_object_object_add(line, "login",
			       login ? json_object_new_int64(login) : NULL);
	json_object_object_add(line, "seen",
			       json_object_new_int64(record->seen / 1000));
	json_object_object_add(
		line, "left",
		record->left < 0 ? NULL
				 : json_object_new_int64(left_of(record)));
	json_object_object_add(line, "writes",
			       json_object_new_int64(record->version));
	if (values)
		json_object_object_add(line, "values", values_of(record));
	puts(json_object_to_json_string_ext(
		line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(line);
}
