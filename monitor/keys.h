/*
 * keys.h - what a key means: which campaign is selected, what is asked, what is to be done.
 *
 * Pure. A campaign is cancelled only by the answer to a question about that very campaign.
 */
#ifndef CAMPAIGN_MONITOR_KEYS_H
#define CAMPAIGN_MONITOR_KEYS_H

#include <stdbool.h>

#include "model.h"

#define KEYS_ID_SIZE 33
/* Of a name, what an answer repeats. */
#define KEYS_NAME_SIZE 128

/* Keys that are not characters. */
#define KEYS_UP	  1001
#define KEYS_DOWN 1002

typedef struct KeysOrder
{
	char verb[8]; /* pause, resume or cancel */
	char id[KEYS_ID_SIZE];
	char name[KEYS_NAME_SIZE];
} KeysOrder;

typedef struct Keys
{
	char selected[KEYS_ID_SIZE]; /* "": nothing to select */
	char asked[KEYS_ID_SIZE];	 /* the campaign that the open question is about; "": none */
} Keys;

typedef enum KeysAction
{
	KEYS_NOTHING,
	KEYS_ORDER, /* *order says what */
	KEYS_QUIT
} KeysAction;

/* The campaigns have changed: something is selected, if there is anything. */
void keys_follow(Keys *keys, const Model *model);

/* A key was pressed; `model` may be NULL. */
KeysAction keys_press(Keys *keys, const Model *model, int key, KeysOrder *order);

#endif /* CAMPAIGN_MONITOR_KEYS_H */
