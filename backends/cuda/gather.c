/* gather.c: see gather.h. */
#include "backends/cuda/gather.h"

enum { BLOCKS_MOST = 64 };

/* After `typedef … number;`. none: rows of the source; an index of so much reads nothing. ld, width: of the source's
 * rows. */
static const char kernels[] = CUDA_EACH
    "extern \"C\" __global__ void put_dense(number *to, int64 rows, int64 d, const int *index, int64 none,\n"
    "                                     const int *columns, int64 width, const number *from, int64 ld) {\n"
    "    for (EACH(q, rows * width)) {\n"
    "        const int64 i = q / width, c = q % width, r = index[i];\n"
    "        if (r < none) to[i * d + columns[c]] = from[r * ld + c];\n"
    "    }\n"
    "}\n"
    "extern \"C\" __global__ void put_codes(number *to, int64 rows, int64 d, const int *index, int64 none,\n"
    "                                     const int *columns, const int *codes) {\n"
    "    for (EACH(i, rows)) {\n"
    "        const int64 r = index[i];\n"
    "        if (r < none && codes[r] >= 0) to[i * d + columns[codes[r]]] = 1;\n"
    "    }\n"
    "}\n"
    "extern \"C\" __global__ void put_csr(number *to, int64 rows, int64 d, const int *index, int64 none,\n"
    "                                   const int *columns, const int64 *first, const int *cell, const number *value) "
    "{\n"
    "    for (EACH(i, rows)) {\n"
    "        const int64 r = index[i];\n"
    "        for (int64 p = r < none ? first[r] : 0; r < none && p < first[r + 1]; p++)\n"
    "            to[i * d + columns[cell[p]]] = value ? value[p] : 1;\n"
    "    }\n"
    "}\n";

const char *gather_text(Arena *arena, bool single) {
    return arena_printf(arena, "typedef %s number;\n%s", single ? "float" : "double", kernels);
}
static size_t source_bytes(const Matrix *m) {
    return mat_bytes_floats(m) + 4 * (size_t)m->cols;
}
bool gather_applies(Job *j, const Integration *in, int index) {
    if (!in->materialized || !in->parent || in->blocks[index].data->kind != MAT_DENSE || !in->rows || !in->cols)
        return false;
    const Integration *from = in->parent;
    if (from->nblocks > BLOCKS_MOST) return false;
    double need = (double)in->rows * (double)in->cols * (double)job_number_bytes(integration_is_single(from));
    for (int b = 0; b < from->nblocks; b++)
        if (!cuda_resident_find(job_kind(BIND_DENSE, integration_is_single(from), 0), from->blocks[b].data))
            need += (double)source_bytes(from->blocks[b].data) + 4 * (double)in->rows;
    size_t free_bytes = 0, total = 0;
    return !j->d->api->memory_info(&free_bytes, &total) && need < 0.9 * (double)free_bytes;
}

