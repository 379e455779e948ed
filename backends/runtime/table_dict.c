/* table_dict.c: dictionaries of text columns: distinct strings numbered in order of first appearance.
 *
 * Open addressing with linear probing over (hash, code) pairs, at most half full; the strings live in blocks that only
 * grow, so dict->text[code] stays valid while the dictionary lives. Every string is NUL-terminated besides having a
 * length (cells hold no NUL: readers refuse them). No memory: dict_new() gives NULL, dict_add() -2, and the dictionary
 * stays usable. */
#include "backends/runtime/cache.h"
#include "backends/runtime/table.h"

typedef struct DictSlot {
    uint32_t hash;
    int32_t code; /* -1: free */
} DictSlot;
typedef struct DictBlock {
    struct DictBlock *next;
    size_t used, size;
    char bytes[];
} DictBlock;
typedef struct DictIndex {
    DictSlot *slots;
    uint32_t mask;
    bool slots_mapped; /* they lie in a cache entry */
    DictBlock *blocks;
} DictIndex;

enum { DICT_FIRST_SLOTS = 64, DICT_FIRST_BLOCK = 1 << 12, DICT_LAST_BLOCK = 1 << 20 };

static DictSlot *dict_slots(uint32_t count) {
    DictSlot *s = mem_try(count, sizeof *s);
    for (uint32_t i = 0; s && i < count; i++) s[i].code = -1;
    return s;
}

Dict *dict_new(void) {
    Dict *d = mem_try(1, sizeof *d);
    DictIndex *x = mem_try(1, sizeof *x);
    DictSlot *slots = dict_slots(DICT_FIRST_SLOTS);
    if (!d || !x || !slots) {
        mem_free(d);
        mem_free(x);
        mem_free(slots);
        return NULL;
    }
    x->slots = slots;
    x->mask = DICT_FIRST_SLOTS - 1;
    d->index = x;
    return d;
}

void dict_free(Dict *d) {
    if (!d) return;
    DictIndex *x = d->index;
    for (DictBlock *b = x->blocks; b;) {
        DictBlock *next = b->next;
        mem_free(b);
        b = next;
    }
    if (!x->slots_mapped) mem_free(x->slots);
    mem_free(x);
    mem_free(d->text);
    mem_free(d->len);
    mem_free(d);
}

static uint32_t dict_hash(const char *s, int32_t len) {
    uint64_t h = hash_bytes(s, (size_t)len, 0);
    return (uint32_t)(h ^ (h >> 32));
}

static DictSlot *dict_slot(const Dict *d, const char *s, int32_t len, uint32_t hash) {
    const DictIndex *x = d->index;
    for (uint32_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        DictSlot *slot = &x->slots[i];
        if (slot->code < 0) return slot;
        if (slot->hash == hash && d->len[slot->code] == len && !memcmp(d->text[slot->code], s, (size_t)len))
            return slot;
    }
}

static bool dict_grow_slots(Dict *d) {
    DictIndex *x = d->index;
    if (x->mask >= UINT32_MAX / 2) return false;
    uint32_t count = (x->mask + 1) * 2;
    DictSlot *slots = dict_slots(count);
    if (!slots) return false;
    for (uint32_t i = 0; i <= x->mask; i++) {
        if (x->slots[i].code < 0) continue;
        uint32_t k = x->slots[i].hash & (count - 1);
        while (slots[k].code >= 0) k = (k + 1) & (count - 1);
        slots[k] = x->slots[i];
    }
    if (!x->slots_mapped) mem_free(x->slots);
    x->slots_mapped = false;
    x->slots = slots;
    x->mask = count - 1;
    return true;
}

static bool dict_grow_entries(Dict *d) {
    if (d->cap > INT32_MAX / 2) return false;
    int32_t cap = d->cap ? d->cap * 2 : 32;
    char **text = mem_try((size_t)cap, sizeof *text);
    int32_t *len = mem_try((size_t)cap, sizeof *len);
    if (!text || !len) {
        mem_free(text);
        mem_free(len);
        return false;
    }
    if (d->count) {
        memcpy(text, d->text, (size_t)d->count * sizeof *text);
        memcpy(len, d->len, (size_t)d->count * sizeof *len);
    }
    mem_free(d->text);
    mem_free(d->len);
    d->text = text;
    d->len = len;
    d->cap = cap;
    return true;
}

