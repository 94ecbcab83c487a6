/*
 * record.h - the records that campaign_generate() makes: made up, the same for
 * the same seed on every machine, and no phone number twice in a run.
 *
 * Pure: no PostgreSQL header, no allocation, no state.
 */
#ifndef CAMPAIGN_RUN_RECORD_H
#define CAMPAIGN_RUN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* Places for numbers: that many records have a number of their own. */
#define RECORD_NUMBERS INT64_C(2680000000)

#define RECORD_PHONE_SIZE	 16 /* "+55", two digits of the area, nine of the number, NUL */
#define RECORD_CUSTOMER_SIZE 48

typedef struct Record
{
	int64_t id; /* its place in the run, from 1 */
	char phone_number[RECORD_PHONE_SIZE];
	char customer[RECORD_CUSTOMER_SIZE];
	int64_t cents; /* the amount, above 0 */
	const char *tier;
	bool vip; /* tier DIAMOND */
} Record;

/* All records of a seed. */
typedef struct RecordSeries
{
	int64_t seed;
	double vip_percent;
	int64_t first_number;
	int64_t step;
} RecordSeries;

/* So many of a hundred records are DIAMOND. */
RecordSeries record_series(int64_t seed, double vip_percent);

/* The record in this place, 1 to RECORD_NUMBERS. */
void record_make(const RecordSeries *series, int64_t place, Record *record);

#endif /* CAMPAIGN_RUN_RECORD_H */
