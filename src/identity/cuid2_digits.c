/*
 * cuid2_digits.c - the leading digits in base 36 of a number of 512 bits.
 *
 * An identifier needs some 25 of its 100 digits. The number over 36^100 is a fraction, and each
 * multiplication by 36^12 moves twelve of its digits to the left of the point: thirty
 * multiplications instead of forty divisions. The fraction is too small by less than two units of
 * 2^-256: where these might carry into a digit that was taken, and where the digits that were
 * taken do not suffice, the number is divided after all.
 */
#include "cuid2.h"

#define DIGEST_SIZE	   64
#define LIMBS		   8
#define HALF		   4
#define CHUNK_DIGITS   12
#define CHUNK_BASE	   UINT64_C(4738381338321616896) /* 36^12: the greatest power in 64 bits */
#define CHUNKS		   9							 /* 2^512 < 36^100 */
#define LEADING_CHUNKS 3
#define SCALE_BITS	   4

/* 2^(772 = 512 + 256 + SCALE_BITS) / 36^100, least significant limb first. */
static const uint64_t reciprocal[HALF] = {
	UINT64_C(0x31e831b116b48214), UINT64_C(0x60acec5bf1ec44ea), UINT64_C(0x8080c9595be787bf),
	UINT64_C(0x80aac9c1b323a059)};

__extension__ typedef unsigned __int128 Uint128;

/* The digits of chunks, the highest first, as a text that grows without leading zeros. */
typedef struct Digits
{
	char *out;
	size_t wanted;
	size_t written;
} Digits;

/* Least significant limb first. */
static void read_limbs(const uint8_t digest[DIGEST_SIZE], uint64_t limbs[LIMBS])
{
	for (int i = 0; i < LIMBS; i++)
	{
		uint64_t limb = 0;

		for (int byte = 0; byte < 8; byte++)
			limb = limb << 8 | digest[(LIMBS - 1 - i) * 8 + byte];
		limbs[i] = limb;
	}
}

static void add_chunk(Digits *digits, uint64_t chunk)
{
	char text[CHUNK_DIGITS];
	int first = 0;

	for (int digit = CHUNK_DIGITS - 1; digit >= 0; digit--)
	{
		text[digit] = "0123456789abcdefghijklmnopqrstuvwxyz"[chunk % 36];
		chunk /= 36;
	}
	while (digits->written == 0 && first < CHUNK_DIGITS && text[first] == '0')
		first++;
	for (; first < CHUNK_DIGITS && digits->written < digits->wanted; first++)
		digits->out[digits->written++] = text[first];
}

/* The upper half of the number times the reciprocal: the number over 36^100, in 2^-256. */
static void make_fraction(const uint64_t limbs[LIMBS], uint64_t fraction[HALF])
{
	uint64_t product[LIMBS] = {0};

	for (int i = 0; i < HALF; i++)
	{
		uint64_t carry = 0;

		for (int j = 0; j < HALF; j++)
		{
			Uint128 sum = (Uint128) limbs[HALF + i] * reciprocal[j] + product[i + j] + carry;

			product[i + j] = (uint64_t) sum;
			carry = (uint64_t) (sum >> 64);
		}
		product[i + HALF] = carry;
	}
	for (int i = 0; i < HALF; i++)
	{
		uint64_t above = i + 1 < HALF ? product[HALF + i + 1] : 0;

		fraction[i] = product[HALF + i] >> SCALE_BITS | above << (64 - SCALE_BITS);
	}
}

/* The next twelve digits of the fraction, which loses them. */
static uint64_t take_chunk(uint64_t fraction[HALF])
{
	uint64_t carry = 0;

	for (int i = 0; i < HALF; i++)
	{
		Uint128 product = (Uint128) fraction[i] * CHUNK_BASE + carry;

		fraction[i] = (uint64_t) product;
		carry = (uint64_t) (product >> 64);
	}
	return carry;
}

/* False: so cannot be told. */
static bool by_multiplying(const uint64_t limbs[LIMBS], Digits *digits)
{
	uint64_t fraction[HALF];

	make_fraction(limbs, fraction);
	for (int i = 0; i < LEADING_CHUNKS; i++)
		add_chunk(digits, take_chunk(fraction));

	/* Two units times 36^36 are less than 2^-68 of what is left, whose highest limb is this. */
	return digits->written == digits->wanted && fraction[HALF - 1] != UINT64_MAX;
}

/*
 * Divides the number by CHUNK_BASE and returns the remainder. Each step is a 128-by-64-bit
 * division whose quotient fits 64 bits because the remainder is below the divisor.
 */
static uint64_t divide_by_chunk(uint64_t *limbs, int count)
{
	uint64_t remainder = 0;

	for (int i = count - 1; i >= 0; i--)
	{
		Uint128 value = ((Uint128) remainder << 64) | limbs[i];

		limbs[i] = (uint64_t) (value / CHUNK_BASE);
		remainder = (uint64_t) value - limbs[i] * CHUNK_BASE; /* a % would divide once more */
	}
	return remainder;
}

static void by_dividing(uint64_t limbs[LIMBS], Digits *digits)
{
	uint64_t chunks[CHUNKS];
	int used = LIMBS;

	for (int i = 0; i < CHUNKS; i++)
	{
		chunks[i] = divide_by_chunk(limbs, used);
		while (used > 0 && limbs[used - 1] == 0)
			used--;
	}
	for (int i = CHUNKS - 1; i >= 0 && digits->written < digits->wanted; i--)
		add_chunk(digits, chunks[i]);
}

size_t cuid2_leading_digits(const uint8_t digest[DIGEST_SIZE], char *out, size_t count)
{
	uint64_t limbs[LIMBS];
	Digits digits = {.out = out, .wanted = count};

	read_limbs(digest, limbs);
	if (!by_multiplying(limbs, &digits))
	{
		digits.written = 0;
		by_dividing(limbs, &digits);
	}
	out[digits.written] = '\0';
	return digits.written;
}
