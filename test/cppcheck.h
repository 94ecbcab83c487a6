/*
 * cppcheck.h - what cppcheck has to know of the headers that it does not read: PostgreSQL's macros.
 */
#define INT64_FORMAT		"%ld"
#define UINT64_FORMAT		"%lu"
#define CppAsString2(x)		""
#define ereport(level, ...) ((level) >= ERROR ? abort() : (void) 0)
#define elog(level, ...)	((level) >= ERROR ? abort() : (void) 0)
#define foreach(cell, list)                                                                        \
	for ((cell) = list_head(list); (cell) != NULL; (cell) = lnext(list, cell))
#define dlist_foreach(iter, list)                                                                  \
	for ((iter).cur = (list)->head.next; (iter).cur != &(list)->head; (iter).cur = (iter).cur->next)
