/*
 * The command line of every program on krsession.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "api/app.h"
#include "base/log.h"

#define OPTIONS "c:l:o:tVh"

struct command_line {
	int argc;
	char **argv;
	const char *program;
	const char *file;
	bool test;
	int status; /* -1: go on */
};

static void print_usage(FILE *to, const char *program)
{
	fprintf(to,
		"usage: %s [-c FILE] [-l unix:PATH|tcp:HOST:PORT]\n"
		"       [-o SECTION.KEY=VALUE]... [-t] [-V] [-h]\n\n"
		"  -c FILE               read options from FILE\n"
		"  -l ADDRESS            listen there; without it, on "
		"descriptor 0\n"
		"                        (spawn-fcgi) or systemd's socket\n"
		"  -o SECTION.KEY=VALUE  set an option, over file and "
		"environment\n"
		"  -t                    check the configuration and exit\n"
		"  -V                    print the version and exit\n"
		"  -h                    print this and exit\n",
		program);
}

static void take(struct command_line *line, int option)
{
	switch (option) {
	case 'c':
		line->file = optarg;
		break;
	case 'l':
	case 'o':
		break; /* their turn comes after the file and environment */
	case 't':
		line->test = true;
		break;
	case 'V':
		printf("krsession %s\n", PACKAGE_VERSION);
		line->status = 0;
		break;
	case 'h':
		print_usage(stdout, line->program);
		line->status = 0;
		break;
	default:
		print_usage(stderr, line->program);
		line->status = 2;
	}
}

static void read_options(struct command_line *line)
{
	int option;

	while (line->status < 0 &&
	       (option = getopt(line->argc, line->argv, OPTIONS)) != -1)
		take(line, option);
	if (line->status < 0 && optind < line->argc) {
		fprintf(stderr, "%s: '%s' is not expected\n", line->program,
			line->argv[optind]);
		print_usage(stderr, line->program);
		line->status = 2;
	}
}

static enum kr_err set_listen(struct kr_app *app, const char *address,
			      struct kri_buffer *why)
{
	struct kri_buffer text = KRI_BUFFER_EMPTY;
	enum kr_err err = KR_ERR_MEMORY;

	kri_buffer_printf(&text, "server.listen=%s", address);
	if (!text.failed)
		err = kri_config_assign(&app->config, text.data, why);
	kri_buffer_free(&text);
	return err;
}

/* The options that set options, in their order. */
static enum kr_err assign(struct kr_app *app, const struct command_line *line,
			  struct kri_buffer *why)
{
	enum kr_err err = KR_OK;
	int option;

	optind = 1;
	while (!err &&
	       (option = getopt(line->argc, line->argv, OPTIONS)) != -1) {
		if (option == 'o')
			err = kri_config_assign(&app->config, optarg, why);
		else if (option == 'l')
			err = set_listen(app, optarg, why);
	}
	return err;
}

/* File, environment, command line: the later wins. */
static enum kr_err configure(struct kr_app *app,
			     const struct command_line *line,
			     struct kri_buffer *why)
{
	enum kr_err err = KR_OK;

	if (line->file)
		err = kri_config_file(&app->config, line->file, why);
	if (!err)
		err = kri_config_environment(&app->config, environ, why);
	return err ? err : assign(app, line, why);
}

static int run(struct kr_app *app, const struct command_line *line,
	       struct kri_handover *handover)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	enum kr_err err = configure(app, line, &why);
	int status;

	status = err ? kri_app_refuse(err, handover, &why)
		     : kri_app_run(app, handover, line->test);
	kri_buffer_free(&why);
	if (line->test && !status)
		fprintf(stderr, "%s: the configuration is good\n",
			line->program);
	return status;
}

/* What a reload has told this process comes first, as it is no option. */
static int start(struct kr_app *app, struct command_line *line)
{
	struct kri_buffer why = KRI_BUFFER_EMPTY;
	struct kri_handover handover;
	enum kr_err err = kri_handover_take(&handover, line->argv, &why);
	int status;

	if (err)
		status = kri_app_refuse(err, &handover, &why);
	else
		status = run(app, line, &handover);
	kri_handover_free(&handover);
	kri_buffer_free(&why);
	return status;
}

int kr_app_main(struct kr_app *app, int argc, char **argv)
{
	struct command_line line = {
		.argc = argc,
		.argv = argv,
		.program = argc > 0 ? argv[0] : "krsession",
		.status = -1,
	};

	if (!app)
		return 2;
	read_options(&line);
	return line.status < 0 ? start(app, &line) : line.status;
}
