/* join.c: see join.h. */
#include "backends/cuda/join.h"
#include "backends/cuda/device.h"
#include "backends/cuda/nvrtc.h"
#include "ir/ir.h"

enum { PIECE = 1 << 20 };

/* Indexing is done by all rows at once: which of two rows of one key comes first is open, but then the join is not made
 * here (twice). A slot of a hash table holds a row, -1: none; the codes of the row are its key. */
static const char kernels[] = CUDA_EACH
    "static inline int64 slot_of(const int *code, int64 apart, int keys) {\n"
    "    unsigned long long h = 0;\n"
    "    for (int k = 0; k < keys; k++) {\n"
    "        const int c = code[k * apart];\n"
    "        if (c < 0) return -1;\n"
    "        h = (h ^ (unsigned)c) * 0x9E3779B97F4A7C15ull;\n"
    "        h ^= h >> 29;\n"
    "    }\n"
    "    return (int64)(h >> 1);\n"
    "}\n"
    "static inline bool same(const int *a, int64 apart, const int *b, int64 apart_b, int keys) {\n"
    "    for (int k = 0; k < keys; k++)\n"
    "        if (a[k * apart] != b[k * apart_b]) return false;\n"
    "    return true;\n"
    "}\n"
    "extern \"C\" __global__ void index_codes(int *at, const int *code, const unsigned char *ok, int64 rows, int "
    "*twice) {\n"
    "    for (EACH(r, rows))\n"
    "        if (code[r] >= 0 && (!ok || ok[r]) && atomicCAS(&at[code[r]], -1, (int)r) != -1) *twice = 1;\n"
    "}\n"
    "extern \"C\" __global__ void find_codes(int *row, const int *at, const int *code, int64 n) {\n"
    "    for (EACH(i, n)) row[i] = code[i] < 0 ? -1 : at[code[i]];\n"
    "}\n"
    "extern \"C\" __global__ void index_keys(int *at, int64 mask, const int *code, int keys, const unsigned char *ok, "
    "int64 rows, int *twice) {\n"
    "    for (EACH(r, rows)) {\n"
    "        int64 s = slot_of(code + r, rows, keys);\n"
    "        if (s < 0 || (ok && !ok[r])) continue;\n"
    "        for (s &= mask;; s = (s + 1) & mask) {\n"
    "            const int there = atomicCAS(&at[s], -1, (int)r);\n"
    "            if (there == -1) break;\n"
    "            if (same(code + there, rows, code + r, rows, keys)) {\n"
    "                *twice = 1;\n"
    "                break;\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n"
    "extern \"C\" __global__ void find_keys(int *row, const int *at, int64 mask, const int *own, int64 rows, const int "
    "*code, "
    "int64 apart, int keys, int64 n) {\n"
    "    for (EACH(i, n)) {\n"
    "        int64 s = slot_of(code + i, apart, keys);\n"
    "        int found = -1;\n"
    "        if (s >= 0)\n"
    "            for (s &= mask; at[s] >= 0; s = (s + 1) & mask)\n"
    "                if (same(own + at[s], rows, code + i, apart, keys)) {\n"
    "                    found = at[s];\n"
    "                    break;\n"
    "                }\n"
    "        row[i] = found;\n"
    "    }\n"
    "}\n"
    "extern \"C\" __global__ void codes_of(int *code, const int *from, const int *row, int64 n) {\n"
    "    for (EACH(i, n)) code[i] = row[i] < 0 ? -1 : from[row[i]];\n"
    "}\n";

#define JOIN_KERNELS(X) X(index_codes) X(find_codes) X(index_keys) X(find_keys) X(codes_of)

typedef struct Place {
    CUdeviceptr at, own, row; /* the index; the codes of its rows (several keys); the rows found, for a piece */
    int64_t mask;             /* several keys: slots less one */
    CUdeviceptr *from;        /* by key: codes of the rows of another place; 0: of the first table */
} Place;
typedef struct Joining {
    const CudaDevice *d;
    Diags *ds;
    Span span;
    const JoinLookUps *l;
    int64_t piece;
    Place *places;
    CUdeviceptr code, twice; /* codes of a piece, a row of them a key */
    CUmodule module;
#define X(name) CUfunction name;
    JOIN_KERNELS(X)
#undef X
    VEC(CUdeviceptr) memory;
    Arena *arena;
} Joining;

