/* words.h: the lists of words.def by place: types of columns, roles, encodings, options … */
#ifndef AMAL_WORDS_H
#define AMAL_WORDS_H

typedef enum {
#define WORDS(PLACE, ...) WORDS_##PLACE,
#include "compiler/words.def"
#undef WORDS
    WORDS_COUNT_OF_PLACES
} WordPlace;

/* The words of a place in the order of the table; *count says how many. */
const char *const *words_at(WordPlace place, int *count);
#endif