typedef struct Gather {
    Job *j;
    const Integration *in, *from;
    CudaResident *used[8 * BLOCKS_MOST];
    int nused;
} Gather;
/* An array of a source on the device; found there when a factorized model has used it. */
static bool array(Gather *g, int kind, const void *made_of, const Integration *owner, const void *host, size_t bytes,
                  CUdeviceptr *at) {
    CudaResident *r = cuda_resident_find(kind, made_of);
    if (!r) r = cuda_resident_new(g->j->d, g->j->rc->diags, kind, made_of, owner, host, bytes);
    if (!r) return false;
    cuda_resident_use(g->j->d, r, 1);
    g->used[g->nused++] = r;
    *at = cuda_resident_at(r);
    return true;
}
static bool index_of(Gather *g, const IntBlock *b, CUdeviceptr *at) {
    const Indicator *ind = &g->from->indicators[b->indicator];
    int kind = job_kind(BIND_INDEX, false, 0);
    if (cuda_resident_find(kind, ind)) return array(g, kind, ind, g->from, NULL, 0, at);
    int32_t *made = job_index_array(ind, g->from->spaces[ind->space].rows);
    bool ok = made && array(g, kind, ind, g->from, made, 4 * (size_t)ind->rows, at);
    if (!made)
        diag_error(g->j->rc->diags, "E402", (Span){0}, "no memory for an indicator of %lld rows", (long long)ind->rows);
    mem_free(made);
    return ok;
}
/* The numbers that a block keeps, as the joined table's are. */
static bool numbers_of(Gather *g, CudaBindKind kind, const Integration *owner, Matrix *m, size_t count,
                       CUdeviceptr *at) {
    bool single = integration_is_single(g->from);
    int of = job_kind(kind, single, 0);
    const void *host = m->kind == MAT_DENSE ? m->data : m->values;
    if (single && !cuda_resident_find(of, m) && !(host = mat_floats(m, g->j->rc->threads))) {
        diag_error(g->j->rc->diags, "E402", (Span){0}, "no memory for %lld numbers in single precision",
                   (long long)count);
        return false;
    }
    return array(g, of, m, owner, host, job_number_bytes(single) * count, at);
}
static const Integration *owner_of_blocks(const Integration *in) {
    while (in->parent && !in->owns) in = in->parent;
    return in;
}
static bool put_block(Gather *g, CUmodule module, CUdeviceptr to, const IntBlock *b) {
    const CudaDevice *d = g->j->d;
    Matrix *m = b->data;
    const Integration *owner = owner_of_blocks(g->from);
    int64_t rows = g->in->rows, width = m->cols, cols = g->in->cols, none = m->rows, ld = m->ld;
    CUdeviceptr index, columns, a = 0, cell = 0, value = 0;
    if (!width || !none) return true;
    if (!index_of(g, b, &index) ||
        !array(g, job_kind(BIND_COLUMNS, false, 0), b->target_cols, owner, b->target_cols, 4 * (size_t)width, &columns))
        return false;
    const char *name = m->kind == MAT_DENSE ? "put_dense" : m->kind == MAT_CODES ? "put_codes" : "put_csr";
    void *dense[] = {&to, &rows, &cols, &index, &none, &columns, &width, &a, &ld};
    void *sparse[] = {&to, &rows, &cols, &index, &none, &columns, &a, &cell, &value};
    bool ok = true;
    if (m->kind == MAT_DENSE) {
        ok = numbers_of(g, BIND_DENSE, owner, m, (size_t)(none * ld), &a);
    } else if (m->kind == MAT_CODES) {
        ok = array(g, job_kind(BIND_CODES, false, 0), m, owner, m->codes, 4 * (size_t)none, &a);
    } else {
        size_t nnz = (size_t)m->rowptr[none];
        ok = array(g, job_kind(BIND_ROWPTR, false, 0), m, owner, m->rowptr, 8 * (size_t)(none + 1), &a) &&
             array(g, job_kind(BIND_COLIDX, false, 0), m, owner, m->colidx, 4 * nnz, &cell) &&
             (!m->values || numbers_of(g, BIND_VALUES, owner, m, nnz, &value));
    }
    if (!ok) return false;
    CUfunction f = NULL;
    return job_ok(g->j, d->api->module_function(&f, module, name), NULL, "loading the kernels") &&
           job_ok(g->j,
                  m->kind == MAT_DENSE ? cuda_launch_each(d, f, rows * width, dense)
                                       : cuda_launch_each(d, f, rows, sparse),
                  NULL, "joining the tables");
}
CudaResident *gather_target(Job *j, const Integration *in, int kind) {
    Gather g = {.j = j, .in = in, .from = in->parent};
    const CudaDevice *d = j->d;
    CudaCode code;
    CUmodule module = NULL;
    BackendOptions o = {.carried = j->x->carried};
    bool single = integration_is_single(in->parent);
    size_t bytes = job_number_bytes(single) * (size_t)(in->rows * in->cols);
    const char *text = gather_text(j->arena, single);
    if (!cuda_compile(j->rc->diags, "join", text, j->x->code.arch, d->driver_version, &o, &code)) return NULL;
    bool ok = job_ok(j, d->api->module_load(&module, code.image), NULL, "loading the kernels");
    cuda_code_free(&code);
    CudaResident *t =
        ok ? cuda_resident_new(d, j->rc->diags, kind, in->blocks[0].data, owner_of_blocks(in), NULL, bytes) : NULL;
    ok = t && job_ok(j, d->api->fill(cuda_resident_at(t), 0, bytes, d->stream), NULL, "clearing memory");
    for (int b = 0; ok && b < in->parent->nblocks; b++)
        ok = put_block(&g, module, cuda_resident_at(t), &in->parent->blocks[b]);
    ok = ok && job_ok(j, d->api->stream_wait(d->stream), NULL, "joining the tables");
    for (int i = 0; i < g.nused; i++) cuda_resident_use(d, g.used[i], -1);
    if (module) d->api->module_unload(module);
    if (!ok && t) cuda_resident_lose(d, t);
    return ok ? t : NULL;
}
