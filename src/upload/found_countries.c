/*
 * found_countries.c - the counts of countries, as the answer of an upload has them; and the names
 * of countries as SQL gives them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "excerpt.h"
#include "found_countries.h"
#include "settings.h"

#define NAME_SHOWN 40 /* bytes, at most */

PG_FUNCTION_INFO_V1(campaign_country_name);
PG_FUNCTION_INFO_V1(campaign_country_calling_code);
PG_FUNCTION_INFO_V1(campaign_country_default);

char *found_countries_json(const FoundCountries *found)
{
	StringInfoData json;
	bool first = true;

	initStringInfo(&json);
	appendStringInfoString(&json, "\"countries\": {");
	for (int i = COUNTRY_NONE; i < countries_count; i++)
	{
		if (found->count[i + 1] == 0)
			continue;
		appendStringInfo(&json, "%s\"%s\": " INT64_FORMAT, first ? "" : ", ",
						 i == COUNTRY_NONE ? "+1" : countries[i].name, found->count[i + 1]);
		first = false;
	}
	appendStringInfo(&json, "}, \"assumed\": " INT64_FORMAT, found->assumed);
	return json.data;
}

/* campaign.country_name(text): the name by which a country is kept, NULL for none. */
Datum campaign_country_name(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	NumberRules rules;

	if (!number_rules_set(&rules, name))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("country \"%s\" is not known",
							   excerpt(name, (int) strlen(name), NAME_SHOWN)),
						errhint("Use its ISO code, such as BR, or its calling code, such as 55.")));
	PG_RETURN_TEXT_P(cstring_to_text(rules.home == NULL ? "none" : rules.home->name));
}

/* campaign.country_calling_code(text): of a country by its name; NULL for none. */
Datum campaign_country_calling_code(PG_FUNCTION_ARGS)
{
	NumberRules rules;

	if (!number_rules_set(&rules, text_to_cstring(PG_GETARG_TEXT_PP(0))) || rules.home == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(country_codes[rules.home->code].calling);
}

/* campaign.country_default(): what the setting says. */
Datum campaign_country_default(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(settings_country));
}
