/*
 * test_sometimes.c - a mark that is reached leaves one file for its process, and disturbs nobody.
 *
 * links: lib/program/sometimes.c -DCAMPAIGN_SOMETIMES
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/program/sometimes.h"

static char folder[] = "/tmp/campaign-sometimes.XXXXXX";

static int make_folder(void **state)
{
	(void) state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return mkdtemp(folder) == NULL || setenv("SOMETIMES_DIR", folder, 1) != 0;
}

/* What is in the folder, which is empty afterwards; `names` gets the last one. */
static int take(char *name, size_t size)
{
	DIR *open = opendir(folder);
	struct dirent *entry;
	int count = 0;

	assert_non_null(open);
	while ((entry = readdir(open)) != NULL)
	{
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, size, "%s", entry->d_name);
		assert_int_equal(unlinkat(dirfd(open), name, 0), 0);
		count++;
	}
	closedir(open);
	return count;
}

static int remove_folder(void **state)
{
	(void) state;
	return rmdir(folder);
}

static void reach(void)
{
	SOMETIMES("unit.reached");
}

static void test_noted_once_in_a_process(void **state)
{
	char wanted[64];
	char name[NAME_MAX + 1];
	pid_t child;
	int status;

	(void) state;
	child = fork();
	if (child == 0)
	{
		reach();
		reach();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	reach();
	assert_int_equal(take(name, sizeof(name)), 2);
	reach();
	assert_int_equal(take(name, sizeof(name)), 0);
	SOMETIMES("unit.reached");
	assert_int_equal(take(name, sizeof(name)), 1);
	snprintf(wanted, sizeof(wanted), "unit.reached.%ld", (long) getpid());
	assert_string_equal(name, wanted);
}

static void test_condition(void **state)
{
	char name[NAME_MAX + 1];

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		SOMETIMES_IF(i > 5, "unit.never");
		SOMETIMES_IF(i == 2, "unit.at_two");
		assert_int_equal(take(name, sizeof(name)), i == 2);
	}
	assert_non_null(strstr(name, "unit.at_two."));
}

/* Marks stand between a call that fails and whoever reads why. */
static void test_errno_stays(void **state)
{
	char name[NAME_MAX + 1];

	(void) state;
	errno = ERANGE;
	sometimes_note("unit.noted");
	assert_int_equal(errno, ERANGE);
	assert_int_equal(take(name, sizeof(name)), 1);
	setenv("SOMETIMES_DIR", "/nonexistent/folder", 1);
	sometimes_note("unit.noted");
	assert_int_equal(errno, ERANGE);
}

static void test_nobody_asks(void **state)
{
	char name[NAME_MAX + 1];

	(void) state;
	unsetenv("SOMETIMES_DIR");
	sometimes_note("unit.noted");
	assert_int_equal(take(name, sizeof(name)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_noted_once_in_a_process, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_condition, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_errno_stays, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_nobody_asks, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
