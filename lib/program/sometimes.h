/*
 * sometimes.h - marks on the branches that only a fault reaches: a nack, a gap, a worker that died.
 *
 * A test that kills and cuts looks at the end only, and the end is right as well when the branch
 * that it was written for was never taken. In a build for the tests (make SOMETIMES=yes) a mark
 * that is reached leaves a file in the folder that SOMETIMES_DIR names, and test/sometimes says
 * which never were. In any other build a mark is nothing at all: no code, and its condition is not
 * looked at.
 *
 * A mark has the name of its program and of what happened there, and stands in one place only: the
 * sources are the list of them.
 */
#ifndef CAMPAIGN_PROGRAM_SOMETIMES_H
#define CAMPAIGN_PROGRAM_SOMETIMES_H

#ifdef CAMPAIGN_SOMETIMES

#include <stdatomic.h>

/* Notes a mark, or does nothing if there is no folder for it. Leaves errno as it is. */
void sometimes_note(const char *mark);

/* This branch is taken sometimes. Noted once in a process, whatever thread comes first. */
#define SOMETIMES(mark)                                                                            \
	do                                                                                             \
	{                                                                                              \
		static atomic_flag noted = ATOMIC_FLAG_INIT;                                               \
                                                                                                   \
		if (!atomic_flag_test_and_set(&noted))                                                     \
			sometimes_note(mark);                                                                  \
	} while (0)

/* The condition is true sometimes. It must change nothing. */
#define SOMETIMES_IF(condition, mark)                                                              \
	do                                                                                             \
	{                                                                                              \
		if (condition)                                                                             \
			SOMETIMES(mark);                                                                       \
	} while (0)

#else

#define SOMETIMES(mark)				  ((void) 0)
#define SOMETIMES_IF(condition, mark) ((void) 0)

#endif

#endif /* CAMPAIGN_PROGRAM_SOMETIMES_H */
