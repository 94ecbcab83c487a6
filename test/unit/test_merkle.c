/*
 * test_merkle.c - roots and paths of RFC 9162 (R5.1), beside a second implementation that follows
 * the text of the RFC, and the vectors that Certificate Transparency's implementations share.
 *
 * links: lib/contract/merkle.c lib/contract/leaf.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "lib/contract/leaf.h"
#include "lib/contract/merkle.h"

#define LEAVES 2100

static MerkleHasher *hasher;
static MerkleHash leaves[LEAVES];

static MerkleHash from_hex(const char *hex)
{
	MerkleHash hash;

	assert_int_equal(strlen(hex), 2 * MERKLE_HASH_SIZE);
	for (int i = 0; i < MERKLE_HASH_SIZE; i++)
	{
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		hash.bytes[i] = (uint8_t) strtol(digits, NULL, 16);
	}
	return hash;
}

static MerkleHash leaf_of(const char *bytes, size_t length)
{
	MerkleHash leaf;

	assert_true(merkle_leaf_begin(hasher));
	assert_true(merkle_leaf_add(hasher, bytes, length));
	assert_true(merkle_leaf_end(hasher, &leaf));
	return leaf;
}

static MerkleHash join(MerkleHash left, MerkleHash right)
{
	uint8_t bytes[65] = {1};
	MerkleHash node;

	memcpy(bytes + 1, left.bytes, 32);
	memcpy(bytes + 33, right.bytes, 32);
	assert_non_null(SHA256(bytes, sizeof(bytes), node.bytes));
	return node;
}

static size_t split(size_t count)
{
	size_t k = 1;

	while (k * 2 < count)
		k *= 2;
	return k;
}

/* RFC 9162, 2.1.1, word for word. */
static MerkleHash root_by_the_text(const MerkleHash *first, size_t count)
{
	size_t k;

	if (count == 1)
		return first[0];
	k = split(count);
	return join(root_by_the_text(first, k), root_by_the_text(first + k, count - k));
}

