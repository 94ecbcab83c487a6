/*
 * merkle.h - the Merkle tree of RFC 9162, section 2.1: a root that binds the number, the order and
 * the content of its leaves, and the path that shows one leaf under it.
 *
 * Both programs compute the same one: PostgreSQL from its rows, the consumer from the documents.
 * Functions that hash are false only when OpenSSL has no memory. Must never hold more than a hash
 * for each level of the tree.
 */
#ifndef CAMPAIGN_CONTRACT_MERKLE_H
#define CAMPAIGN_CONTRACT_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_HASH_SIZE  32
#define MERKLE_LEVELS_MAX 64

/*
 * Neighbouring leaves that are compared at once. A power of two, so that the hash of each piece is
 * a node of the whole tree, that of the last, shorter one, too.
 */
#define MERKLE_PIECE 1024

typedef struct MerkleHash
{
	uint8_t bytes[MERKLE_HASH_SIZE];
} MerkleHash;

/* SHA-256, made once and used again and again; not to be shared by threads. NULL without memory. */
typedef struct MerkleHasher MerkleHasher;

MerkleHasher *merkle_hasher_new(void);
void merkle_hasher_free(MerkleHasher *hasher);

/* A leaf's bytes, in as many parts as there are; then its hash. */
bool merkle_leaf_begin(MerkleHasher *hasher);
bool merkle_leaf_add(MerkleHasher *hasher, const void *bytes, size_t length);
bool merkle_leaf_end(MerkleHasher *hasher, MerkleHash *leaf);

/* The leaves so far. Zeroed, it has none. */
typedef struct MerkleTree
{
	uint64_t size;
	int count; /* whole trees that are not joined yet, the largest first */
	MerkleHash joined[MERKLE_LEVELS_MAX];
} MerkleTree;

/* Adds a leaf; or a piece, all of them but the last of MERKLE_PIECE leaves, to a tree of pieces. */
bool merkle_add(MerkleTree *tree, MerkleHasher *hasher, const MerkleHash *hash);

/* The root of what was added; more can be added afterwards. */
bool merkle_root(const MerkleTree *tree, MerkleHasher *hasher, MerkleHash *root);

/*
 * The inclusion path (RFC 9162, 2.1.3.1) of the hash at `place`, from 0, among `count` of them, the
 * lowest node first. Returns its length, -1 on failure.
 */
int merkle_path(MerkleHasher *hasher, const MerkleHash *hashes, size_t count, size_t place,
				MerkleHash path[MERKLE_LEVELS_MAX]);

#endif /* CAMPAIGN_CONTRACT_MERKLE_H */
