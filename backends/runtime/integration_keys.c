/* integration_keys.c: values become codes, rows become groups of equal codes.
 *
 * Every set of columns that some equality compares gets one numbering of its distinct values, so that all joins work on
 * small integers: whole numbers in a narrow range are numbered by subtraction, others by hashing, texts through their
 * dictionaries (O(distinct)). 1, 1.0 and bool true are equal, -0.0 = 0.0, NaN is null; a date equals the time of its
 * midnight. A tuple of codes becomes one number stage by stage, by multiplication while the product stays near the
 * number of rows, else by hashing pairs; both are exact. */
#include "backends/runtime/integration_internal.h"

/* ---------------- interning ---------------- */
static inline uint64_t slot_of(uint64_t key, uint64_t mask) {
    key ^= key >> 32;
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return (key ^ key >> 29) & mask;
}
bool intern_init(Intern *t, int64_t expected) {
    uint64_t size = 16;
    while (size < (uint64_t)expected * 2) size *= 2;
    *t = (Intern){.mask = size - 1, .key = mem_try(size, sizeof *t->key), .id = mem_try(size, sizeof *t->id)};
    if (!t->key || !t->id) return intern_free(t), false;
    memset(t->id, 0xFF, size * sizeof *t->id);
    return true;
}
void intern_free(Intern *t) {
    mem_free(t->key);
    mem_free(t->id);
    *t = (Intern){0};
}
static bool intern_grow(Intern *t) {
    Intern g;
    if (!intern_init(&g, (int64_t)t->mask + 1)) return false;
    for (uint64_t s = 0; s <= t->mask; s++) {
        if (t->id[s] < 0) continue;
        uint64_t d = slot_of(t->key[s], g.mask);
        while (g.id[d] >= 0) d = (d + 1) & g.mask;
        g.key[d] = t->key[s];
        g.id[d] = t->id[s];
    }
    g.count = t->count;
    intern_free(t);
    *t = g;
    return true;
}
int32_t intern_add(Intern *t, uint64_t key) {
    uint64_t s = slot_of(key, t->mask);
    for (; t->id[s] >= 0; s = (s + 1) & t->mask)
        if (t->key[s] == key) return t->id[s];
    if ((uint64_t)t->count * 2 > t->mask) {
        if (t->count == INT32_MAX || !intern_grow(t)) return -2;
        s = slot_of(key, t->mask);
        while (t->id[s] >= 0) s = (s + 1) & t->mask;
    }
    t->key[s] = key;
    return t->id[s] = t->count++;
}
int32_t intern_find(const Intern *t, uint64_t key) {
    for (uint64_t s = slot_of(key, t->mask); t->id[s] >= 0; s = (s + 1) & t->mask)
        if (t->key[s] == key) return t->id[s];
    return -1;
}

/* ---------------- codes ---------------- */
static bool is_text(const Column *c) {
    return c->type == TY_TEXT || c->type == TY_CAT;
}

static int64_t encode_texts(int n, KeyColumn *cols) {
    bool shared = true;
    for (int i = 1; i < n; i++) shared &= cols[i].col->dict == cols[0].col->dict;
    if (shared) {
        for (int i = 0; i < n; i++)
            if (cols[i].rows) memcpy(cols[i].key, cols[i].col->codes, (size_t)cols[i].rows * sizeof(int32_t));
        return cols[0].col->dict ? cols[0].col->dict->count : 0;
    }
    Dict *all = dict_new();
    int32_t *map = NULL;
    int64_t domain = KEYS_NO_MEMORY;
    for (int i = 0; all && i < n; i++) {
        const Dict *d = cols[i].col->dict;
        int32_t count = d ? d->count : 0;
        map = mem_try((size_t)count + 1, sizeof *map);
        if (!map) goto done;
        map[0] = -1;
        for (int32_t c = 0; c < count; c++)
            if ((map[c + 1] = dict_add(all, d->text[c], d->len[c])) < 0) goto done;
        for (int64_t r = 0; r < cols[i].rows; r++) {
            int32_t c = cols[i].col->codes[r];
            cols[i].key[r] = map[c < 0 ? 0 : c + 1];
        }
        mem_free(map);
        map = NULL;
    }
    domain = all ? all->count : KEYS_NO_MEMORY;
done:
    mem_free(map);
    dict_free(all);
    return domain;
}

