/* random_target.h: random targets as sums over blocks, made directly: dense, CSR and one-hot blocks; identity, range,
 * masked and repeated indicators; columns that two tables share (each row reads the first that has it: masked column
 * classes); several indicators a table; fills; no rows, one row; 1 to 70 columns. Every cell has one owner. All numbers
 * are multiples of 1/8, so that sums are exact in any order. */
#ifndef AMAL_RANDOM_TARGET_H
#define AMAL_RANDOM_TARGET_H
#include <stdlib.h>

#include "tests/differential/random_program.h"

static int64_t indicator_row(const Indicator *ind, int64_t i) {
    if (ind->identity) return i;
    if (ind->range) return i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1;
    return ind->idx[i];
}
static void fill_count(Indicator *ind, int64_t space_rows) {
    ind->count = mem_alloc(sizeof(double) * (size_t)(space_rows + 1));
    ind->total = ind->injective = true;
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        if (r < 0)
            ind->total = false;
        else if (ind->count[r]++ > 0)
            ind->injective = false;
    }
    for (int64_t r = 0; r < space_rows; r++) ind->used += ind->count[r] > 0;
}
static Matrix *random_csr(int64_t rows, int64_t cols) {
    int64_t nnz = 0, *where = mem_alloc(sizeof *where * (size_t)(rows * cols + 1)), p = 0;
    double density = maybe(0.5) ? 0.3 : 0.05;
    for (int64_t k = 0; k < rows * cols; k++)
        if (maybe(density)) where[nnz++] = k;
    bool pattern = maybe(0.3);
    Matrix *m = mat_new_csr(rows, cols, nnz, pattern);
    for (int64_t r = 0; r < rows; r++) {
        for (; p < nnz && where[p] / cols == r; p++) {
            m->colidx[p] = (int32_t)(where[p] % cols);
            if (!pattern) m->values[p] = floor(uniform() * 9) - 3.5;
        }
        m->rowptr[r + 1] = p;
    }
    mem_free(where);
    return m;
}
static Matrix *random_block(int64_t rows, int64_t cols, int kind) {
    if (kind == 1) return random_csr(rows, cols);
    Matrix *m = kind == 2 ? mat_new_codes(rows, cols) : mat_new_dense(rows, cols);
    for (int64_t r = 0; r < rows; r++) {
        if (kind == 2) m->codes[r] = (int32_t)up_to(cols + 1) - 1;
        for (int64_t c = 0; kind != 2 && c < cols; c++) m->data[r * m->ld + c] = floor(uniform() * 64) / 8 - 3;
    }
    return m;
}
static void add_block(Integration *in, int space, int indicator, int64_t first, int64_t cols, int kind) {
    IntBlock *b = &in->blocks[in->nblocks++];
    *b = (IntBlock){.space = space, .indicator = indicator, .label = in->spaces[space].name};
    b->data = random_block(in->spaces[space].rows, cols, kind);
    b->target_cols = mem_alloc(sizeof(int32_t) * (size_t)(cols + 1));
    for (int64_t c = 0; c < cols; c++) b->target_cols[c] = (int32_t)(first + c);
}
static void random_indicator(Indicator *ind, int64_t table_rows, int kind) {
    if (kind == 0) {
        ind->identity = true;
    } else if (kind == 1) {
        ind->range = true;
        ind->begin = up_to(ind->rows + 1);
        int64_t most = ind->rows - ind->begin < table_rows ? ind->rows - ind->begin : table_rows;
        ind->end = ind->begin + up_to(most + 1);
        ind->first = up_to(table_rows - (ind->end - ind->begin) + 1);
    } else {
        bool holes = maybe(0.5);
        int32_t *idx = mem_alloc(sizeof *idx * (size_t)(ind->rows + 1));
        for (int64_t i = 0; i < ind->rows; i++) idx[i] = holes && maybe(0.3) ? -1 : (int32_t)up_to(table_rows);
        ind->idx = idx;
    }
}
/* Table s's own indicator where `free` rows want it; those rows are then owned. A new masked indicator unless it takes
 * all of its rows. */
