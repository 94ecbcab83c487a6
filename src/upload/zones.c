/*
 * zones.c - looks the time zones of a phone number up in zone_table.c.
 */
#include "zones.h"

static const uint16_t no_zones[] = {ZONE_END};

static const ZonePrefix *find(uint32_t digits)
{
	int from = 0;
	int to = zone_prefixes_count;

	while (from < to)
	{
		int middle = from + (to - from) / 2;

		if (zone_prefixes[middle].digits == digits)
			return &zone_prefixes[middle];
		if (zone_prefixes[middle].digits < digits)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

const uint16_t *zones_of(const char *digits, size_t length)
{
	const uint16_t *zones = no_zones;
	uint32_t prefix = 0;

	if (length == 0 || digits[0] == '0')
		return zones;
	for (size_t i = 0; i < length && (int) i < zone_prefix_digits; i++)
	{
		const ZonePrefix *found;

		prefix = prefix * 10 + (uint32_t) (digits[i] - '0');
		found = find(prefix);
		if (found != NULL)
			zones = &zone_sets[found->set];
	}
	return zones;
}
