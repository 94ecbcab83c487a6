/*
 * fuzz_multipart.c - any bytes as a form: it ends, what it finds lies in the body, one part after
 * the other, and no content has a delimiter in it (R7.5). The first line is the Content-Type.
 *
 * links: src/upload/multipart.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/upload/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

static void check_part(const MultipartReader *reader, const MultipartPart *part, const char *from)
{
	const char *end = part->content + part->length;

	require(part->name[0] != '\0' && strlen(part->name) <= MULTIPART_NAME_MAX, "a part has a name");
	require(part->content > from && end + reader->delimiter_length <= reader->end,
			"it is in the body");
	require(memcmp(end, reader->delimiter, reader->delimiter_length) == 0, "a delimiter ends it");
	require(memmem(part->content, part->length, reader->delimiter, reader->delimiter_length) ==
				NULL,
			"there is none in it");
	require(!part->is_named || part->is_file, "only files have filenames");
}

static void read_all(const char *type, const char *body, size_t length)
{
	MultipartReader reader;
	MultipartPart part;
	const char *from = body;

	if (!multipart_open(&reader, type, body, length))
		return;
	require(reader.delimiter_length >= 5 && reader.delimiter_length <= MULTIPART_BOUNDARY_MAX + 4,
			"a boundary has 1 to 70 characters");
	while (multipart_next(&reader, &part) == MULTIPART_PART)
	{
		check_part(&reader, &part, from);
		from = part.content + part.length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	char *type;
	char *body;

	if (end == NULL)
		return 0;
	type = strndup((const char *) data, (size_t) (end - data));
	/* Of its own, so that a byte beyond it is noticed. */
	body = malloc(size - (size_t) (end - data));
	if (type == NULL || body == NULL)
		abort();
	memcpy(body, end + 1, size - (size_t) (end - data) - 1);
	read_all(type, body, size - (size_t) (end - data) - 1);
	free(body);
	free(type);
	return 0;
}