/* The value as an integer where it is one (then *fraction is false), else the bits of the double. Null: false. */
static inline bool number_key(const Column *c, int64_t r, int64_t scale, int64_t *v, bool *fraction) {
    *fraction = false;
    if (c->num) {
        double x = c->num[r];
        if (isnan(x)) return false;
        if (fabs(x) < 9.2e18 && x == (double)(int64_t)x) return *v = (int64_t)x, true;
        memcpy(v, &x, sizeof *v);
        return *fraction = true;
    }
    if (!c->ints) return *v = r + 1, c->type == TY_ROWID;
    if (c->ints[r] == TABLE_NULL_INT) return false;
    return *v = c->ints[r] * scale, true;
}
static int64_t encode_numbers(int n, KeyColumn *cols) {
    bool dates = false, times = false, fraction, fractions = false;
    int64_t low = INT64_MAX, high = INT64_MIN, total = 0, v;
    for (int i = 0; i < n; i++) dates |= cols[i].col->type == TY_DATE, times |= cols[i].col->type == TY_TIME;
#define SCALE(c) (dates && times && (c)->type == TY_DATE ? (int64_t)86400000000 : 1)
    for (int i = 0; i < n; i++) {
        int64_t scale = SCALE(cols[i].col);
        total += cols[i].rows;
        for (int64_t r = 0; r < cols[i].rows; r++) {
            if (!number_key(cols[i].col, r, scale, &v, &fraction)) continue;
            fractions |= fraction;
            if (!fraction && v < low) low = v;
            if (!fraction && v > high) high = v;
        }
    }
    if (!fractions && low > high) low = high = 0;
    bool narrow = !fractions && (uint64_t)high - (uint64_t)low < (uint64_t)(4 * total + 1024) &&
                  (uint64_t)high - (uint64_t)low < INT32_MAX;
    Intern whole = {0}, other = {0};
    int64_t domain = narrow ? high - low + 1 : KEYS_NO_MEMORY;
    if (!narrow && (!intern_init(&whole, 1024) || !intern_init(&other, 16))) goto done;
    for (int i = 0; i < n; i++) {
        int64_t scale = SCALE(cols[i].col);
        for (int64_t r = 0; r < cols[i].rows; r++) {
            if (!number_key(cols[i].col, r, scale, &v, &fraction))
                cols[i].key[r] = -1;
            else if (narrow)
                cols[i].key[r] = (int32_t)((uint64_t)v - (uint64_t)low);
            else {
                /* Whole numbers take the even codes, others the odd ones, so that equal bits do not make them equal. */
                int32_t id = intern_add(fraction ? &other : &whole, (uint64_t)v);
                if (id < 0 || id >= INT32_MAX / 2) goto done;
                cols[i].key[r] = fractions ? 2 * id + fraction : id;
            }
        }
    }
    if (!narrow)
        domain = !fractions ? whole.count : 2 * (int64_t)(whole.count > other.count ? whole.count : other.count);
done:
    intern_free(&whole);
    intern_free(&other);
    return domain;
#undef SCALE
}
int64_t keys_encode(int n, KeyColumn *cols) {
    int texts = 0;
    int64_t domain = 0;
    for (int i = 0; i < n; i++) texts += is_text(cols[i].col);
    if (texts && texts < n) return KEYS_MIXED;
    for (int i = 0; i < n; i++) {
        cols[i].key = mem_try((size_t)cols[i].rows, sizeof(int32_t));
        if (!cols[i].key && cols[i].rows) domain = KEYS_NO_MEMORY;
    }
    if (domain == 0) domain = texts ? encode_texts(n, cols) : encode_numbers(n, cols);
    if (domain < 0)
        for (int i = 0; i < n; i++) mem_free(cols[i].key), cols[i].key = NULL;
    return domain;
}

