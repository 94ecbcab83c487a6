/*
 * merkle.c - leaves, nodes, roots and paths; see merkle.h.
 *
 * Must never look a digest up for each hash: that costs more than the hash.
 */
#include "merkle.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_LEAF 0x00
#define PREFIX_NODE 0x01

/* A call of OpenSSL costs as much as a block of SHA-256: small parts are gathered. */
#define GATHERED 512

struct MerkleHasher
{
	EVP_MD *digest;
	EVP_MD_CTX *context;
	size_t length;
	uint8_t gathered[GATHERED];
};

MerkleHasher *merkle_hasher_new(void)
{
	MerkleHasher *hasher = calloc(1, sizeof(*hasher));

	if (hasher == NULL)
		return NULL;
	hasher->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	hasher->context = EVP_MD_CTX_new();
	if (hasher->digest != NULL && hasher->context != NULL &&
		EVP_DigestInit_ex2(hasher->context, hasher->digest, NULL) == 1)
		return hasher;
	merkle_hasher_free(hasher);
	return NULL;
}

void merkle_hasher_free(MerkleHasher *hasher)
{
	if (hasher == NULL)
		return;
	EVP_MD_CTX_free(hasher->context);
	EVP_MD_free(hasher->digest);
	free(hasher);
}

/* Without a digest the context begins anew with the one that it has. */
static bool begin(MerkleHasher *hasher)
{
	return EVP_DigestInit_ex2(hasher->context, NULL, NULL) == 1;
}

static bool end(MerkleHasher *hasher, MerkleHash *hash)
{
	return EVP_DigestFinal_ex(hasher->context, hash->bytes, NULL) == 1;
}

bool merkle_leaf_begin(MerkleHasher *hasher)
{
	hasher->gathered[0] = PREFIX_LEAF;
	hasher->length = 1;
	return begin(hasher);
}

static bool flush(MerkleHasher *hasher)
{
	size_t length = hasher->length;

	hasher->length = 0;
	return EVP_DigestUpdate(hasher->context, hasher->gathered, length) == 1;
}

bool merkle_leaf_add(MerkleHasher *hasher, const void *bytes, size_t length)
{
	if (length > GATHERED - hasher->length && !flush(hasher))
		return false;
	if (length > GATHERED)
		return EVP_DigestUpdate(hasher->context, bytes, length) == 1;
	memcpy(hasher->gathered + hasher->length, bytes, length);
	hasher->length += length;
	return true;
}

bool merkle_leaf_end(MerkleHasher *hasher, MerkleHash *leaf)
{
	return flush(hasher) && end(hasher, leaf);
}

static bool join(MerkleHasher *hasher, const MerkleHash *left, const MerkleHash *right,
				 MerkleHash *node)
{
	uint8_t bytes[1 + 2 * MERKLE_HASH_SIZE] = {PREFIX_NODE};

	memcpy(bytes + 1, left->bytes, MERKLE_HASH_SIZE);
	memcpy(bytes + 1 + MERKLE_HASH_SIZE, right->bytes, MERKLE_HASH_SIZE);
	return begin(hasher) && EVP_DigestUpdate(hasher->context, bytes, sizeof(bytes)) == 1 &&
		   end(hasher, node);
}

bool merkle_add(MerkleTree *tree, MerkleHasher *hasher, const MerkleHash *hash)
{
	tree->joined[tree->count++] = *hash;
	/* As a binary number carries: two whole trees of one size are a whole one of the next. */
	for (uint64_t size = tree->size++; (size & 1) != 0; size >>= 1)
	{
		MerkleHash *left = &tree->joined[tree->count - 2];

		if (!join(hasher, left, left + 1, left))
			return false;
		tree->count--;
	}
	return true;
}

bool merkle_root(const MerkleTree *tree, MerkleHasher *hasher, MerkleHash *root)
{
	if (tree->count == 0)
		return begin(hasher) && end(hasher, root);
	*root = tree->joined[tree->count - 1];
	for (int i = tree->count - 2; i >= 0; i--)
	{
		if (!join(hasher, &tree->joined[i], root, root))
			return false;
	}
	return true;
}

static bool root_of(MerkleHasher *hasher, const MerkleHash *hashes, size_t count, MerkleHash *root)
{
	MerkleTree tree = {0};

	for (size_t i = 0; i < count; i++)
	{
		if (!merkle_add(&tree, hasher, &hashes[i]))
			return false;
	}
	return merkle_root(&tree, hasher, root);
}

/* The largest power of two that is smaller than `count`, which is at least 2. */
static size_t split(size_t count)
{
	size_t left = 1;

	while (left < count - left)
		left *= 2;
	return left;
}

int merkle_path(MerkleHasher *hasher, const MerkleHash *hashes, size_t count, size_t place,
				MerkleHash path[MERKLE_LEVELS_MAX])
{
	int length = 0;

	/* From the root down, so the highest node comes first … */
	while (count > 1)
	{
		size_t left = split(count);
		bool is_left = place < left;
		const MerkleHash *other = is_left ? hashes + left : hashes;

		if (!root_of(hasher, other, is_left ? count - left : left, &path[length++]))
			return -1;
		count = is_left ? left : count - left;
		place -= is_left ? 0 : left;
		hashes += is_left ? 0 : left;
	}
	/* … and is turned round. */
	for (int i = 0; i < length / 2; i++)
	{
		MerkleHash swapped = path[i];

		path[i] = path[length - 1 - i];
		path[length - 1 - i] = swapped;
	}
	return length;
}
