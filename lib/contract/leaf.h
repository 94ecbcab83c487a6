/*
 * leaf.h - a message as a leaf of its campaign's Merkle tree (merkle.h).
 *
 * The one place that says which bytes are hashed: class (0 VIP, 1 NORMAL) in one byte, seq in
 * eight, big-endian; then identifier, number and text, and attributes if there are any, each as its
 * length in four bytes, big-endian, and its UTF-8. docs/contract has an example.
 */
#ifndef CAMPAIGN_CONTRACT_LEAF_H
#define CAMPAIGN_CONTRACT_LEAF_H

#include "merkle.h"
#include "message.h"

typedef struct LeafText
{
	const char *bytes; /* UTF-8, without an end */
	size_t length;
} LeafText;

typedef struct Leaf
{
	MessageClass class;
	int64_t seq;
	LeafText identifier;
	LeafText phone_number;
	LeafText message;
	LeafText attributes; /* canonical JSON: keys sorted, no blanks; .bytes NULL: none */
} Leaf;

/* False as merkle_leaf_end(). */
bool leaf_hash(MerkleHasher *hasher, const Leaf *leaf, MerkleHash *hash);

#endif /* CAMPAIGN_CONTRACT_LEAF_H */
