/*
 * segments.c - counts the segments of a text; see segments.h.
 *
 * Nearly every text is ASCII: a byte of it costs one look at a table.
 */
#include "segments.h"

#include "contract/utf8.h"

/* Septets of ASCII: the characters of the alphabet's extension take two. */
static const uint8_t ascii_septets[128] = {['\n'] = 1,		  ['\f'] = 2,		 ['\r'] = 1,
										   [' ' ... 'Z'] = 1, ['[' ... '^'] = 2, ['_'] = 1,
										   ['a' ... 'z'] = 1, ['{' ... '~'] = 2};

/* What of the alphabet is not ASCII, in the order of code points; the euro sign is its extension.
 */
static const uint32_t others[] = {0x00A1, 0x00A3, 0x00A4, 0x00A5, 0x00A7, 0x00BF, 0x00C4, 0x00C5,
								  0x00C6, 0x00C7, 0x00C9, 0x00D1, 0x00D6, 0x00D8, 0x00DC, 0x00DF,
								  0x00E0, 0x00E4, 0x00E5, 0x00E6, 0x00E8, 0x00E9, 0x00EC, 0x00F1,
								  0x00F2, 0x00F6, 0x00F8, 0x00F9, 0x00FC, 0x0393, 0x0394, 0x0398,
								  0x039B, 0x039E, 0x03A0, 0x03A3, 0x03A6, 0x03A8, 0x03A9, 0x20AC};

#define EURO 0x20AC

/* Segments are filled one after the other; a character is never split over two. */
typedef struct Packing
{
	int each;
	int used; /* units of the current segment */
	int segments;
	int units;
} Packing;

const char *segments_encoding_name(SegmentsEncoding encoding)
{
	return encoding == SEGMENTS_GSM7 ? "GSM-7" : "UCS-2";
}

int segments_septets(uint32_t character)
{
	size_t low = 0;
	size_t high = sizeof(others) / sizeof(*others);

	if (character < 0x80)
		return ascii_septets[character];
	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (others[middle] == character)
			return character == EURO ? 2 : 1;
		if (others[middle] < character)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

uint32_t segments_next(const char **at)
{
	unsigned char byte = (unsigned char) **at;

	if (byte == 0 || byte >= 0x80)
		return utf8_next(at);
	(*at)++;
	return byte;
}

static void pack(Packing *packing, int units)
{
	if (packing->used + units > packing->each)
	{
		packing->segments++;
		packing->used = 0;
	}
	packing->used += units;
	packing->units += units;
}

/* Only a plain spelling is more than one character. */
static void pack_character(Packing *packing, SegmentsEncoding encoding, uint32_t character,
						   bool plain)
{
	int septets = segments_septets(character);
	const char *spelling = plain && septets == 0 ? segments_plain(character) : NULL;

	if (spelling != NULL)
	{
		while ((character = segments_next(&spelling)) != 0)
			pack_character(packing, encoding, character, false);
	}
	else if (encoding == SEGMENTS_GSM7)
		pack(packing, septets);
	else
		pack(packing, character > 0xFFFF && character != UTF8_WRONG ? 2 : 1);
}

static Segments count_packed(const char *text, SegmentsEncoding encoding, bool plain)
{
	bool gsm7 = encoding == SEGMENTS_GSM7;
	int single = gsm7 ? SEGMENTS_GSM7_SINGLE : SEGMENTS_UCS2_SINGLE;
	Packing packing = {.each = gsm7 ? SEGMENTS_GSM7_EACH : SEGMENTS_UCS2_EACH};
	uint32_t character;

	while ((character = segments_next(&text)) != 0)
		pack_character(&packing, encoding, character, plain);
	if (packing.units == 0)
		return (Segments){encoding, 0, 0};
	return (Segments){encoding, packing.units, packing.units <= single ? 1 : packing.segments + 1};
}

/* Septets of a text that is in the alphabet as a whole; -1 if it is not. */
static int count_septets(const char *text, bool plain)
{
	int total = 0;

	for (;;)
	{
		uint32_t character;
		int septets;

		while ((septets = (unsigned char) *text < 0x80 ? ascii_septets[(unsigned char) *text] : 0) >
			   0)
		{
			total += septets;
			text++;
		}
		character = segments_next(&text);
		if (character == 0)
			return total;
		septets = segments_septets(character);
		if (septets == 0 && !(plain && segments_plain(character) != NULL))
			return -1;
		total += septets;
	}
}

Segments segments_count(const char *text, bool plain)
{
	int septets = count_septets(text, plain);

	if (septets < 0)
		return count_packed(text, SEGMENTS_UCS2, plain);
	if (plain || septets > SEGMENTS_GSM7_SINGLE)
		return count_packed(text, SEGMENTS_GSM7, plain);
	return (Segments){SEGMENTS_GSM7, septets, septets > 0};
}
