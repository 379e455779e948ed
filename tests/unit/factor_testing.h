/* factor_testing.h: random integrations made by hand: indicators and blocks of every kind, each cell of T owned by one
 * block. */
#ifndef AMAL_FACTOR_TESTING_H
#define AMAL_FACTOR_TESTING_H
#include "tests/unit/kernel_testing.h"

enum { TEST_INDICATORS = 7, TEST_GROUPS = 6 };

/* Number `which`: identity, ascending with gaps, random total, random with gaps, and three ranges/lists that are 3's
 * and 0's complements. */
static inline void test_indicator(Indicator *ind, IntSpace *space, int which, int64_t n,
                                  const Indicator *complement_of) {
    int64_t rows = which == 0 ? n : 1 + test_below(n ? n : 1);
    bool range = which == 5;
    if (range) rows = n + 4;
    int32_t *idx = mem_alloc(sizeof *idx * (size_t)(n + 1));
    int64_t next = 0;
    for (int64_t i = 0; i < n; i++) {
        bool absent = which == 1 || which == 3 ? test_below(3) == 0 : which == 5 ? i < n / 3 || i >= n / 2 : false;
        if (complement_of) absent = indicator_row(complement_of, i) >= 0;
        if (which == 1 && test_below(2) && next < rows - 1) next++;
        idx[i] = absent ? -1 : (int32_t)(which == 0 ? i : range ? i - n / 3 + 2 : which == 1 ? next : test_below(rows));
    }
    double *count = mem_alloc(sizeof *count * (size_t)(rows + 1));
    bool total = true;
    for (int64_t i = 0; i < n; i++) {
        if (idx[i] >= 0)
            count[idx[i]]++;
        else
            total = false;
    }
    *ind = (Indicator){
        .rows = n, .idx = idx, .identity = which == 0, .total = total, .ascending = which <= 1, .count = count};
    if (range) *ind = (Indicator){.rows = n, .range = true, .begin = n / 3, .end = n / 2, .first = 2, .count = count};
    if (range || which == 0) {
        mem_free(idx);
        ind->idx = NULL;
    }
    *space = (IntSpace){.name = "test", .role = which, .rows = rows};
}

/* Groups of columns: one block over a total indicator, or two blocks over complementary ones; columns of the groups
 * interleave. `plain`: total indicators only and dense blocks. */
static inline Integration *test_integration(int64_t n, bool plain) {
    static const int first[TEST_GROUPS] = {0, 2, 3, 5, 2, 1}, second[TEST_GROUPS] = {-1, -1, 4, 6, -1, -1};
    Integration *t = mem_alloc(sizeof *t);
    t->rows = n;
    t->nspaces = t->nindicators = TEST_INDICATORS;
    t->spaces = mem_alloc(sizeof *t->spaces * TEST_INDICATORS);
    t->indicators = mem_alloc(sizeof *t->indicators * TEST_INDICATORS);
    for (int i = 0; i < TEST_INDICATORS; i++) {
        test_indicator(&t->indicators[i], &t->spaces[i], i, n,
                       i == 4   ? &t->indicators[3]
                       : i == 6 ? &t->indicators[5]
                                : NULL);
        t->indicators[i].space = i;
    }
    t->blocks = mem_alloc(sizeof *t->blocks * 2 * TEST_GROUPS);
    int width[TEST_GROUPS];
    for (int g = 0; g < TEST_GROUPS; g++) {
        width[g] = g == 4 && !plain ? 60 : 1 + (int)test_below(4);
        t->cols += width[g];
    }
    int32_t *owner = mem_alloc(sizeof *owner * (size_t)t->cols);
    int left[TEST_GROUPS];
    memcpy(left, width, sizeof left);
    for (int64_t c = 0; c < t->cols; c++) {
        int g;
        do g = (int)test_below(TEST_GROUPS);
        while (!left[g]);
        left[g]--;
        owner[c] = g;
    }
    for (int g = 0; g < TEST_GROUPS; g++) {
        for (int half = 0; half < 2; half++) {
            int ind = half ? second[g] : first[g];
            if (ind < 0 || (plain && half)) continue;
            if (plain && !t->indicators[ind].total) ind = g % 2 ? 0 : 2;
            IntBlock *b = &t->blocks[t->nblocks++];
            Storage s = plain ? S_DENSE : g == 4 ? S_CODES : g == 1 ? S_CSR : half ? S_ONES : S_DENSE;
            *b = (IntBlock){.space = ind, .indicator = ind, .data = random_matrix(s, t->spaces[ind].rows, width[g])};
            b->target_cols = mem_alloc(sizeof *b->target_cols * (size_t)width[g]);
            int k = 0;
            for (int64_t c = 0; c < t->cols; c++)
                if (owner[c] == g) b->target_cols[k++] = (int32_t)c;
        }
    }
    mem_free(owner);
    return t;
}
static inline void test_integration_free(Integration *t) {
    for (int i = 0; i < t->nindicators; i++) {
        mem_free((void *)t->indicators[i].idx);
        mem_free(t->indicators[i].count);
    }
    for (int i = 0; i < t->nblocks; i++) {
        mat_free(t->blocks[i].data);
        mem_free(t->blocks[i].target_cols);
    }
    mem_free(t->spaces);
    mem_free(t->indicators);
    mem_free(t->blocks);
    mem_free(t);
}
/* T cell by cell, from the values of its blocks. */
static inline Matrix *test_dense(const Integration *t, const Matrix *const *values) {
    Matrix *m = mat_new_dense(t->rows, t->cols);
    for (int p = 0; p < t->nblocks; p++)
        for (int64_t i = 0; i < t->rows; i++) {
            int64_t r = indicator_row(&t->indicators[t->blocks[p].indicator], i);
            for (int64_t c = 0; r >= 0 && c < t->blocks[p].data->cols; c++)
                m->data[i * t->cols + t->blocks[p].target_cols[c]] = mat_get(values[p], r, c);
        }
    return m;
}
#endif