static char *dict_keep(Dict *d, const char *s, int32_t len) {
    DictIndex *x = d->index;
    size_t need = (size_t)len + 1;
    DictBlock *b = x->blocks;
    if (!b || b->size - b->used < need) {
        size_t size = b ? b->size * 2 : DICT_FIRST_BLOCK;
        if (size > DICT_LAST_BLOCK) size = DICT_LAST_BLOCK;
        if (size < need) size = need;
        DictBlock *fresh = mem_try(1, sizeof *fresh + size);
        if (!fresh) return NULL;
        fresh->size = size;
        fresh->next = b;
        x->blocks = b = fresh;
    }
    char *kept = b->bytes + b->used;
    if (len) memcpy(kept, s, (size_t)len);
    kept[len] = 0;
    b->used += need;
    return kept;
}

int32_t dict_add(Dict *d, const char *s, int32_t len) {
    uint32_t hash = dict_hash(s, len);
    DictSlot *slot = dict_slot(d, s, len, hash);
    if (slot->code >= 0) return slot->code;
    DictIndex *x = d->index;
    if ((uint32_t)d->count >= (x->mask + 1) / 2) {
        if (!dict_grow_slots(d)) return -2;
        slot = dict_slot(d, s, len, hash);
    }
    if (d->count == d->cap && !dict_grow_entries(d)) return -2;
    char *kept = dict_keep(d, s, len);
    if (!kept) return -2;
    slot->hash = hash;
    slot->code = d->count;
    d->text[d->count] = kept;
    d->len[d->count] = len;
    return d->count++;
}

int32_t dict_find(const Dict *d, const char *s, int32_t len) {
    return dict_slot(d, s, len, dict_hash(s, len))->code;
}

/* ---------------- in the cache ---------------- */
bool dict_save(const Dict *d, CacheWriter *w) {
    const DictIndex *x = d->index;
    size_t bytes = 0, at = 0;
    for (int32_t i = 0; i < d->count; i++) bytes += (size_t)d->len[i] + 1;
    char *all = mem_try(bytes ? bytes : 1, 1);
    if (!all) return false;
    for (int32_t i = 0; i < d->count; at += (size_t)d->len[i] + 1, i++)
        memcpy(all + at, d->text[i], (size_t)d->len[i] + 1);
    cache_put_int(w, d->count);
    cache_put_int(w, (int64_t)bytes);
    cache_put_int(w, x->mask);
    cache_put_array(w, d->len, (size_t)d->count * sizeof *d->len);
    cache_put_owned(w, all, bytes);
    cache_put_array(w, x->slots, ((size_t)x->mask + 1) * sizeof *x->slots);
    return true;
}

Dict *dict_load(CacheReader *r) {
    int32_t count = (int32_t)cache_get_count(r, 0, INT32_MAX);
    int64_t bytes = cache_get_count(r, 0, INT64_MAX);
    uint32_t mask = (uint32_t)cache_get_count(r, DICT_FIRST_SLOTS - 1, UINT32_MAX - 1);
    const int32_t *len = cache_get_array(r, (size_t)count * sizeof *len);
    char *all = cache_get_array(r, (size_t)bytes);
    DictSlot *slots = cache_get_array(r, ((size_t)mask + 1) * sizeof *slots);
    if (r->damaged || (mask & (mask + 1)) || (uint32_t)count > (mask + 1) / 2) return r->damaged = true, NULL;
    Dict *d = mem_try(1, sizeof *d);
    DictIndex *x = mem_try(1, sizeof *x);
    size_t n = count > 0 ? (size_t)count : 1;
    char **text = mem_try(n, sizeof *text);
    int32_t *lengths = mem_try(n, sizeof *lengths);
    if (!d || !x || !text || !lengths) {
        mem_free(d);
        mem_free(x);
        mem_free(text);
        mem_free(lengths);
        return NULL;
    }
    int64_t at = 0;
    for (int32_t i = 0; i < count; at += (int64_t)len[i] + 1, i++) {
        if (len[i] < 0 || len[i] >= bytes - at) r->damaged = true;
        if (r->damaged) break;
        text[i] = all + at;
    }
    if (count) memcpy(lengths, len, (size_t)count * sizeof *lengths);
    *x = (DictIndex){.slots = slots, .mask = mask, .slots_mapped = true};
    *d = (Dict){.text = text, .len = lengths, .count = count, .cap = (int32_t)n, .index = x};
    if (!r->damaged) return d;
    dict_free(d);
    return NULL;
}
