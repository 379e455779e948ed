/* json_tool.c: what the test runner asks about the JSON that `amal run --json` writes.
 *
 *   json_tool compare A B TOLERANCE      same results? Rows and columns of targets, parameters, metrics and printed
 * values; texts and counts must be equal, numbers agree to TOLERANCE of the larger or, in an array of values, of the
 *                                        array's largest (cells near zero are differences of large ones)
 *   json_tool check OUT EXPECT DATA      every line of EXPECT holds: `path value tolerance`; value is a number or
 * @file:path, looked up in DATA/file; a path is keys and positions joined by `/`; tolerance is relative, or absolute
 * with an `a` in front; `path exists` only asks for a number
 *   json_tool get FILE PATH              prints a number or text; of a list or an object how many there are
 *
 * Prints what disagrees; exit 0 only when everything holds. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { J_NULL, J_BOOL, J_NUM, J_TEXT, J_ARRAY, J_OBJECT } Kind;
typedef struct Json Json;
struct Json {
    Kind kind;
    double num;
    char *text;
    int len, cap;
    Json **items;
    char **keys;
};

static const char *cursor, *file_name;

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "%s: %s near `%.40s`\n", file_name, what, cursor);
    exit(2);
}

static void *get_memory(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p) fail("no memory");
    return p;
}

static void space(void) {
    cursor += strspn(cursor, " \t\r\n");
}

static char *parse_text(void) {
    size_t n = 0, cap = 16;
    char *s = get_memory(NULL, cap);
    if (*cursor++ != '"') fail("a text is expected");
    while (*cursor != '"') {
        if (!*cursor) fail("a text does not end");
        char c = *cursor++;
        if (c == '\\') {
            c = *cursor++;
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
            else if (c == 'u') {
                c = '?'; /* control characters only: their value does not matter here */
                cursor += 4;
            }
        }
        if (n + 2 > cap) s = get_memory(s, cap *= 2);
        s[n++] = c;
    }
    cursor++;
    s[n] = 0;
    return s;
}

static Json *parse_value(void) {
    space();
    Json *j = get_memory(NULL, sizeof *j);
    memset(j, 0, sizeof *j);
    if (*cursor == '{' || *cursor == '[') {
        char end = *cursor++ == '{' ? '}' : ']';
        j->kind = end == '}' ? J_OBJECT : J_ARRAY;
        space();
        while (*cursor != end) {
            if (j->len == j->cap) {
                j->cap = j->cap ? 2 * j->cap : 8;
                j->items = get_memory(j->items, sizeof *j->items * (size_t)j->cap);
                j->keys = get_memory(j->keys, sizeof *j->keys * (size_t)j->cap);
            }
            if (end == '}') {
                j->keys[j->len] = parse_text();
                space();
                if (*cursor++ != ':') fail("`:` is expected");
            }
            j->items[j->len++] = parse_value();
            space();
            if (*cursor == ',') {
                cursor++;
                space();
            } else if (*cursor != end)
                fail("`,` or an end is expected");
        }
        cursor++;
    } else if (*cursor == '"') {
        j->kind = J_TEXT;
        j->text = parse_text();
    } else if (strncmp(cursor, "null", 4) == 0) {
        cursor += 4;
    } else if (strncmp(cursor, "true", 4) == 0 || strncmp(cursor, "false", 5) == 0) {
        j->kind = J_BOOL;
        j->num = *cursor == 't';
        cursor += *cursor == 't' ? 4 : 5;
    } else {
        char *end;
        j->kind = J_NUM;
        j->num = strtod(cursor, &end);
        if (end == cursor) fail("a value is expected");
        cursor = end;
    }
    return j;
}

static Json *parse_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    size_t n = 0, cap = 1 << 16;
    char *s = get_memory(NULL, cap);
    for (size_t got; (got = fread(s + n, 1, cap - n - 1, f)) > 0;)
        if ((n += got) + 1 == cap) s = get_memory(s, cap *= 2);
    fclose(f);
    s[n] = 0;
    file_name = path;
    cursor = s;
    Json *j = parse_value();
    space();
    if (*cursor) fail("something follows the value");
    free(s);
    return j;
}

static const Json *member(const Json *j, const char *name, size_t len) {
    for (int i = 0; j && j->kind == J_OBJECT && i < j->len; i++)
        if (strlen(j->keys[i]) == len && memcmp(j->keys[i], name, len) == 0) return j->items[i];
    char *end;
    long k = strtol(name, &end, 10);
    if (j && j->kind == J_ARRAY && end == name + len && k >= 0 && k < j->len) return j->items[k];
    return NULL;
}

static const Json *lookup(const Json *j, const char *path) {
    while (j && *path) {
        size_t n = strcspn(path, "/");
        j = member(j, path, n);
        path += n + (path[n] == '/');
    }
    return j;
}

/* ---------------- compare ---------------- */

