/*
 * figures.c - numbers as people read them; see figures.h.
 */
#include "figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GROUP 3

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

static Figure none(void)
{
	return (Figure){"-"};
}

Figure figure_count(int64_t count)
{
	Figure figure = {""};
	char digits[FIGURE_SIZE];
	int length = snprintf(digits, sizeof(digits), "%lld", (long long) count);
	size_t used = 0;

	for (int i = 0; i < length && used < FIGURE_SIZE - 2; i++)
	{
		figure.text[used++] = digits[i];
		if (digits[i] != '-' && i + 1 < length && (length - i - 1) % GROUP == 0)
			figure.text[used++] = ',';
	}
	figure.text[used] = '\0';
	return figure;
}

Figure figure_percent(int64_t done, int64_t total)
{
	Figure figure;

	if (total <= 0)
		return none();
	/* Cut off, not rounded: what is not complete must not look so. */
	snprintf(figure.text, sizeof(figure.text), "%.1f %%",
			 floor((double) done * 1000.0 / (double) total) / 10.0);
	return figure;
}

Figure figure_rate(double rate)
{
	Figure figure;

	if (isnan(rate))
		return none();
	if (rate >= 10)
		figure = figure_count((int64_t) llround(rate));
	else
		snprintf(figure.text, sizeof(figure.text), "%.1f", rate);
	strncat(figure.text, "/s", sizeof(figure.text) - strlen(figure.text) - 1);
	return figure;
}

Figure figure_mean(double mean_ms)
{
	Figure figure;

	if (isnan(mean_ms))
		return none();
	if (mean_ms < 1)
		snprintf(figure.text, sizeof(figure.text), "%.3f ms", mean_ms);
	else if (mean_ms < 10)
		snprintf(figure.text, sizeof(figure.text), "%.2f ms", mean_ms);
	else if (mean_ms < (double) SECOND_MS)
		snprintf(figure.text, sizeof(figure.text), "%.0f ms", mean_ms);
	else
		snprintf(figure.text, sizeof(figure.text), "%.1f s", mean_ms / (double) SECOND_MS);
	return figure;
}

Figure figure_duration(int64_t duration_ms)
{
	Figure figure;

	if (duration_ms < 0)
		return none();
	if (duration_ms < 2 * MINUTE_MS)
		snprintf(figure.text, sizeof(figure.text), "%lld s", (long long) (duration_ms / SECOND_MS));
	else if (duration_ms < 2 * HOUR_MS)
		snprintf(figure.text, sizeof(figure.text), "%lld min",
				 (long long) (duration_ms / MINUTE_MS));
	else if (duration_ms < 2 * DAY_MS)
		snprintf(figure.text, sizeof(figure.text), "%lld h", (long long) (duration_ms / HOUR_MS));
	else
		snprintf(figure.text, sizeof(figure.text), "%lld days", (long long) (duration_ms / DAY_MS));
	return figure;
}
