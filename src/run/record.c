/*
 * record.c - one made-up record; see record.h.
 *
 * Everything is drawn from SplitMix64 (Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators", 2014) of seed and place. The phone number is
 * a permutation of the place instead: what is drawn would come twice.
 */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>

#define LENGTH_OF(array) ((int) (sizeof(array) / sizeof((array)[0])))

#define DRAWS		  4 /* for each record */
#define GOLDEN_GAMMA  UINT64_C(0x9E3779B97F4A7C15)
#define AREA_NUMBERS  INT64_C(40000000) /* in each area: 9 6000-0000 to 9 9999-9999 */
#define FIRST_NUMBER  INT64_C(960000000)
#define LOWEST_CENTS  500
#define CENTS_RANGE	  250000
#define PERCENT_STEPS 1000000.0

/* The areas of Brazil. */
static const uint8_t AREAS[] = {11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24, 27, 28, 31, 32, 33,
								34, 35, 37, 38, 41, 42, 43, 44, 45, 46, 47, 48, 49, 51, 53, 54, 55,
								61, 62, 63, 64, 65, 66, 67, 68, 69, 71, 73, 74, 75, 77, 79, 81, 82,
								83, 84, 85, 86, 87, 88, 89, 91, 92, 93, 94, 95, 96, 97, 98, 99};

static const char *const FIRST_NAMES[] = {
	"Ana",	   "Bruno",	 "Camila", "Daniel", "Eduarda", "Felipe", "Gabriela", "Heitor",
	"Isabela", "João",	 "Karina", "Lucas",	 "Mariana", "Nathan", "Olívia",	  "Paulo",
	"Quésia",  "Rafael", "Sofia",  "Tiago",	 "Úrsula",	"Vítor",  "Wesley",	  "Yasmin"};
static const char *const LAST_NAMES[] = {
	"Almeida", "Barbosa",	"Cardoso", "Dias",	   "Esteves", "Ferreira", "Gomes",	  "Henriques",
	"Ibrahim", "Junqueira", "Klein",   "Lima",	   "Martins", "Nogueira", "Oliveira", "Pereira",
	"Queiroz", "Ribeiro",	"Souza",   "Teixeira", "Uchoa",	  "Vieira",	  "Xavier",	  "Zanetti"};
static const char *const TIERS[] = {"BRONZE", "SILVER", "GOLD"};

_Static_assert(LENGTH_OF(AREAS) * AREA_NUMBERS == RECORD_NUMBERS, "places for numbers");

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

static uint64_t draw(int64_t seed, int64_t place, int which)
{
	return mix(mix((uint64_t) seed + GOLDEN_GAMMA) +
			   ((uint64_t) place * DRAWS + (uint64_t) which) * GOLDEN_GAMMA);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b != 0)
	{
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A step that is prime to the number of places comes to each of them once. */
RecordSeries record_series(int64_t seed, double vip_percent)
{
	RecordSeries series = {
		.seed = seed,
		.vip_percent = vip_percent,
		.first_number = (int64_t) (draw(seed, 0, 0) % RECORD_NUMBERS),
		.step = (int64_t) (draw(seed, 0, 1) % RECORD_NUMBERS),
	};

	while (common_divisor(series.step, RECORD_NUMBERS) != 1)
		series.step++;
	return series;
}

static const char *tier_of(uint64_t drawn, double vip_percent)
{
	/* The upper half decides on VIP, the lower one on the rest. */
	if ((double) ((drawn >> 32) % (uint64_t) PERCENT_STEPS) * 100 < vip_percent * PERCENT_STEPS)
		return "DIAMOND";
	return TIERS[(drawn & UINT32_MAX) % LENGTH_OF(TIERS)];
}

void record_make(const RecordSeries *series, int64_t place, Record *record)
{
	/* Below 2^63: both factors are below 2^31.4. */
	int64_t number = (series->first_number + series->step * place) % RECORD_NUMBERS;
	uint64_t names = draw(series->seed, place, 0);

	record->id = place;
	snprintf(record->phone_number, sizeof(record->phone_number), "+55%d%" PRId64,
			 AREAS[number / AREA_NUMBERS], FIRST_NUMBER + number % AREA_NUMBERS);
	snprintf(record->customer, sizeof(record->customer), "%s %s",
			 FIRST_NAMES[(names >> 32) % LENGTH_OF(FIRST_NAMES)],
			 LAST_NAMES[(names & UINT32_MAX) % LENGTH_OF(LAST_NAMES)]);
	record->cents = LOWEST_CENTS + (int64_t) (draw(series->seed, place, 1) % CENTS_RANGE);
	record->tier = tier_of(draw(series->seed, place, 2), series->vip_percent);
	record->vip = record->tier[0] == 'D';
}