static int take_rows_of(Integration *in, int s, bool *owned) {
    const Indicator *base = &in->indicators[s];
    int32_t *idx = mem_alloc(sizeof *idx * (size_t)(in->rows + 1));
    bool masked = false;
    for (int64_t i = 0; i < in->rows; i++) {
        int64_t r = indicator_row(base, i);
        if (r >= 0 && owned[i]) masked = true;
        idx[i] = r < 0 || owned[i] ? -1 : (int32_t)r;
        if (r >= 0) owned[i] = true;
    }
    if (!masked) {
        mem_free(idx);
        return s;
    }
    Indicator *ind = &in->indicators[in->nindicators];
    *ind = (Indicator){.space = s, .rows = in->rows, .idx = idx};
    fill_count(ind, in->spaces[s].rows);
    return in->nindicators++;
}
/* Rows that no table owns read a fill table of one row. */
static void add_fill(Integration *in, const bool *owned, int64_t first, int64_t cols) {
    bool any = false;
    for (int64_t i = 0; i < in->rows; i++) any = any || !owned[i];
    if (!any || !cols) return;
    int s = in->nspaces++, k = in->nindicators++;
    in->spaces[s] = (IntSpace){.name = "fill", .role = -1, .rows = 1};
    int32_t *idx = mem_alloc(sizeof *idx * (size_t)(in->rows + 1));
    for (int64_t i = 0; i < in->rows; i++) idx[i] = owned[i] ? -1 : 0;
    in->indicators[k] = (Indicator){.space = s, .rows = in->rows, .idx = idx};
    fill_count(&in->indicators[k], 1);
    add_block(in, s, k, first, cols, 0);
}
static int64_t random_width(void) {
    static const int64_t wide[] = {7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 70};
    double u = uniform();
    return u < 0.1 ? 0 : u < 0.85 ? 1 + up_to(5) : wide[up_to(12)];
}
static Integration *random_target(bool sparse_allowed) {
    enum { TABLES = 4, GROUPS = 6, MOST = 2 * TABLES * GROUPS };
    static const int64_t sizes[] = {0, 1, 2, 7, 63, 64, 65, 130, 1500, 3000};
    static const char *const names[TABLES] = {"S1", "S2", "S3", "S4"};
    Integration *in = mem_alloc(sizeof *in);
    in->rows = sizes[up_to(maybe(0.1) ? 10 : 9)];
    in->kind = "random";
    in->spaces = mem_alloc(sizeof *in->spaces * MOST);
    in->indicators = mem_alloc(sizeof *in->indicators * MOST);
    in->blocks = mem_alloc(sizeof *in->blocks * MOST);
    int tables = in->nspaces = in->nindicators = 1 + (int)up_to(TABLES);
    for (int s = 0; s < tables; s++) {
        int kind = s == 0 && maybe(0.6) ? 0 : maybe(0.25) ? 1 : 2;
        int64_t rows = kind == 0 ? in->rows : 1 + up_to(40);
        in->spaces[s] = (IntSpace){.name = names[s], .role = s, .rows = rows};
        in->indicators[s] = (Indicator){.space = s, .rows = in->rows};
        random_indicator(&in->indicators[s], rows, kind);
        fill_count(&in->indicators[s], rows);
    }
    bool *owned = mem_alloc((size_t)in->rows + 1);
    int groups = tables + (int)up_to(GROUPS - tables + 1);
    for (int g = 0; g < groups; g++) { /* columns that one table has, or two in an order of precedence */
        int64_t cols = g == groups - 1 && !in->cols ? 1 : random_width();
        if (in->cols + cols > 90) continue;
        memset(owned, 0, (size_t)in->rows + 1);
        int first = g < tables ? g : (int)up_to(tables), owners = tables > 1 && maybe(0.35) ? 2 : 1;
        for (int o = 0; o < owners; o++) {
            int s = (first + o) % tables;
            add_block(in, s, take_rows_of(in, s, owned), in->cols, cols, sparse_allowed ? (int)up_to(3) : 0);
        }
        add_fill(in, owned, in->cols, cols);
        in->cols += cols;
    }
    mem_free(owned);
    return in;
}
static void free_target(Integration *in) {
    for (int i = 0; i < in->nindicators; i++) {
        mem_free((void *)in->indicators[i].idx);
        mem_free(in->indicators[i].count);
    }
    for (int i = 0; i < in->nblocks; i++) {
        mat_free(in->blocks[i].data);
        mem_free(in->blocks[i].target_cols);
    }
    mem_free(in->spaces);
    mem_free(in->indicators);
    mem_free(in->blocks);
    mem_free(in);
}
#endif
