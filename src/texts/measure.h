/*
 * measure.h - what recipients get, one after the other: segments, gaps, the first texts.
 *
 * For the recipients of a campaign, and for the rows of a file that are none yet.
 */
#ifndef CAMPAIGN_TEXTS_MEASURE_H
#define CAMPAIGN_TEXTS_MEASURE_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct Measure Measure;

typedef struct MeasureRecipient
{
	const char *class;
	int64 seq;
	const char *phone_number;
	const char *text;		/* UTF-8; NULL: none of its own */
	const char *attributes; /* canonical, UTF-8; NULL: none */
} MeasureRecipient;

/*
 * Begins, in the current memory context; an error if the braces of the message, which is UTF-8
 * and has to stay in place, make no sense. samples: how many texts are kept.
 */
Measure *measure_open(const char *message, bool has_placeholders, int samples);

/* Whether attributes are looked at. */
bool measure_is_filling(const Measure *measure);

/* Adds a recipient. */
void measure_add(Measure *measure, const MeasureRecipient *recipient);

/* Adds so many who get the message as it is. */
void measure_add_same(Measure *measure, int64 recipients);

/* Appends "segments", "problem_count", "problems" and "absent": the members of a JSON object. */
void measure_put(const Measure *measure, StringInfo json);

/* The texts that were kept, as elements of a JSON array. */
const char *measure_samples(const Measure *measure);

#endif /* CAMPAIGN_TEXTS_MEASURE_H */
