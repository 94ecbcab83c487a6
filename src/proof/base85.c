/*
 * base85.c - hashes as text that JSON takes as it is, in five characters for four bytes: a receipt
 * has to be short. The alphabet is that of RFC 1924, with which Python decodes it
 * (base64.b85decode).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_FUNCTION_INFO_V1(campaign_proof_base85);

#define GROUP_BYTES		 4
#define GROUP_CHARACTERS 5

static const char alphabet[] =
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/* campaign.proof_base85(hashes): a multiple of four bytes. */
Datum campaign_proof_base85(PG_FUNCTION_ARGS)
{
	bytea *hashes = PG_GETARG_BYTEA_PP(0);
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(hashes);
	size_t groups = VARSIZE_ANY_EXHDR(hashes) / GROUP_BYTES;
	text *encoded = palloc(VARHDRSZ + groups * GROUP_CHARACTERS);
	char *at = VARDATA(encoded);

	for (size_t group = 0; group < groups; group++, bytes += GROUP_BYTES, at += GROUP_CHARACTERS)
	{
		uint32 number =
			(uint32) bytes[0] << 24 | (uint32) bytes[1] << 16 | (uint32) bytes[2] << 8 | bytes[3];

		for (int i = GROUP_CHARACTERS - 1; i >= 0; i--)
		{
			at[i] = alphabet[number % 85];
			number /= 85;
		}
	}
	SET_VARSIZE(encoded, VARHDRSZ + groups * GROUP_CHARACTERS);
	PG_RETURN_TEXT_P(encoded);
}
