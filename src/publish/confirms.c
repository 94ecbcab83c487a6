/*
 * confirms.c - the ring of batches that the broker has to confirm.
 *
 * Confirms come batched (`multiple`) and out of order, and a nack is real. Must
 * never give a place away before its batch was taken: a tag that is then
 * confirmed would stand for another batch, which the broker may not have.
 */
#include "confirms.h"

void confirms_init(Confirms *confirms)
{
	confirms->waiting_bytes = 0;
	confirms->oldest = 1;
	confirms->next = 1;
}

size_t confirms_count(const Confirms *confirms)
{
	return (size_t) (confirms->next - confirms->oldest);
}

static size_t at_most(size_t count, size_t limit)
{
	return count < limit ? count : limit;
}

size_t confirms_room(const Confirms *confirms, size_t capacity, size_t queued, size_t bytes)
{
	size_t fit;

	if (confirms->waiting_bytes >= CONFIRMS_BYTES_MAX || queued >= capacity)
		return 0;
	fit = (capacity - queued) / bytes;
	return at_most(fit, CONFIRMS_MAX - confirms_count(confirms));
}

bool confirms_add(Confirms *confirms, ConfirmsTicket ticket, size_t bytes)
{
	if (confirms_count(confirms) >= CONFIRMS_MAX)
		return false;
	confirms->ring[confirms->next % CONFIRMS_MAX] =
		(ConfirmsEntry){.ticket = ticket, .bytes = bytes, .state = CONFIRMS_WAITING};
	confirms->waiting_bytes += bytes;
	confirms->next++;
	return true;
}

void confirms_settle(Confirms *confirms, uint64_t tag, bool multiple, bool acked)
{
	uint64_t first = multiple || tag < confirms->oldest ? confirms->oldest : tag;

	for (uint64_t t = first; t <= tag && t < confirms->next; t++)
	{
		ConfirmsEntry *entry = &confirms->ring[t % CONFIRMS_MAX];

		if (entry->state != CONFIRMS_WAITING)
			continue;
		entry->state = acked ? CONFIRMS_ACKED : CONFIRMS_NACKED;
		confirms->waiting_bytes -= entry->bytes;
	}
}

bool confirms_take(Confirms *confirms, ConfirmsTicket *ticket, bool *acked)
{
	const ConfirmsEntry *entry = &confirms->ring[confirms->oldest % CONFIRMS_MAX];

	if (confirms_count(confirms) == 0 || entry->state == CONFIRMS_WAITING)
		return false;
	*ticket = entry->ticket;
	*acked = entry->state == CONFIRMS_ACKED;
	confirms->oldest++;
	return true;
}
