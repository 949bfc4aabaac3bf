/*
 * Outages: what many loops find out is said once, and so is the end of it.
 */
#include "redis/outage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

static struct kri_outages outages;
static FILE *caught; /* what stderr is during a test */
static int real_stderr;
static char text[4096];

static int setup(void **state)
{
	(void)state;
	kri_log_setup(KRI_LOG_INFO, KRI_LOG_TEXT);
	kri_outages_init(&outages);
	caught = tmpfile();
	real_stderr = dup(STDERR_FILENO);
	return !caught || dup2(fileno(caught), STDERR_FILENO) < 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(caught);
	kri_outages_free(&outages);
	return 0;
}

/* How often that stands in what has been logged. */
static int logged(const char *words)
{
	ssize_t n = pread(fileno(caught), text, sizeof(text) - 1, 0);
	int times = 0;

	text[n > 0 ? n : 0] = '\0';
	for (const char *at = text; (at = strstr(at, words)); at++)
		times++;
	return times;
}

static void an_outage_is_said_once(void **state)
{
	(void)state;
	kri_outage_begin(&outages, "a:1", "Connection refused",
			 KRI_OUTAGE_SERVER);
	kri_outage_begin(&outages, "a:1", "no answer in time",
			 KRI_OUTAGE_SERVER);
	assert_int_equal(logged("redis a:1: Connection refused; sessions "
				"answer 503 until it is back"),
			 1);
	assert_int_equal(logged("\n"), 1);
}

static void so_is_its_end(void **state)
{
	(void)state;
	kri_outage_begin(&outages, "a:1", "Connection refused",
			 KRI_OUTAGE_SERVER);
	kri_outage_end(&outages, "a:1");
	kri_outage_end(&outages, "a:1");
	assert_int_equal(logged("warning redis a:1: back after "), 1);
	assert_int_equal(logged("\n"), 2);
}

static void there_is_no_end_without_a_beginning(void **state)
{
	(void)state;
	kri_outage_end(&outages, "a:1");
	assert_int_equal(logged("\n"), 0);
}

static void the_next_outage_is_said_again(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		kri_outage_begin(&outages, "a:1", "Connection refused",
				 KRI_OUTAGE_SERVER);
		kri_outage_end(&outages, "a:1");
	}
	assert_int_equal(logged("\n"), 4);
}

static void each_server_has_its_own(void **state)
{
	(void)state;
	kri_outage_begin(&outages, "a:1", "Connection refused",
			 KRI_OUTAGE_NODE);
	kri_outage_begin(&outages, "a:2", "Connection refused",
			 KRI_OUTAGE_NODE);
	kri_outage_end(&outages, "a:2");
	assert_int_equal(logged("until it, or another for it, is there"), 2);
	assert_int_equal(logged("a:2: back"), 1);
	assert_int_equal(logged("a:1: back"), 0);
}

static void it_is_known_since_when_the_first_is_away(void **state)
{
	int64_t since;

	(void)state;
	assert_int_equal(kri_outages_since(&outages), 0);
	kri_outage_begin(&outages, "a:1", "Connection refused",
			 KRI_OUTAGE_NODE);
	since = kri_outages_since(&outages);
	assert_true(since > 0);
	kri_outage_begin(&outages, "a:2", "Connection refused",
			 KRI_OUTAGE_NODE);
	assert_int_equal(kri_outages_since(&outages), since);
	kri_outage_end(&outages, "a:1");
	assert_true(kri_outages_since(&outages) >= since);
	kri_outage_end(&outages, "a:2");
	assert_int_equal(kri_outages_since(&outages), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_outage_is_said_once),
		TEST(so_is_its_end),
		TEST(there_is_no_end_without_a_beginning),
		TEST(the_next_outage_is_said_again),
		TEST(each_server_has_its_own),
		TEST(it_is_known_since_when_the_first_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
