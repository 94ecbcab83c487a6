/*
 * excerpt.h - the beginning of a text, for a message that quotes it.
 */
#ifndef CAMPAIGN_EXCERPT_H
#define CAMPAIGN_EXCERPT_H

/*
 * A copy, in the current memory context, of at most `most` bytes of a text in the server's
 * encoding, which need not end with a NUL. It ends between two characters: a message with half of
 * one never reaches the client, because PostgREST cannot decode it.
 */
char *excerpt(const char *text, int length, int most);

#endif /* CAMPAIGN_EXCERPT_H */