static int differences;

static void differ(const char *where, const char *what) {
    if (++differences <= 8) fprintf(stderr, "  %s: %s\n", where, what);
}

static bool close_enough(double a, double b, double scale, double tolerance) {
    if (a == b) return true;
    double larger = fmax(fmax(fabs(a), fabs(b)), scale);
    return fabs(a - b) <= tolerance * larger;
}

static double largest(const Json *j) {
    double m = 0;
    for (int i = 0; i < j->len; i++)
        if (j->items[i]->kind == J_NUM) m = fmax(m, fabs(j->items[i]->num));
    return m;
}

static bool ignored(const char *key) {
    static const char *const names[] = {"seconds", "script", "strategy", "why", "backend", "amal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], key) == 0) return true;
    return false;
}

static void compare(const Json *a, const Json *b, const char *where, double scale, double tolerance) {
    char path[512], text[128];
    if (a->kind != b->kind) {
        differ(where, "one is a number, the other is not, or the like");
        return;
    }
    if (a->kind == J_NUM && !close_enough(a->num, b->num, scale, tolerance)) {
        snprintf(text, sizeof text, "%.17g and %.17g", a->num, b->num);
        differ(where, text);
    }
    if (a->kind == J_TEXT && strcmp(a->text, b->text) != 0) differ(where, "texts differ");
    if (a->kind == J_ARRAY) {
        if (a->len != b->len) differ(where, "lengths differ");
        double s = fmax(largest(a), largest(b));
        for (int i = 0; i < a->len && i < b->len; i++) {
            snprintf(path, sizeof path, "%s/%d", where, i);
            compare(a->items[i], b->items[i], path, s, tolerance);
        }
    }
    if (a->kind == J_OBJECT) {
        if (a->len != b->len) differ(where, "they have different keys");
        for (int i = 0; i < a->len; i++) {
            if (ignored(a->keys[i])) continue;
            snprintf(path, sizeof path, "%s/%s", where, a->keys[i]);
            const Json *other = member(b, a->keys[i], strlen(a->keys[i]));
            if (other)
                compare(a->items[i], other, path, 0, tolerance);
            else
                differ(path, "missing in the second");
        }
    }
}

/* ---------------- check ---------------- */

static double expected_value(const char *value, const char *data) {
    if (value[0] != '@') return strtod(value, NULL);
    const char *colon = strchr(value, ':');
    if (!colon) {
        fprintf(stderr, "%s: @file:path is expected\n", value);
        exit(2);
    }
    char path[1024];
    snprintf(path, sizeof path, "%s/%.*s", data, (int)(colon - value - 1), value + 1);
    const Json *j = lookup(parse_file(path), colon + 1);
    if (!j || j->kind != J_NUM) {
        fprintf(stderr, "%s is not a number\n", value);
        exit(2);
    }
    return j->num;
}

static int check(const Json *out, const char *expect, const char *data) {
    FILE *f = fopen(expect, "r");
    if (!f) {
        fprintf(stderr, "%s cannot be read\n", expect);
        return 2;
    }
    char line[1024], path[512], value[512], tolerance[32];
    int checked = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\n")] = 0;
        int n = sscanf(line, "%511s %511s %31s", path, value, tolerance);
        if (n < 2) continue;
        const Json *j = lookup(out, path);
        checked++;
        if (!j || j->kind != J_NUM) {
            differ(path, "no such number in the output");
            continue;
        }
        if (strcmp(value, "exists") == 0) continue;
        double want = expected_value(value, data), t = 0;
        bool absolute = n == 3 && tolerance[0] == 'a';
        if (n == 3) t = strtod(tolerance + absolute, NULL);
        double error = fabs(j->num - want), allowed = absolute ? t : t * fabs(want);
        if (!(error <= allowed)) {
            char text[160];
            snprintf(text, sizeof text, "is %.12g, should be %.12g (off by %.3g, allowed %.3g)", j->num, want, error,
                     allowed);
            differ(path, text);
        }
    }
    fclose(f);
    if (!checked) differ(expect, "expects nothing");
    return differences ? 1 : 0;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "compare") == 0) {
        compare(parse_file(argv[2]), parse_file(argv[3]), "", 0, strtod(argv[4], NULL));
        return differences ? 1 : 0;
    }
    if (argc == 5 && strcmp(argv[1], "check") == 0) return check(parse_file(argv[2]), argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "get") == 0) {
        const Json *j = lookup(parse_file(argv[2]), argv[3]);
        if (!j || j->kind == J_NULL) return 1;
        if (j->kind == J_TEXT)
            puts(j->text);
        else
            printf("%.17g\n", j->kind == J_ARRAY || j->kind == J_OBJECT ? j->len : j->num);
        return 0;
    }
    fputs("json_tool compare A B TOLERANCE | check OUT EXPECT DATA | get FILE PATH\n", stderr);
    return 2;
}
