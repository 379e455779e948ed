/* words.c: the lists of words.def (contract: words.h). */
#include "compiler/words.h"
#include <stddef.h>

#define WORDS(PLACE, ...) static const char *const list_##PLACE[] = {__VA_ARGS__};
#include "compiler/words.def"
#undef WORDS

static const struct {
    const char *const *words;
    int count;
} lists[WORDS_COUNT_OF_PLACES] = {
#define WORDS(PLACE, ...) {list_##PLACE, (int)(sizeof list_##PLACE / sizeof list_##PLACE[0])},
#include "compiler/words.def"
#undef WORDS
};

const char *const *words_at(WordPlace place, int *count) {
    *count = lists[place].count;
    return lists[place].words;
}
