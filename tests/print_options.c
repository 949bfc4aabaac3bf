/*
 * Prints what is made of the table of options, for make update-options: the
 * sample file, or the manual page.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int main(int argc, char **argv)
{
	struct kri_buffer out = KRI_BUFFER_EMPTY;
	int status = 1;

	if (argc == 2 && !strcmp(argv[1], "sample"))
		kri_config_sample(&out);
	else if (argc == 2 && !strcmp(argv[1], "manual"))
		kri_config_manual(&out);
	if (!out.failed && out.len)
		status = fputs(out.data, stdout) < 0 || fclose(stdout);
	kri_buffer_free(&out);
	return status;
}
