/*
 * Owns the form of the manual page krsessiond.conf(5). Knows no option by
 * name: all it says of one comes from the table.
 */
#include "config/config.h"

#include "config/explain.h"
#include "config/options.h"

static const char head[] =
	".\\\" Made from the table of options, src/config/options.c, by\n"
	".\\\" make update-options. What is changed here will be lost.\n"
	".Dd November 24, 2026\n"
	".Dt KRSESSIOND.CONF 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm krsessiond.conf\n"
	".Nd configuration of krsession programs\n"
	".Sh DESCRIPTION\n"
	"Programs of\n"
	".Xr krsession 3 ,\n"
	"such as\n"
	".Xr krsessiond 8 ,\n"
	"read options from an INI file that\n"
	".Fl c\n"
	"names, from the environment and from\n"
	".Fl o ,\n"
	"in this order; the later wins.\n"
	"An option is named by its section and its key:\n"
	".Bd -literal -offset indent\n"
	"[session]\n"
	"idle_timeout = 30m\n"
	".Ed\n"
	".Pp\n"
	"in a file is\n"
	".Ev KRSESSION_SESSION_IDLE_TIMEOUT\n"
	"in the environment and\n"
	".Fl o Cm session.idle_timeout=30m\n"
	"on the command line.\n"
	".Ev REDIS_URL\n"
	"and\n"
	".Ev UPSTASH_REDIS_URL ,\n"
	"which wins over it, set\n"
	".Cm redis.endpoint ;\n"
	".Ev KRSESSION_REDIS_ENDPOINT\n"
	"wins over both.\n"
	".Pp\n"
	"A line of a file is a section, an option, blank or a comment.\n"
	"A comment begins with\n"
	".Sq #\n"
	"or\n"
	".Sq \\&;\n"
	"at the start of a line, or with\n"
	".Sq \\&;\n"
	"after a space.\n"
	"An option that is not known, is given twice in a file, or has a "
	"value\n"
	"that is not allowed, is an error that names file, line, option, and\n"
	"what is allowed.\n"
	".Fl t\n"
	"checks all of it and starts nothing.\n"
	".Pp\n"
	"Values are these:\n"
	".Bl -tag -width Ds\n"
	".It a text\n"
	"Bytes without control characters.\n"
	"Spaces around it are left out.\n"
	".It a number\n"
	"Decimal.\n"
	".It yes or no\n"
	"Also true, on, 1, and false, off, 0; in any case.\n"
	".It a time\n"
	"A number with a unit:\n"
	".Cm ms , s , m , h\n"
	"or\n"
	".Cm d ;\n"
	"0 needs none.\n"
	".It a size\n"
	"A number of bytes, or of\n"
	".Cm KiB , MiB\n"
	"or\n"
	".Cm GiB ;\n"
	".Cm k , m\n"
	"and\n"
	".Cm g\n"
	"are the same.\n"
	".El\n"
	".Pp\n"
	"Passwords are shown in no message.\n"
	"They had better be in files that the program alone can read\n"
	".Pq options that end with Cm _file .\n";

static const char tail[] =
	".Sh RULES BETWEEN OPTIONS\n"
	"These are checked when all options have been read:\n"
	".Bl -bullet\n"
	".It\n"
	".Cm session.max_value\n"
	"is at most\n"
	".Cm session.max_size ,\n"
	"and that at most\n"
	".Cm store.memory_limit\n"
	"if sessions are in memory;\n"
	".It\n"
	".Cm server.max_body\n"
	"is at most half of\n"
	".Cm server.body_memory ;\n"
	".It\n"
	".Cm session.idle_timeout\n"
	"is at most\n"
	".Cm session.absolute_timeout ,\n"
	"unless that is 0;\n"
	".It\n"
	".Cm session.cache\n"
	"is 0 or at least 10ms, and needs\n"
	".Cm store.kind\n"
	"= redis;\n"
	".It\n"
	"a password and its file are not both given;\n"
	".It\n"
	"a\n"
	".Cm cookie.name\n"
	"that begins with\n"
	".Ql __Host-\n"
	"or\n"
	".Ql __Secure-\n"
	"has the attributes that browsers demand for it.\n"
	".El\n"
	".Sh FILES\n"
	".Bl -tag -width Ds\n"
	".It Pa /etc/krsession/krsessiond.conf\n"
	"Read by the unit\n"
	".Pa krsessiond.service\n"
	"and by\n"
	".Xr krsessionctl 1 .\n"
	".It Pa conf/krsessiond.conf\n"
	"Beside the documentation of the package: every option, at its "
	"default.\n"
	".El\n"
	".Sh EXAMPLES\n"
	"Sessions that end an hour after their last request, in a Redis that "
	"is\n"
	"reached over TLS:\n"
	".Bd -literal -offset indent\n"
	"[session]\n"
	"idle_timeout = 1h\n"
	"\n"
	"[redis]\n"
	"endpoint = rediss://krsession@redis.example.com:6379\n"
	"password_file = /etc/krsession/password\n"
	".Ed\n"
	".Sh SEE ALSO\n"
	".Xr krsessionctl 1 ,\n"
	".Xr krsession 3 ,\n"
	".Xr krsession-metrics 7 ,\n"
	".Xr krsession-store 7 ,\n"
	".Xr krsessiond 8\n"
	".Sh STANDARDS\n"
	"Cookies and their attributes are those of RFC 6265; the prefixes of\n"
	"their names are those of draft-ietf-httpbis-rfc6265bis.\n"
	"URLs are read as RFC 3986 has it.\n";

/* A backslash begins an escape of roff. */
static void put_text(const char *text, struct kri_buffer *out)
{
	for (; *text; text++) {
		if (*text == '\\')
			kri_buffer_string(out, "\\e");
		else
			kri_buffer_byte(out, *text);
	}
}

static void put_fallback(const struct kri_option *option,
			 struct kri_buffer *out)
{
	if (!option->fallback[0]) {
		kri_buffer_string(out, "Default: empty.\n");
		return;
	}
	kri_buffer_string(out, "Default:\n.Ql ");
	put_text(option->fallback, out);
	/* Without it a colon at the end would be taken for punctuation. */
	kri_buffer_string(out, "\\& .\n");
}

static void put_option(const struct kri_option *option, struct kri_buffer *out)
{
	kri_buffer_printf(out, ".It Cm %s\n", option->key);
	put_text(option->help, out);
	kri_buffer_string(out, "\nValue: ");
	kri_explain_allowed(option, out);
	kri_buffer_string(out, ".\n");
	put_fallback(option, out);
}

static bool begins_section(size_t i)
{
	return i == 0 ||
	       strcmp(kri_options[i - 1].section, kri_options[i].section) != 0;
}

void kri_config_manual(struct kri_buffer *out)
{
	size_t i;

	kri_buffer_string(out, head);
	for (i = 0; i < kri_option_count; i++) {
		if (begins_section(i))
			kri_buffer_printf(out,
					  "%s.Sh [%s] OPTIONS\n"
					  ".Bl -tag -width Ds\n",
					  i ? ".El\n" : "",
					  kri_options[i].section);
		put_option(&kri_options[i], out);
	}
	kri_buffer_string(out, ".El\n");
	kri_buffer_string(out, tail);
}

void kri_config_manual_declared(const struct kri_config *config,
				struct kri_buffer *out)
{
	for (size_t i = 0; i < config->declared.n; i++)
		put_option(&config->declared.options[i], out);
}