static bool fine(Joining *j, CUresult r, const char *doing) {
    return cuda_ok(j->d, r, j->ds, j->span, doing, 0);
}
static size_t slots_of(const JoinPlace *p) {
    size_t n = 16;
    if (p->nkeys == 1) return (size_t)(p->keys[0].domain > 0 ? p->keys[0].domain : 1);
    while (n < 2 * (size_t)p->rows) n *= 2;
    return n;
}
static int most_keys(const JoinLookUps *l) {
    int most = 1;
    for (int i = 0; i < l->nplaces; i++)
        if (l->places[i].nkeys > most) most = l->places[i].nkeys;
    return most;
}
static int64_t piece_of(const JoinLookUps *l) {
    return l->rows < PIECE ? l->rows + 1 : PIECE;
}
static double bytes_of(const JoinLookUps *l) {
    double all = 4.0 * (double)piece_of(l) * (l->nplaces + most_keys(l));
    for (int i = 0; i < l->nplaces; i++) {
        const JoinPlace *p = &l->places[i];
        all += 4.0 * (double)slots_of(p) + (double)p->rows * (4.0 * p->nkeys + (p->ok ? 1 : 0));
        for (int k = 0; k < p->nkeys; k++)
            if (p->keys[k].place >= 0) all += 4.0 * (double)p->keys[k].rows;
    }
    return all;
}
static const char *unsuited(const JoinLookUps *l) {
    char found[256];
    IrJoin join = {.rows = (double)l->rows, .places = l->nplaces};
    for (int i = 0; i < l->nplaces; i++) {
        join.table_rows += (double)l->places[i].rows;
        for (int k = 0; k < l->places[i].nkeys; k++) {
            join.codes += 4.0 * (double)l->places[i].rows + 4.0 * (double)l->places[i].keys[k].rows;
            join.keys++;
        }
    }
    if (ir_join_gpu(&join, &ir_gpu_nominal) >= ir_join_host(&join))
        return "its tables are too small for the way to the GPU and back to pay";
    return cuda_device_missing(found, sizeof found);
}

/* ---- memory ---- */
/* 0: reported. Filled from the host, or with -1. */
static CUdeviceptr array(Joining *j, const void *host, size_t bytes) {
    CUdeviceptr p = 0;
    bytes += !bytes;
    if (!cuda_memory(j->d, &p, bytes, j->ds, j->span, "a join")) return 0;
    vec_push(j->arena, &j->memory, p);
    CUresult r =
        host ? j->d->api->copy_in(p, host, bytes, j->d->stream) : j->d->api->fill(p, 0xff, bytes, j->d->stream);
    return fine(j, r, "copying keys to its memory") ? p : 0;
}
static bool launch(Joining *j, CUfunction f, int64_t n, void **arguments) {
    return fine(j, cuda_launch_each(j->d, f, n, arguments), "joining the tables");
}
static bool load(Joining *j) {
    char arch[24];
    CudaCode code;
    BackendOptions o = {0};
    if (!cuda_choose_arch(j->ds, j->span, &o, j->d->major, j->d->minor, arch) ||
        !cuda_compile(j->ds, "look_ups", kernels, arch, j->d->driver_version, &o, &code))
        return false;
    bool ok = fine(j, j->d->api->module_load(&j->module, code.image), "loading the kernels");
    cuda_code_free(&code);
#define X(name) ok = ok && fine(j, j->d->api->module_function(&j->name, j->module, #name), "loading the kernels");
    JOIN_KERNELS(X)
#undef X
    return ok;
}
static bool index_place(Joining *j, int at) {
    const JoinPlace *p = &j->l->places[at];
    Place *o = &j->places[at];
    int64_t rows = p->rows;
    int keys = p->nkeys;
    size_t row_bytes = sizeof(int32_t) * (size_t)rows, slots = slots_of(p);
    CUdeviceptr ok = 0;
    o->mask = (int64_t)slots - 1;
    o->from = arena_array(j->arena, CUdeviceptr, keys);
    o->own = array(j, NULL, row_bytes * (size_t)keys);
    if (!o->own || !(o->at = array(j, NULL, sizeof(int32_t) * slots)) ||
        !(o->row = array(j, NULL, sizeof(int32_t) * (size_t)j->piece)) ||
        (p->ok && !(ok = array(j, p->ok, (size_t)rows))))
        return false;
    for (int k = 0; k < keys; k++) {
        const JoinKey *key = &p->keys[k];
        if (rows && !fine(j, j->d->api->copy_in(o->own + row_bytes * (size_t)k, key->own, row_bytes, j->d->stream),
                          "copying keys to its memory"))
            return false;
        if (key->place >= 0 && !(o->from[k] = array(j, key->from, sizeof(int32_t) * (size_t)key->rows))) return false;
    }
    void *one[] = {&o->at, &o->own, &ok, &rows, &j->twice},
         *several[] = {&o->at, &o->mask, &o->own, &keys, &ok, &rows, &j->twice};
    return keys == 1 ? launch(j, j->index_codes, rows, one) : launch(j, j->index_keys, rows, several);
}

