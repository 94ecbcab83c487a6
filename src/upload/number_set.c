/*
 * number_set.c - open addressing with linear probing, at most half full; hashed by
 * multiply-shift with a random multiplier (Dietzfelbinger et al., 1997).
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/memutils.h"

#include "number_set.h"

#define NUMBER_SET_BITS_MIN 10
#define NUMBER_SET_BITS_MAX 36
#define NUMBER_SET_MARK		(UINT64CONST(1) << 63)

static void allocate(NumberSet *set, int bits)
{
	set->bits = bits;
	set->slots = MemoryContextAllocExtended(set->context, sizeof(uint64) << bits,
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void number_set_create(NumberSet *set, uint64 expected)
{
	int bits = NUMBER_SET_BITS_MIN;

	while (bits < NUMBER_SET_BITS_MAX && UINT64CONST(1) << bits < 2 * expected)
		bits++;
	set->context = CurrentMemoryContext;
	set->multiplier = pg_prng_uint64(&pg_global_prng_state) | 1;
	set->count = 0;
	set->marked = 0;
	allocate(set, bits);
}

/* The slot of a number, or the free one where it belongs. */
static uint64 *find_slot(const NumberSet *set, uint64 digits)
{
	uint64 mask = (UINT64CONST(1) << set->bits) - 1;
	uint64 place = (digits * set->multiplier) >> (64 - set->bits);

	while (set->slots[place] != 0 && (set->slots[place] & ~NUMBER_SET_MARK) != digits)
		place = (place + 1) & mask;
	return &set->slots[place];
}

static void grow(NumberSet *set)
{
	uint64 *old = set->slots;
	uint64 size = UINT64CONST(1) << set->bits;

	allocate(set, set->bits + 1);
	for (uint64 i = 0; i < size; i++)
	{
		if (old[i] != 0)
			*find_slot(set, old[i] & ~NUMBER_SET_MARK) = old[i];
	}
	pfree(old);
}

bool number_set_add(NumberSet *set, uint64 digits)
{
	uint64 *slot = find_slot(set, digits);

	if (*slot != 0)
		return false;
	*slot = digits;
	set->count++;
	if (2 * set->count > UINT64CONST(1) << set->bits)
		grow(set);
	return true;
}

void number_set_mark(NumberSet *set, uint64 digits)
{
	uint64 *slot = find_slot(set, digits);

	if (*slot != digits)
		return;
	*slot |= NUMBER_SET_MARK;
	set->marked++;
}

bool number_set_is_marked(const NumberSet *set, uint64 digits)
{
	return (*find_slot(set, digits) & NUMBER_SET_MARK) != 0;
}
