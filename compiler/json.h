/* json.h: reads JSON (RFC 8259): one value from a text, as a tree in an arena.
 *
 * Limits come first: JSON_DEPTH levels of lists and objects, JSON_MAX_BYTES of text. Texts are valid UTF-8; an escape
 * that is half of a surrogate pair becomes U+FFFD. Of members with one name the last counts. What is written goes
 * through diag_json_text().
 *
 * Lookups accept any value, NULL too, so that a path through a message needs one check at its end. */
#ifndef AMAL_JSON_H
#define AMAL_JSON_H
#include "compiler/base.h"

enum { JSON_DEPTH = 64 };
#define JSON_MAX_BYTES ((size_t)64 << 20)

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT } JsonKind;
typedef struct Json Json;
struct Json {
    JsonKind kind;
    bool truth;
    double number;
    const char *text; /* NUL-terminated; may hold NULs before its end */
    size_t len;       /* of the text in bytes */
    int count;        /* items, members */
    Json *items;      /* of a list, or the members' values */
    Json *names;      /* of an object: the members' names */
};

/* NULL: *why says what is wrong and *at the byte where. Nothing but blanks may follow the value. */
Json *json_parse(Arena *arena, const char *text, size_t len, const char **why, size_t *at);
const Json *json_member(const Json *object, const char *name); /* NULL: absent, or not an object */
const Json *json_path(const Json *j, const char *path);        /* "a/b/c" through objects */
const char *json_text(const Json *j);                          /* NULL: not a text */
bool json_true(const Json *j);                                 /* is it `true`? */
/* A whole number in [least, most]; `otherwise` for anything else. */
int64_t json_int(const Json *j, int64_t least, int64_t most, int64_t otherwise);
#endif
