/*
 * phone_zones.c - phone_number_zones() of SQL; zones.c knows the answer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "excerpt.h"
#include "zones.h"

#define PHONE_DIGITS_MAX 15
#define PHONE_SHOWN		 40 /* bytes, at most */

PG_FUNCTION_INFO_V1(campaign_phone_number_zones);

/* phone_number_zones(text): what a person writes between the digits does not count. */
Datum campaign_phone_number_zones(PG_FUNCTION_ARGS)
{
	text *argument = PG_GETARG_TEXT_PP(0);
	const char *bytes = VARDATA_ANY(argument);
	int length = VARSIZE_ANY_EXHDR(argument);
	char digits[PHONE_DIGITS_MAX];
	int count = 0;
	const uint16_t *zones;
	ArrayBuildState *names = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	for (int i = 0; i < length; i++)
	{
		if (bytes[i] >= '0' && bytes[i] <= '9' && count < PHONE_DIGITS_MAX)
			digits[count++] = bytes[i];
		else if (strchr("+ -.()/", bytes[i]) == NULL || bytes[i] == '\0')
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"%s\" is not an international phone number",
								   excerpt(bytes, length, PHONE_SHOWN))));
	}
	for (zones = zones_of(digits, (size_t) count); *zones != ZONE_END; zones++)
		names = accumArrayResult(names, CStringGetTextDatum(zone_names[*zones]), false, TEXTOID,
								 CurrentMemoryContext);
	PG_RETURN_DATUM(makeArrayResult(names, CurrentMemoryContext));
}
