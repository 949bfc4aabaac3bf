/*
 * Prints what is made of the guard's table of options, for make update-options:
 * its sample file, or its manual page.
 */
#include <stdio.h>
#include <string.h>

#include "api/app.h"
#include "guard/options.h"

static const char sample_head[] =
	"# Configuration of krsession-guard: a login in front of any site.\n"
	"#\n"
	"# Every option of its own is here, at its default: take away a # to\n"
	"# change it. Sections server, log, store, session, cookie, redis and\n"
	"# postgresql are those of krsessiond.conf(5), and stand below "
	"[guard];\n"
	"# three of their options have other defaults here:\n"
	"#\n"
	"#     cookie.name         = __Host-krguard\n"
	"#     redis.instance_name = krguard_\n"
	"#     store.path          = /var/lib/krsession-guard/sessions.sqlite\n"
	"#\n"
	"# Check the file with krsession-guard -c FILE -t.\n";

static const char manual_head[] =
	".\\\" Made from the table of options, src/guard/options.c, by\n"
	".\\\" make update-options. What is changed here will be lost.\n"
	".Dd November 30, 2026\n"
	".Dt KRSESSION-GUARD.CONF 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm krsession-guard.conf\n"
	".Nd configuration of krsession-guard\n"
	".Sh DESCRIPTION\n"
	".Xr krsession-guard 8\n"
	"reads its options as all programs of\n"
	".Xr krsession 3\n"
	"do: from an INI file, the environment\n"
	".Pq Ev KRSESSION_GUARD_PATH\n"
	"and\n"
	".Fl o .\n"
	"It has the sections of\n"
	".Xr krsessiond.conf 5 ,\n"
	"which also says how values are written, and one of its own.\n"
	"Three options of the others have other defaults:\n"
	".Bl -tag -width Ds\n"
	".It Cm cookie.name\n"
	".Ql __Host-krguard\n"
	".It Cm redis.instance_name\n"
	".Ql krguard_\n"
	".It Cm store.path\n"
	".Ql /var/lib/krsession-guard/sessions.sqlite\n"
	".El\n"
	".Sh [guard] OPTIONS\n"
	".Bl -tag -width Ds\n";

static const char manual_tail[] =
	".El\n"
	".Sh RULES BETWEEN OPTIONS\n"
	".Bl -bullet\n"
	".It\n"
	"One of\n"
	".Cm guard.password_file\n"
	"and\n"
	".Cm guard.saslauthd_socket\n"
	"is given, and not both;\n"
	".It\n"
	".Cm guard.path\n"
	"is a path of letters, digits, -, ., _, ~ and /, and does not end with "
	"/;\n"
	".It\n"
	".Cm guard.home\n"
	"is a path of the site;\n"
	".It\n"
	"the hosts of\n"
	".Cm guard.allow_hosts\n"
	"stand between spaces or commas, each a name and perhaps a port, over\n"
	"HTTPS unless http:// is in front of it;\n"
	".It\n"
	".Cm guard.remember\n"
	"is at most\n"
	".Cm session.absolute_timeout ,\n"
	"unless that is 0.\n"
	".El\n"
	".Sh FILES\n"
	".Bl -tag -width Ds\n"
	".It Pa /etc/krsession/krsession-guard.conf\n"
	"Read by the unit\n"
	".Pa krsession-guard.service .\n"
	".El\n"
	".Sh EXAMPLES\n"
	".Bd -literal -offset indent\n"
	"[guard]\n"
	"title = Example\n"
	"password_file = /etc/krsession/passwords\n"
	"allow_hosts = app.example.com, wiki.example.com\n"
	"\n"
	"[session]\n"
	"idle_timeout = 1h\n"
	"absolute_timeout = 12h\n"
	".Ed\n"
	".Sh SEE ALSO\n"
	".Xr krsession 3 ,\n"
	".Xr krsessiond.conf 5 ,\n"
	".Xr krsession-guard 8\n";

static void print(const struct kri_config *config, bool manual,
		  struct kri_buffer *out)
{
	kri_buffer_string(out, manual ? manual_head : sample_head);
	if (manual)
		kri_config_manual_declared(config, out);
	else
		kri_config_sample_declared(config, out);
	if (manual)
		kri_buffer_string(out, manual_tail);
}

int main(int argc, char **argv)
{
	bool manual = argc == 2 && !strcmp(argv[1], "manual");
	struct kri_buffer out = KRI_BUFFER_EMPTY;
	struct kr_config *config = NULL;
	int status = 1;

	if (!kr_config_open(&config) && !guard_options_declare(config))
		print(config->options, manual, &out);
	if (!out.failed && out.len)
		status = fputs(out.data, stdout) < 0 || fclose(stdout);
	kr_config_close(&config);
	kri_buffer_free(&out);
	return status;
}
