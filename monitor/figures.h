/*
 * figures.h - numbers as people read them. Pure.
 */
#ifndef CAMPAIGN_MONITOR_FIGURES_H
#define CAMPAIGN_MONITOR_FIGURES_H

#include <stdint.h>

#define FIGURE_SIZE 32

typedef struct Figure
{
	char text[FIGURE_SIZE];
} Figure;

/* 1,234,567 */
Figure figure_count(int64_t count);

/* 41.3 %: never 100.0 % before all is done; "-" of nothing. */
Figure figure_percent(int64_t done, int64_t total);

/* 9,500/s or 2.5/s; "-" if there is none. */
Figure figure_rate(double rate);

/* 0.110 ms, 2.50 ms, 250 ms or 2.5 s; "-" if there is none. */
Figure figure_mean(double mean_ms);

/* 7 s, 12 min, 5 h or 3 days; "-" if it is not known (MODEL_UNKNOWN_MS). */
Figure figure_duration(int64_t duration_ms);

#endif /* CAMPAIGN_MONITOR_FIGURES_H */
