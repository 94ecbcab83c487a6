/*
 * zones.h - the time zones that a phone number may be in, by its leading digits.
 *
 * The tables are Google's libphonenumber metadata, written into zone_table.c by zones.py.
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_ZONES_H
#define CAMPAIGN_ZONES_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_END UINT16_MAX /* behind the last zone of a set */

typedef struct ZonePrefix
{
	uint32_t digits; /* no calling code begins with 0 */
	uint16_t set;	 /* its first zone in zone_sets */
} ZonePrefix;

extern const char zone_table_version[];
extern const char *const zone_names[];
extern const int zone_names_count;
extern const uint16_t zone_sets[];
extern const ZonePrefix zone_prefixes[];
extern const int zone_prefixes_count;
extern const int zone_prefix_digits; /* of the longest one */

/*
 * The zones of an international number, its digits without a plus: places in zone_names, behind the
 * last one ZONE_END. The longest prefix that is known decides; if none is, there are no zones.
 */
const uint16_t *zones_of(const char *digits, size_t length);

#endif /* CAMPAIGN_ZONES_H */
