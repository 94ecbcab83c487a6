/*
 * test_mailer_config.c - the mailer's settings, and SMTP_URL taken apart (R4.2).
 *
 * links: mailer/config.c mailer/smtp_url.c mailer/headers.c mailer/address.c
 * links: lib/program/settings.c lib/program/option.c lib/program/dotenv.c lib/program/urls.c
 * links: lib/contract/error.c lib/contract/utf8.c libcurl libpq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailer/config.h"
#include "mailer/smtp_url.h"

static Config config;
static Error error;

static bool load(char *first, char *second, char *third)
{
	char *argv[] = {"campaign-mailer"};
	char *environment[] = {"MAILER_DATABASE_URL=postgresql://u:secret@h/d", first, second, third,
						   NULL};

	error = (Error){0};
	(void) config_load(1, argv, environment, &config, &error);
	return error.code == ERROR_NONE && config_check(&config, &error);
}

static void assert_refused(const char *text)
{
	assert_int_equal(error.code, ERROR_CONFIG);
	if (strstr(error.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
	assert_null(strstr(error.text, "secret"));
}

#define SMTP "SMTP_URL=smtp://u:secret@h:587"
#define FROM "MAILER_FROM=a@example.com"

static void test_defaults(void **state)
{
	(void) state;
	assert_true(load(SMTP, FROM, NULL));
	assert_int_equal(config.tls, CONFIG_TLS_REQUIRED);
	assert_string_equal(config.domain, "example.com");
	assert_int_equal(config.poll_interval_s, 60);
	/* RFC 5321, 4.5.3.2: five minutes for MAIL and RCPT, ten for the whole mail. */
	assert_int_equal(config.send_timeout_s, 300);
	assert_int_equal(config.answer_timeout_s, 600);
	assert_true(load(SMTP, FROM, "MAILER_DOMAIN=mail.example.org"));
	assert_string_equal(config.domain, "mail.example.org");
	assert_true(load(SMTP, FROM, "SMTP_TLS=optional"));
	assert_int_equal(config.tls, CONFIG_TLS_OPTIONAL);
}

static void test_wrong_settings(void **state)
{
	(void) state;
	assert_false(load(FROM, NULL, NULL));
	assert_refused("SMTP_URL is not set");
	assert_false(load(SMTP, NULL, NULL));
	assert_refused("MAILER_FROM is not set");
	assert_false(load(SMTP, "MAILER_FROM=nobody", NULL));
	assert_refused("MAILER_FROM: the address has no @");
	assert_false(load(SMTP, "MAILER_FROM=jos\xC3\xA9@example.com", NULL));
	assert_refused("MAILER_FROM must be ASCII");
	assert_false(load(SMTP, "MAILER_FROM=a@b.c\r\nBcc: x@y.z", NULL));
	assert_refused("MAILER_FROM");
	assert_false(load(SMTP, FROM, "MAILER_FROM_NAME=a\nb"));
	assert_refused("MAILER_FROM_NAME: From: a control character");
	assert_false(load(SMTP, FROM, "MAILER_DOMAIN=a>b"));
	assert_refused("MAILER_DOMAIN must be");
	assert_false(load(SMTP, FROM, "SMTP_TLS=never"));
	assert_refused("environment: SMTP_TLS must be one of required|optional");
	assert_false(load(SMTP, FROM, "SMTP_CA_FILE=/nonexistent"));
	assert_refused("SMTP_CA_FILE cannot be read");
	assert_false(load(SMTP, FROM, "MAILER_POLL_INTERVAL=0"));
	assert_refused("MAILER_POLL_INTERVAL must be a whole number from 1 to 3600");
	assert_false(load("SMTP_URL=smtp://u:se@cret@h", FROM, NULL));
	assert_refused("SMTP_URL: user and password must be percent-encoded");
}

static void test_a_file_shared_with_the_consumer(void **state)
{
	FILE *file = fopen(".env", "w");

	(void) state;
	assert_non_null(file);
	assert_true(fputs("CAMPAIGN_PREFETCH=1\nDATABASE_URL=x\nMAILER_FORM=a@b.c\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_false(load(SMTP, FROM, NULL));
	assert_refused(".env:3: unknown setting MAILER_FORM");
	assert_int_equal(unlink(".env"), 0);
}

static void test_smtp_urls(void **state)
{
	SmtpUrl url;

	(void) state;
	assert_true(smtp_url_parse("smtp://a%40b.c:p%2Fw%25@mail.example.com:587", &url, &error));
	assert_string_equal(url.url, "smtp://mail.example.com:587/");
	assert_string_equal(url.user, "a@b.c");
	assert_string_equal(url.password, "p/w%");
	assert_false(url.implicit_tls);
	assert_true(smtp_url_parse("SMTPS://[::1]/greeting.example.com", &url, &error));
	assert_true(url.implicit_tls);
	assert_non_null(strstr(url.url, "[::1]/greeting.example.com"));
	assert_string_equal(url.user, "");
	smtp_url_wipe(&url);
	assert_string_equal(url.url, "");
}

static void test_wrong_smtp_urls(void **state)
{
	static const char *const wrong[] = {"",
										"mail.example.com",
										"http://u:secret@h",
										"smtp://",
										"smtp://u:secret@h:99999",
										"smtp://u:secret@h:x",
										"smtp://u:secret@",
										"smtp://secret@h",
										"smtp://:secret@h",
										"smtp://u:secret@h?x=1",
										"smtp://u:secret@h/#x",
										"smtp://u:secret%0D%0A@h",
										"smtp://u:secret@h h"};

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
	{
		SmtpUrl url;

		error = (Error){0};
		if (smtp_url_parse(wrong[i], &url, &error))
			fail_msg("taken: %s", wrong[i]);
		assert_refused("SMTP_URL");
		assert_string_equal(url.password, "");
	}
}

static int enter_directory(void **state)
{
	static char name[] = "/tmp/test_mailer_config.XXXXXX";

	*state = mkdtemp(name);
	return *state == NULL || chdir(name) != 0;
}

static int leave_directory(void **state)
{
	(void) unlink(".env");
	return chdir("/") != 0 || rmdir(*state) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_wrong_settings),
		cmocka_unit_test(test_a_file_shared_with_the_consumer),
		cmocka_unit_test(test_smtp_urls),
		cmocka_unit_test(test_wrong_smtp_urls),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