/* ---- as a JoinDevice ---- */
static void close_join(void *opened) {
    Joining *j = opened;
    j->d->api->stream_wait(j->d->stream);
    for (int i = 0; i < j->memory.len; i++) j->d->api->memory_free(j->memory.data[i]);
    if (j->module) j->d->api->module_unload(j->module);
    arena_free(j->arena);
}
static void *open_join(Diags *ds, Span at, const JoinLookUps *l, const char **why) {
    *why = NULL;
    const CudaDevice *d = cuda_device(ds, at);
    size_t free_bytes = 0, total = 0;
    if (!d || !cuda_ok(d, d->api->memory_info(&free_bytes, &total), ds, at, "asking for its free memory", 0))
        return NULL;
    double need = bytes_of(l);
    if (need > 0.9 * (double)free_bytes) free_bytes += cuda_residents_free_unused(d);
    if (need > 0.9 * (double)free_bytes) {
        *why = "the GPU's memory is too small for its keys";
        return NULL;
    }
    Arena *arena = arena_new();
    Joining *j = arena_new_of(arena, Joining);
    *j = (Joining){.d = d, .ds = ds, .span = at, .l = l, .piece = piece_of(l), .arena = arena};
    j->places = arena_array(arena, Place, l->nplaces + 1);
    int32_t zero = 0, twice = 0;
    bool ok = load(j) && (j->twice = array(j, &zero, sizeof zero)) &&
              (j->code = array(j, NULL, sizeof(int32_t) * (size_t)j->piece * (size_t)most_keys(l)));
    for (int i = 0; i < l->nplaces && ok; i++) ok = index_place(j, i);
    ok = ok && fine(j, d->api->copy_out(&twice, j->twice, sizeof twice, d->stream), "reading its memory") &&
         fine(j, d->api->stream_wait(d->stream), "joining the tables");
    if (ok && twice) *why = "a table has two rows of one key";
    if (ok && !twice) return j;
    close_join(j);
    return NULL;
}
static bool find(void *opened, int64_t first, int64_t n, int32_t *const *rows) {
    Joining *j = opened;
    const CudaDriver *a = j->d->api;
    bool ok = true;
    if (n > j->piece) internal_error("%lld rows of a join at a time", (long long)n);
    for (int i = 0; i < j->l->nplaces && ok; i++) {
        const JoinPlace *p = &j->l->places[i];
        Place *o = &j->places[i];
        int keys = p->nkeys;
        int64_t own_rows = p->rows;
        for (int k = 0; k < keys && ok; k++) {
            CUdeviceptr to = j->code + sizeof(int32_t) * (CUdeviceptr)(k * n);
            if (p->keys[k].place < 0) {
                ok = fine(j, a->copy_in(to, p->keys[k].from + first, sizeof(int32_t) * (size_t)n, j->d->stream),
                          "copying keys to its memory");
            } else {
                void *codes[] = {&to, &o->from[k], &j->places[p->keys[k].place].row, &n};
                ok = launch(j, j->codes_of, n, codes);
            }
        }
        void *one[] = {&o->row, &o->at, &j->code, &n};
        void *several[] = {&o->row, &o->at, &o->mask, &o->own, &own_rows, &j->code, &n, &keys, &n};
        ok = ok && (keys == 1 ? launch(j, j->find_codes, n, one) : launch(j, j->find_keys, n, several));
        ok = ok &&
             fine(j, a->copy_out(rows[i], o->row, sizeof(int32_t) * (size_t)n, j->d->stream), "reading its memory");
    }
    /* also after a failure: nothing may still be on its way to or from the caller's arrays */
    CUresult waited = a->stream_wait(j->d->stream);
    return ok && fine(j, waited, "joining the tables");
}
const JoinDevice cuda_join = {
    .name = "the GPU", .piece = PIECE, .unsuited = unsuited, .open = open_join, .find = find, .close = close_join};