/* ---------------- groups ---------------- */
static inline int64_t group_of(const KeyIndex *x, const int32_t *const *own, int64_t r) {
    int64_t g = x->nkeys ? own[0][r] : 0;
    for (int i = 1; i < x->nkeys && g >= 0; i++) {
        int32_t c = own[i][r];
        g = c < 0 ? -1 : x->mul[i] ? g * x->mul[i] + c : intern_find(&x->pairs[i], (uint64_t)g << 31 | (uint32_t)c);
    }
    return g;
}
bool key_index_build(KeyIndex *x, int64_t rows, const uint8_t *ok, int nkeys, const int32_t *const *own,
                     const int64_t *domain) {
    memset(x, 0, sizeof *x);
    AMAL_CHECK(nkeys <= MAX_ROLES);
    int64_t groups = nkeys ? domain[0] : 1, limit = 4 * rows + 65536 < INT32_MAX ? 4 * rows + 65536 : INT32_MAX;
    x->nkeys = 1;
    for (int i = 1; i < nkeys; i++) {
        if ((double)groups * (double)domain[i] <= (double)limit) {
            x->mul[i] = domain[i] ? domain[i] : 1;
            groups *= domain[i];
        } else {
            if (!intern_init(&x->pairs[i], rows)) return key_index_free(x), false;
            for (int64_t r = 0; r < rows; r++) {
                int64_t g = group_of(x, own, r);
                if (g < 0 || own[i][r] < 0 || (ok && !ok[r])) continue;
                if (intern_add(&x->pairs[i], (uint64_t)g << 31 | (uint32_t)own[i][r]) < 0)
                    return key_index_free(x), false;
            }
            groups = x->pairs[i].count;
        }
        x->nkeys = i + 1;
    }
    x->nkeys = nkeys;
    x->groups = groups;
    x->start = mem_try((size_t)groups + 1, sizeof *x->start);
    x->rows = mem_try((size_t)rows, sizeof *x->rows);
    if (!x->start || (!x->rows && rows)) return key_index_free(x), false;
    for (int64_t r = 0; r < rows; r++) {
        int64_t g = ok && !ok[r] ? -1 : group_of(x, own, r);
        if (g >= 0) x->start[g + 1]++, x->indexed++;
    }
    x->unique = true;
    for (int64_t g = 0; g < groups; g++) {
        x->unique &= x->start[g + 1] <= 1;
        x->start[g + 1] += x->start[g];
    }
    for (int64_t r = 0; r < rows; r++) { /* start[g] walks to the end of its group; shifted back below */
        int64_t g = ok && !ok[r] ? -1 : group_of(x, own, r);
        if (g >= 0) x->rows[x->start[g]++] = (int32_t)r;
    }
    memmove(x->start + 1, x->start, (size_t)groups * sizeof *x->start);
    x->start[0] = 0;
    return true;
}
int64_t key_index_find(const KeyIndex *x, const int32_t *codes) {
    int64_t g = x->nkeys ? codes[0] : 0;
    for (int i = 1; i < x->nkeys && g >= 0; i++)
        g = codes[i] < 0 ? -1
            : x->mul[i]  ? g * x->mul[i] + codes[i]
                         : intern_find(&x->pairs[i], (uint64_t)g << 31 | (uint32_t)codes[i]);
    return g;
}
void key_index_free(KeyIndex *x) {
    for (int i = 1; i <= MAX_ROLES; i++) intern_free(&x->pairs[i]);
    mem_free(x->start);
    mem_free(x->rows);
    memset(x, 0, sizeof *x);
}

/* ---------------- codes of all joined columns ---------------- */
/* Columns are joined across the whole mapping when any tgd or match equates them: one numbering each such class. */
static int column_base(const MappingSpec *spec, int table) {
    int n = 0;
    for (int t = 0; t < table; t++) n += spec->tables[t] ? spec->tables[t]->ncols : 0;
    return n;
}
static int find_root(int *parent, int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}
static void unite(const MappingSpec *spec, const int *base, int *parent, bool *used, const JoinEq *eq) {
    int a = base[spec->roles[eq->a.role].source] + eq->a.column,
        b = base[spec->roles[eq->b.role].source] + eq->b.column;
    used[a] = used[b] = true;
    a = find_root(parent, a);
    b = find_root(parent, b);
    parent[a < b ? b : a] = a < b ? a : b;
}
static Span equality_span(const MappingSpec *spec, const Column *col, const char **variable) {
    for (int t = 0; t < spec->ntgds; t++)
        for (int e = 0; e < spec->tgds[t].neqs; e++) {
            const JoinEq *eq = &spec->tgds[t].eqs[e];
            const Table *a = spec->tables[spec->roles[eq->a.role].source],
                        *b = spec->tables[spec->roles[eq->b.role].source];
            *variable = eq->variable;
            if (&a->cols[eq->a.column] == col || &b->cols[eq->b.column] == col) return eq->span;
        }
    *variable = NULL;
    return spec->span;
}
/* The letters that U+00C0 to U+017F are without their accents, `.` for those that are no accented letter. */
static const char unaccented[] = "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
                                 "aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll."
                                 "...nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.";
