/*
 * packed.h - the numbers that a campaign already has, in a form that is quick to read:
 * what a further file is compared with.
 */
#ifndef CAMPAIGN_PACKED_H
#define CAMPAIGN_PACKED_H

#include "postgres.h"

#include "number_list.h"
#include "number_set.h"

/* How a class stands. */
typedef struct Packed
{
	Datum campaign_id; /* text */
	Datum class;	   /* campaign.recipient_class */
	int64 until;	   /* the seq up to which its numbers are packed */
	NumberList loose;  /* the numbers after that, which are rows only */
	bool preview;	   /* nothing is to be written: what is loose stays so */
} Packed;

/* A class of a campaign without recipients. */
void packed_create(Packed *packed, Datum campaign_id, Datum class);

/* Marks in the set what the campaign has in any class, and looks how this class stands. */
void packed_compare(Packed *packed, Oid class_type, NumberSet *seen);

/* Packs numbers that have just become rows, unless they are too few to be worth it. */
void packed_append(Packed *packed, const NumberList *numbers);

#endif /* CAMPAIGN_PACKED_H */