/* RFC 9162, 2.1.3.2: the root that a path leads to. */
static bool root_by_path(MerkleHash leaf, size_t place, size_t count, const MerkleHash *path,
						 int length, MerkleHash *root)
{
	size_t fn = place;
	size_t sn = count - 1;

	*root = leaf;
	for (int i = 0; i < length; i++)
	{
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn)
		{
			*root = join(path[i], *root);
			while ((fn & 1) == 0 && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			*root = join(*root, path[i]);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0;
}

static MerkleHash root_of(const MerkleHash *first, size_t count)
{
	MerkleTree tree = {0};
	MerkleHash root;

	for (size_t i = 0; i < count; i++)
		assert_true(merkle_add(&tree, hasher, &first[i]));
	assert_int_equal(tree.size, count);
	assert_true(merkle_root(&tree, hasher, &root));
	return root;
}

static void test_published_vectors(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t length;
		const char *root; /* of this leaf and those before it */
	} vectors[] = {
		{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"PQRSTUVW", 8, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"`abcdefghijklmno", 16,
		 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	MerkleHash first[8];

	(void) state;
	for (int i = 0; i < 8; i++)
	{
		MerkleHash expected = from_hex(vectors[i].root);
		MerkleHash root;

		first[i] = leaf_of(vectors[i].bytes, vectors[i].length);
		root = root_of(first, (size_t) i + 1);
		assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
	}
}

static void test_nothing_has_the_hash_of_nothing(void **state)
{
	MerkleHash expected =
		from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	MerkleHash root = root_of(NULL, 0);

	(void) state;
	assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
}

static void test_every_size_has_the_root_of_the_text(void **state)
{
	(void) state;
	for (size_t count = 1; count <= 300; count++)
	{
		MerkleHash root = root_of(leaves, count);
		MerkleHash expected = root_by_the_text(leaves, count);

		assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
	}
}

/* What PostgreSQL and the consumer exchange is the hashes of pieces. */
static void test_pieces_have_the_same_root(void **state)
{
	static const size_t counts[] = {1, 1023, 1024, 1025, 2047, 2048, 2049, LEAVES};

	(void) state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
	{
		MerkleHash pieces[3];
		size_t count = 0;
		MerkleHash expected = root_by_the_text(leaves, counts[i]);
		MerkleHash root;

		for (size_t at = 0; at < counts[i]; at += MERKLE_PIECE)
		{
			size_t left = counts[i] - at;

			pieces[count++] = root_of(leaves + at, left < MERKLE_PIECE ? left : MERKLE_PIECE);
		}
		root = root_of(pieces, count);
		assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
	}
}

static void test_every_path_leads_to_the_root(void **state)
{
	(void) state;
	for (size_t count = 1; count <= 70; count++)
	{
		MerkleHash expected = root_by_the_text(leaves, count);

		for (size_t place = 0; place < count; place++)
		{
			MerkleHash path[MERKLE_LEVELS_MAX];
			MerkleHash root;
			int length = merkle_path(hasher, leaves, count, place, path);

			assert_true(length >= 0);
			assert_true(root_by_path(leaves[place], place, count, path, length, &root));
			assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
			/* At another place, or with another leaf, it leads elsewhere. */
			assert_true(
				!root_by_path(leaves[place], (place + 1) % count, count, path, length, &root) ||
				count == 1 || memcmp(root.bytes, expected.bytes, MERKLE_HASH_SIZE) != 0);
		}
	}
}

/* The path inside a piece and the one above it are one path. */
static void test_path_through_pieces(void **state)
{
	static const size_t places[] = {0, 1023, 1024, 2047, 2048, LEAVES - 1};
	MerkleHash expected = root_by_the_text(leaves, LEAVES);
	MerkleHash pieces[3] = {root_of(leaves, 1024), root_of(leaves + 1024, 1024),
							root_of(leaves + 2048, LEAVES - 2048)};

	(void) state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
	{
		size_t piece = places[i] / MERKLE_PIECE;
		size_t count = piece < 2 ? 1024 : LEAVES - 2048;
		MerkleHash path[2 * MERKLE_LEVELS_MAX];
		MerkleHash root;
		int length = merkle_path(hasher, leaves + piece * MERKLE_PIECE, count,
								 places[i] % MERKLE_PIECE, path);

		assert_true(length >= 0);
		length += merkle_path(hasher, pieces, 3, piece, path + length);
		assert_true(root_by_path(leaves[places[i]], places[i], LEAVES, path, length, &root));
		assert_memory_equal(root.bytes, expected.bytes, MERKLE_HASH_SIZE);
	}
}

/* The example of docs/contract, and what must make another leaf. */
static void test_leaf(void **state)
{
	static const char bytes[] = "\x00\x01\x00\x00\x00\x00\x00\x00\x01\x02"
								"\x00\x00\x00\x02"
								"id"
								"\x00\x00\x00\x03"
								"+55"
								"\x00\x00\x00\x03"
								"Ol\xC3";
	Leaf leaf = {.class = MESSAGE_CLASS_NORMAL,
				 .seq = 258,
				 .identifier = {"id", 2},
				 .phone_number = {"+55", 3},
				 .message = {"Ol\xC3", 3}};
	MerkleHash expected;
	MerkleHash hash;

	(void) state;
	assert_non_null(SHA256((const unsigned char *) bytes, sizeof(bytes) - 1, expected.bytes));
	assert_true(leaf_hash(hasher, &leaf, &hash));
	assert_memory_equal(hash.bytes, expected.bytes, MERKLE_HASH_SIZE);
	leaf.attributes = (LeafText){"{}", 2};
	assert_true(leaf_hash(hasher, &leaf, &hash));
	assert_memory_not_equal(hash.bytes, expected.bytes, MERKLE_HASH_SIZE);
	/* The same characters, cut elsewhere. */
	leaf = (Leaf){.class = MESSAGE_CLASS_NORMAL,
				  .seq = 258,
				  .identifier = {"id+", 3},
				  .phone_number = {"55", 2},
				  .message = {"Ol\xC3", 3}};
	assert_true(leaf_hash(hasher, &leaf, &hash));
	assert_memory_not_equal(hash.bytes, expected.bytes, MERKLE_HASH_SIZE);
}

/* However its parts are cut, a leaf is its bytes. */
static void test_long_leaf_in_parts(void **state)
{
	static char bytes[3000];
	MerkleHash whole;

	(void) state;
	memset(bytes, 'x', sizeof(bytes));
	whole = leaf_of(bytes, sizeof(bytes));
	for (size_t part = 1; part < sizeof(bytes); part += 97)
	{
		MerkleHash hash;

		assert_true(merkle_leaf_begin(hasher));
		for (size_t at = 0; at < sizeof(bytes); at += part)
		{
			size_t left = sizeof(bytes) - at;

			assert_true(merkle_leaf_add(hasher, bytes + at, left < part ? left : part));
		}
		assert_true(merkle_leaf_end(hasher, &hash));
		assert_memory_equal(hash.bytes, whole.bytes, MERKLE_HASH_SIZE);
	}
}

static int setup(void **state)
{
	(void) state;
	hasher = merkle_hasher_new();
	for (int i = 0; hasher != NULL && i < LEAVES; i++)
		leaves[i] = leaf_of((const char *) &i, sizeof(i));
	return hasher == NULL;
}

static int teardown(void **state)
{
	(void) state;
	merkle_hasher_free(hasher);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_nothing_has_the_hash_of_nothing),
		cmocka_unit_test(test_every_size_has_the_root_of_the_text),
		cmocka_unit_test(test_pieces_have_the_same_root),
		cmocka_unit_test(test_every_path_leads_to_the_root),
		cmocka_unit_test(test_path_through_pieces),
		cmocka_unit_test(test_leaf),
		cmocka_unit_test(test_long_leaf_in_parts),
	};

	return cmocka_run_group_tests_name("merkle", tests, setup, teardown);
}
