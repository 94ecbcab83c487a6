/*
 * keys.c - what a key means; see keys.h.
 */
#include "keys.h"

#include <stdio.h>
#include <string.h>

#include "contract/utf8.h"

static void select_campaign(Keys *keys, const Model *model, size_t place)
{
	snprintf(keys->selected, sizeof(keys->selected), "%s", model->campaigns[place].id);
}

/* Where the selected campaign is in the list; `count` if it is not there. */
static size_t selected_place(const Keys *keys, const Model *model)
{
	size_t place = 0;

	while (place < model->count && strcmp(model->campaigns[place].id, keys->selected) != 0)
		place++;
	return place;
}

void keys_follow(Keys *keys, const Model *model)
{
	if (*keys->asked != '\0' && model_find(model, keys->asked) == NULL)
		keys->asked[0] = '\0';
	if (model->count == 0)
		keys->selected[0] = '\0';
	else if (selected_place(keys, model) == model->count)
		select_campaign(keys, model, 0);
}

static void move(Keys *keys, const Model *model, int by)
{
	size_t place = selected_place(keys, model);

	if (by < 0 && place > 0 && place < model->count)
		select_campaign(keys, model, place - 1);
	else if (by > 0 && place + 1 < model->count)
		select_campaign(keys, model, place + 1);
}

static KeysAction order_for(const Model *model, const char *id, const char *verb, KeysOrder *order)
{
	const ModelCampaign *campaign = model_find(model, id);
	const char *name = campaign != NULL ? campaign->name : id;

	(void) utf8_clean(order->name, sizeof(order->name), name, strlen(name));
	snprintf(order->id, sizeof(order->id), "%s", id);
	snprintf(order->verb, sizeof(order->verb), "%s", verb);
	return KEYS_ORDER;
}

/* Whatever is not yes means no. */
static KeysAction answer(Keys *keys, const Model *model, int key, KeysOrder *order)
{
	char asked[KEYS_ID_SIZE];

	memcpy(asked, keys->asked, sizeof(asked));
	keys->asked[0] = '\0';
	return key == 'y' || key == 'Y' ? order_for(model, asked, "cancel", order) : KEYS_NOTHING;
}

KeysAction keys_press(Keys *keys, const Model *model, int key, KeysOrder *order)
{
	if (*keys->asked != '\0')
		return answer(keys, model, key, order);
	if (key == 'q' || key == 'Q')
		return KEYS_QUIT;
	if (model == NULL || *keys->selected == '\0')
		return KEYS_NOTHING;
	switch (key)
	{
		case KEYS_UP:
		case 'k':
			move(keys, model, -1);
			return KEYS_NOTHING;
		case KEYS_DOWN:
		case 'j':
			move(keys, model, 1);
			return KEYS_NOTHING;
		case 'p':
			return order_for(model, keys->selected, "pause", order);
		case 'r':
			return order_for(model, keys->selected, "resume", order);
		case 'c':
			memcpy(keys->asked, keys->selected, sizeof(keys->asked));
			return KEYS_NOTHING;
		default:
			return KEYS_NOTHING;
	}
}
