/*
 * encoding.c - decoding; see encoding.h.
 *
 * ISO 8859-1 is read as Windows-1252, as browsers do: files of that name hold it.
 */
#include "encoding.h"

#include <string.h>

#include "contract/utf8.h"

/* Windows-1252 from 0x80 to 0x9F; 0: no character. */
static const uint16_t WINDOWS1252[32] = {
	0x20AC, 0,		0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
	0x2039, 0x0152, 0,		0x017D, 0,		0,		0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,		0x017E, 0x0178};

bool encoding_of_name(const char *name, Encoding *encoding)
{
	static const struct
	{
		const char *name;
		Encoding encoding;
	} names[] = {{"utf8", ENCODING_UTF8},
				 {"utf16", ENCODING_UTF16},
				 {"utf16le", ENCODING_UTF16LE},
				 {"utf16be", ENCODING_UTF16BE},
				 {"windows1252", ENCODING_WINDOWS1252},
				 {"win1252", ENCODING_WINDOWS1252},
				 {"cp1252", ENCODING_WINDOWS1252},
				 {"latin1", ENCODING_WINDOWS1252},
				 {"iso88591", ENCODING_WINDOWS1252}};
	char folded[16];
	size_t length = 0;

	for (; *name != '\0'; name++)
	{
		if (*name == '-' || *name == '_' || *name == ' ')
			continue;
		if (length + 1 == sizeof(folded))
			return false;
		folded[length++] = (char) (*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);
	}
	folded[length] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i].name, folded) == 0)
		{
			*encoding = names[i].encoding;
			return true;
		}
	}
	return false;
}

static uint32_t unit_at(const char *data, bool big_endian)
{
	const unsigned char *bytes = (const unsigned char *) data;

	return big_endian ? (uint32_t) bytes[0] << 8 | bytes[1] : (uint32_t) bytes[1] << 8 | bytes[0];
}

static bool decode_utf16(const char *data, size_t size, bool big_endian, char *out, size_t *length)
{
	size_t used = 0;
	size_t at = 0;

	while (at + 1 < size)
	{
		uint32_t c = unit_at(data + at, big_endian);
		size_t width = 2;

		if (c >= 0xD800 && c <= 0xDFFF)
		{
			uint32_t low = at + 3 < size ? unit_at(data + at + 2, big_endian) : 0;

			if (c > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
				break;
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			width = 4;
		}
		used += utf8_put(c, out + used);
		at += width;
	}
	*length = at < size ? at : used;
	return at == size;
}

static bool decode_windows1252(const char *data, size_t size, char *out, size_t *length)
{
	size_t used = 0;

	for (size_t at = 0; at < size; at++)
	{
		uint32_t c = (unsigned char) data[at];

		if (c >= 0x80 && c <= 0x9F)
			c = WINDOWS1252[c - 0x80];
		if (c == 0 && data[at] != '\0')
		{
			*length = at;
			return false;
		}
		used += utf8_put(c, out + used);
	}
	*length = used;
	return true;
}

bool encoding_decode(Encoding encoding, const char *data, size_t size, char *out, size_t *length)
{
	switch (encoding)
	{
		case ENCODING_UTF16:
			return decode_utf16(data, size, size >= 2 && memcmp(data, "\xFE\xFF", 2) == 0, out,
								length);
		case ENCODING_UTF16LE:
		case ENCODING_UTF16BE:
			return decode_utf16(data, size, encoding == ENCODING_UTF16BE, out, length);
		case ENCODING_WINDOWS1252:
			return decode_windows1252(data, size, out, length);
		default:
			memcpy(out, data, size);
			*length = size;
			return true;
	}
}