/* One text for all that differ only in blanks around them, the case of letters, or accents: an accented letter may be
 * one character or two (NFC, NFD), and often has lost its accent. */
static int32_t plain_text(const char *s, int32_t len, char *out) {
    while (len && (*s == ' ' || *s == '\t')) s++, len--;
    while (len && (s[len - 1] == ' ' || s[len - 1] == '\t')) len--;
    int32_t n = 0;
    for (int32_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i], next = i + 1 < len ? (unsigned char)s[i + 1] : 0;
        if ((c == 0xCC && next >= 0x80) || (c == 0xCD && next >= 0x80 && next <= 0xAF)) { /* U+0300 to U+036F */
            i++;
            continue;
        }
        int letter = c >= 0xC3 && c <= 0xC5 && next >= 0x80 ? (c - 0xC3) * 64 + (next - 0x80) : -1;
        if (letter >= 0 && letter < (int)sizeof unaccented - 1 && unaccented[letter] != '.') {
            out[n++] = unaccented[letter];
            i++;
        } else
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return n;
}
/* How many texts of `a` are not in `b` but would be, were they compared as plain_text(); *example is one. O(distinct).
 */
static int64_t near_misses(const Dict *a, const Dict *b, int32_t *example) {
    int32_t longest = 0;
    int64_t n = 0;
    for (int32_t i = 0; i < a->count; i++) longest = a->len[i] > longest ? a->len[i] : longest;
    for (int32_t i = 0; i < b->count; i++) longest = b->len[i] > longest ? b->len[i] : longest;
    char *buf = mem_try((size_t)longest + 1, 1);
    Dict *plain = dict_new();
    bool ok = buf && plain;
    for (int32_t i = 0; ok && i < b->count; i++) ok = dict_add(plain, buf, plain_text(b->text[i], b->len[i], buf)) >= 0;
    for (int32_t i = 0; ok && i < a->count; i++) {
        if (dict_find(b, a->text[i], a->len[i]) >= 0) continue;
        if (dict_find(plain, buf, plain_text(a->text[i], a->len[i], buf)) < 0) continue;
        if (!n++) *example = i;
    }
    mem_free(buf);
    dict_free(plain);
    return n;
}
/* A hint, not a rule: a missing one (no memory) is no error. */
static void warn_spelling(IntState *s, const JoinEq *eq) {
    const Table *ta = int_table(s, eq->a.role), *tb = int_table(s, eq->b.role);
    const Column *a = &ta->cols[eq->a.column], *b = &tb->cols[eq->b.column];
    int32_t example = 0;
    if (!a->dict || !b->dict || a->dict == b->dict) return;
    int64_t n = near_misses(a->dict, b->dict, &example);
    if (!n) return;
    Diag *d =
        diag_warn(s->ds, "W202", eq->span, "%lld text%s of %s.%s would be in %s.%s but for blanks, case or accents",
                  (long long)n, n == 1 ? "" : "s", ta->name, a->name, tb->name, b->name);
    diag_note(d, a->span, "for example \"%.*s\"", a->dict->len[example] < 60 ? a->dict->len[example] : 60,
              a->dict->text[example]);
    diag_help(d, "texts are joined byte by byte; clean the data first");
}
static void warn_spellings(IntState *s) {
    const MappingSpec *spec = s->spec;
    for (int t = 0; t < spec->ntgds; t++)
        for (int e = 0; e < spec->tgds[t].neqs; e++) {
            const JoinEq *eq = &spec->tgds[t].eqs[e];
            bool seen = false;
            for (int u = 0; u <= t && !seen; u++)
                for (int f = 0; f < (u < t ? spec->tgds[u].neqs : e) && !seen; f++)
                    seen = !memcmp(&spec->tgds[u].eqs[f].a, &eq->a, sizeof eq->a) &&
                           !memcmp(&spec->tgds[u].eqs[f].b, &eq->b, sizeof eq->b);
            if (!seen) warn_spelling(s, eq);
        }
    for (int m = 0; m < spec->nmatches; m++)
        for (int e = 0; e < spec->matches[m].neqs; e++) warn_spelling(s, &spec->matches[m].eqs[e]);
}
bool int_keys(IntState *s) {
    const MappingSpec *spec = s->spec;
    int *base = arena_array(s->arena, int, spec->ntables + 1);
    for (int t = 0; t <= spec->ntables; t++) base[t] = column_base(spec, t);
    int ncolumns = base[spec->ntables];
    int *parent = arena_array(s->arena, int, ncolumns + 1), *member = arena_array(s->arena, int, ncolumns + 1);
    bool *used = arena_array(s->arena, bool, ncolumns + 1);
    KeyColumn *cols = arena_array(s->arena, KeyColumn, ncolumns + 1);
    s->column_key = arena_array(s->arena, int32_t **, spec->ntables);
    s->column_domain = arena_array(s->arena, int64_t *, spec->ntables);
    for (int i = 0; i < ncolumns; i++) parent[i] = i;
    for (int t = 0; t < spec->ntgds; t++)
        for (int e = 0; e < spec->tgds[t].neqs; e++) unite(spec, base, parent, used, &spec->tgds[t].eqs[e]);
    for (int m = 0; m < spec->nmatches; m++)
        for (int e = 0; e < spec->matches[m].neqs; e++) unite(spec, base, parent, used, &spec->matches[m].eqs[e]);
    for (int t = 0; t < spec->ntables; t++) {
        s->column_key[t] = arena_array(s->arena, int32_t *, base[t + 1] - base[t]);
        s->column_domain[t] = arena_array(s->arena, int64_t, base[t + 1] - base[t]);
    }
    for (int root = 0; root < ncolumns; root++) {
        if (!used[root] || find_root(parent, root) != root) continue;
        int n = 0;
        for (int t = 0, i = 0; t < spec->ntables; t++)
            for (int c = 0; i < base[t + 1]; c++, i++)
                if (used[i] && find_root(parent, i) == root) {
                    member[n] = i;
                    cols[n++] = (KeyColumn){.col = &spec->tables[t]->cols[c], .rows = spec->tables[t]->rows};
                }
        int64_t domain = keys_encode(n, cols);
        if (domain == KEYS_MIXED) {
            const char *variable;
            Span at = equality_span(spec, cols[0].col, &variable);
            Diag *d = diag_error(s->ds, "E130", at, "%s%s%s joins text with a number", variable ? "`" : "a condition",
                                 variable ? variable : "", variable ? "`" : "");
            for (int i = 0; i < n; i++)
                diag_note(d, cols[i].col->span, "`%s` is %s", cols[i].col->name,
                          is_text(cols[i].col) ? "text" : "a number");
            diag_help(d, "declare both columns with the same type");
            return s->failed = true, false;
        }
        if (domain < 0) return int_no_memory(s, "join keys", cols[0].rows), false;
        for (int i = 0, t = 0; i < n; i++) {
            while (member[i] >= base[t + 1]) t++;
            s->column_key[t][member[i] - base[t]] = cols[i].key;
            s->column_domain[t][member[i] - base[t]] = domain;
        }
    }
    warn_spellings(s);
    return true;
}
void int_keys_free(IntState *s) {
    for (int t = 0; s->column_key && t < s->spec->ntables; t++)
        for (int c = 0; s->column_key[t] && s->spec->tables[t] && c < s->spec->tables[t]->ncols; c++)
            mem_free(s->column_key[t][c]);
    s->column_key = NULL;
    for (int m = 0; s->entity && m < s->spec->nmatches; m++)
        for (int k = 0; s->entity[m] && k < s->spec->nroles; k++) mem_free(s->entity[m][k]);
    s->entity = NULL;
}
