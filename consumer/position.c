/*
 * position.c - a hash table of campaigns with a least-recently-used list; see
 * position.h. Memory is taken once, at the start.
 */
#include "position.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)

struct PositionTable
{
	int capacity;
	int used;
	int newest;
	int oldest;
	uint32_t mask;
	int32_t *buckets; /* first campaign of a chain, or NONE */
	PositionCampaign *campaigns;
};

PositionTable *position_new(int capacity)
{
	PositionTable *table = calloc(1, sizeof(*table));
	uint32_t buckets = 1;

	if (table == NULL)
		return NULL;
	while (buckets < (uint32_t) capacity)
		buckets <<= 1;
	table->capacity = capacity;
	table->mask = buckets - 1;
	table->buckets = malloc(buckets * sizeof(*table->buckets));
	table->campaigns = calloc((size_t) capacity, sizeof(*table->campaigns));
	if (table->buckets == NULL || table->campaigns == NULL)
	{
		position_free(table);
		return NULL;
	}
	position_clear(table);
	return table;
}

void position_free(PositionTable *table)
{
	if (table == NULL)
		return;
	free(table->buckets);
	free(table->campaigns);
	free(table);
}

void position_clear(PositionTable *table)
{
	table->used = 0;
	table->newest = NONE;
	table->oldest = NONE;
	for (uint32_t i = 0; i <= table->mask; i++)
		table->buckets[i] = NONE;
}

/* FNV-1a: ids are random already. */
static int32_t *bucket(PositionTable *table, const char *campaign_id)
{
	uint32_t hash = 2166136261U;

	for (; *campaign_id != '\0'; campaign_id++)
		hash = (hash ^ (unsigned char) *campaign_id) * 16777619U;
	return &table->buckets[hash & table->mask];
}

static void unlink_campaign(PositionTable *table, int index)
{
	PositionCampaign *campaign = &table->campaigns[index];

	if (campaign->newer != NONE)
		table->campaigns[campaign->newer].older = campaign->older;
	else
		table->newest = campaign->older;
	if (campaign->older != NONE)
		table->campaigns[campaign->older].newer = campaign->newer;
	else
		table->oldest = campaign->newer;
}

static void link_newest(PositionTable *table, int index)
{
	PositionCampaign *campaign = &table->campaigns[index];

	campaign->newer = NONE;
	campaign->older = table->newest;
	if (table->newest != NONE)
		table->campaigns[table->newest].newer = index;
	else
		table->oldest = index;
	table->newest = index;
}

static void chain(PositionTable *table, int index)
{
	int32_t *first = bucket(table, table->campaigns[index].id);

	table->campaigns[index].chain = *first;
	*first = index;
}

static void unchain(PositionTable *table, int index)
{
	int32_t *link = bucket(table, table->campaigns[index].id);

	while (*link != index)
		link = &table->campaigns[*link].chain;
	*link = table->campaigns[index].chain;
}

static int find(PositionTable *table, const char *campaign_id)
{
	int index = *bucket(table, campaign_id);

	while (index != NONE && strcmp(table->campaigns[index].id, campaign_id) != 0)
		index = table->campaigns[index].chain;
	return index;
}

PositionCampaign *position_find(PositionTable *table, const char *campaign_id)
{
	int index = find(table, campaign_id);

	if (index == NONE)
		return NULL;
	if (index != table->newest)
	{
		unlink_campaign(table, index);
		link_newest(table, index);
	}
	return &table->campaigns[index];
}

PositionCampaign *position_add(PositionTable *table, const char *campaign_id)
{
	int index;

	if (table->used < table->capacity)
		index = table->used++;
	else
	{
		index = table->oldest;
		unlink_campaign(table, index);
		unchain(table, index);
	}
	memset(&table->campaigns[index], 0, sizeof(table->campaigns[index]));
	memcpy(table->campaigns[index].id, campaign_id, strlen(campaign_id) + 1);
	chain(table, index);
	link_newest(table, index);
	return &table->campaigns[index];
}

void position_forget(PositionTable *table, const char *campaign_id)
{
	int index = find(table, campaign_id);
	int last = table->used - 1;

	if (index == NONE)
		return;
	unlink_campaign(table, index);
	unchain(table, index);
	table->used = last;
	if (index == last)
		return;

	/* The last entry moves into the hole: free places are always at the end. */
	unlink_campaign(table, last);
	unchain(table, last);
	table->campaigns[index] = table->campaigns[last];
	chain(table, index);
	link_newest(table, index);
}

PositionDecision position_decide(int64_t next, int64_t first, int64_t last, int64_t *from)
{
	if (first > next)
		return POSITION_GAP;
	if (last < next)
		return POSITION_DONE;
	*from = next;
	return POSITION_STORE;
}
