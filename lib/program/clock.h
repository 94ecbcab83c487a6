/*
 * clock.h - the monotonic clock, which nobody sets back: the only one by which
 * anything is waited for.
 */
#ifndef CAMPAIGN_PROGRAM_CLOCK_H
#define CAMPAIGN_PROGRAM_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);
int64_t clock_us(void);

#endif /* CAMPAIGN_PROGRAM_CLOCK_H */
