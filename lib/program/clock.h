/*
 * clock.h - the monotonic clock, which nobody sets back: the only one by which
 * anything is waited for. And that on the wall, for what people and other machines read.
 */
#ifndef CAMPAIGN_PROGRAM_CLOCK_H
#define CAMPAIGN_PROGRAM_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);
int64_t clock_us(void);

/* Milliseconds since 1970, as the machine's clock says now. */
int64_t clock_wall_ms(void);

#define CLOCK_NEVER INT64_MAX /* later than any time of this clock */

/* Milliseconds until then, as a wait for a latch or a socket takes them: 0 to INT_MAX. */
long clock_left_ms(int64_t until_ms);

#endif /* CAMPAIGN_PROGRAM_CLOCK_H */
