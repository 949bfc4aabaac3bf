/*
 * Owns the form of the sample file. Knows no option by name: all it says of
 * one comes from the table.
 */
#include "config/config.h"

#include "config/explain.h"
#include "config/options.h"

static const char head[] =
	"# Configuration of krsession programs, such as krsessiond -c FILE.\n"
	"#\n"
	"# Every option is here, at its default: take away a # to change it.\n"
	"# The environment (KRSESSION_SECTION_KEY) comes after this file, and\n"
	"# -o section.key=value after that; the later wins. A # or ; at the\n"
	"# start of a line makes it a comment, and so does a ; after a space.\n"
	"# Check a file with krsessiond -c FILE -t.\n";

static void put_option(const struct kri_option *option, struct kri_buffer *out)
{
	kri_buffer_printf(out, "\n# %s\n", option->help);
	if (option->type != KRI_OPTION_TEXT) {
		kri_buffer_string(out, "# Value: ");
		kri_explain_allowed(option, out);
		kri_buffer_string(out, ".\n");
	}
	kri_buffer_printf(out, "#%s =%s%s\n", option->key,
			  option->fallback[0] ? " " : "", option->fallback);
}

void kri_config_sample_declared(const struct kri_config *config,
				struct kri_buffer *out)
{
	const char *section = "";

	for (size_t i = 0; i < config->declared.n; i++) {
		const struct kri_option *option = &config->declared.options[i];

		if (strcmp(section, option->section) != 0)
			kri_buffer_printf(out, "\n[%s]\n", option->section);
		section = option->section;
		put_option(option, out);
	}
}

void kri_config_sample(struct kri_buffer *out)
{
	const char *section = "";
	size_t i;

	kri_buffer_string(out, head);
	for (i = 0; i < kri_option_count; i++) {
		if (strcmp(section, kri_options[i].section) != 0)
			kri_buffer_printf(out, "\n[%s]\n",
					  kri_options[i].section);
		section = kri_options[i].section;
		put_option(&kri_options[i], out);
	}
}
