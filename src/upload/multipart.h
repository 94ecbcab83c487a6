/*
 * multipart.h - reads a form with files (multipart/form-data, RFC 7578), as browsers, curl -F and
 * Postman send it, part by part.
 */
#ifndef CAMPAIGN_MULTIPART_H
#define CAMPAIGN_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 */
#define MULTIPART_NAME_MAX	   63 /* longer ones are cut off here */
#define MULTIPART_HEADERS_MAX  8192

typedef struct MultipartReader
{
	const char *at; /* behind the last delimiter that was read */
	const char *end;
	bool begun;
	size_t delimiter_length;
	char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* CR LF - - boundary */
} MultipartReader;

typedef struct MultipartPart
{
	char name[MULTIPART_NAME_MAX + 1];
	bool is_file;		 /* it has a filename, even an empty one */
	bool is_named;		 /* the filename is not empty */
	const char *content; /* in the body */
	size_t length;
} MultipartPart;

typedef enum MultipartStep
{
	MULTIPART_PART,
	MULTIPART_END,
	MULTIPART_MALFORMED
} MultipartStep;

/*
 * Begins to read a body, which must stay until the end. False if the Content-Type is not that of
 * a form with a boundary of 1 to 70 characters.
 */
bool multipart_open(MultipartReader *reader, const char *content_type, const char *body,
					size_t length);

/*
 * The next part; its content points into the body. MULTIPART_MALFORMED if what follows is none: a
 * body that breaks off, a part without a name, or one whose content is encoded. After it and after
 * MULTIPART_END there is nothing to read. Takes time in proportion to what it reads.
 */
MultipartStep multipart_next(MultipartReader *reader, MultipartPart *part);

#endif /* CAMPAIGN_MULTIPART_H */
