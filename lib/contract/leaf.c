/*
 * leaf.c - the bytes of a leaf; see leaf.h.
 */
#include "leaf.h"

static void put_big_endian(uint8_t *at, uint64_t number, int size)
{
	for (int i = size - 1; i >= 0; i--)
	{
		at[i] = (uint8_t) (number & 0xFF);
		number >>= 8;
	}
}

static bool add_text(MerkleHasher *hasher, const LeafText *text)
{
	uint8_t length[4];

	put_big_endian(length, text->length, sizeof(length));
	return merkle_leaf_add(hasher, length, sizeof(length)) &&
		   merkle_leaf_add(hasher, text->bytes, text->length);
}

bool leaf_hash(MerkleHasher *hasher, const Leaf *leaf, MerkleHash *hash)
{
	uint8_t head[9];

	head[0] = (uint8_t) leaf->class;
	put_big_endian(head + 1, (uint64_t) leaf->seq, 8);
	return merkle_leaf_begin(hasher) && merkle_leaf_add(hasher, head, sizeof(head)) &&
		   add_text(hasher, &leaf->identifier) && add_text(hasher, &leaf->phone_number) &&
		   add_text(hasher, &leaf->message) &&
		   (leaf->attributes.bytes == NULL || add_text(hasher, &leaf->attributes)) &&
		   merkle_leaf_end(hasher, hash);
}
