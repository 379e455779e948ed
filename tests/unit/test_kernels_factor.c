/* test_kernels_factor.c: gather, scatter, pick, place, expand, t_rows and cross against their definitions, over every
 * kind of indicator. */
#include "tests/unit/factor_testing.h"

static const int64_t test_n[] = {0, 1, 2, 11, 90};

static void test_gather_scatter(void **state) {
    (void)state;
    for (int i = 0; i < COUNT_OF(test_n); i++) {
        Integration *t = test_integration(test_n[i], false);
        for (int which = 0; which < t->nindicators; which++)
            EACH_STORAGE(s) for (int64_t cols = 1; cols < 8; cols += 3) {
                const Indicator *ind = &t->indicators[which];
                int64_t rows = t->spaces[which].rows;
                Matrix *x = random_matrix(s, rows, cols), *z = random_matrix(s, t->rows, cols);
                for (int a = 0; a < 3; a++) {
                    double absent = a == 0 ? 0 : a == 1 ? -2.5 : INFINITY;
                    BOTH(g, kernel_gather(&k, x, ind, absent));
                    assert_shape(g, t->rows, cols);
                    if (!a) assert_int_equal(g->kind, x->kind);
                    for (int64_t r = 0; r < t->rows; r++)
                        for (int64_t c = 0; c < cols; c++)
                            assert_true(mat_get(g, r, c) ==
                                        (indicator_row(ind, r) >= 0 ? mat_get(x, indicator_row(ind, r), c) : absent));
                    mat_free(g);
                }
                BOTH(q, kernel_scatter(&k, z, ind, rows));
                Matrix *want = mat_new_dense(rows, cols), *number = mat_new_dense(rows, 1);
                for (int64_t r = 0; r < t->rows; r++) {
                    if (indicator_row(ind, r) < 0) continue;
                    number->data[indicator_row(ind, r)]++;
                    for (int64_t c = 0; c < cols; c++) want->data[indicator_row(ind, r) * cols + c] += mat_get(z, r, c);
                }
                assert_matrix(q, want);
                BOTH(n, kernel_count(&k, ind, rows));
                Indicator bare = *ind;
                bare.count = NULL;
                BOTH(m, kernel_count(&k, &bare, rows));
                assert_matrix(n, number);
                assert_matrix(m, number);
                Matrix *all[] = {x, z, q, want, number, n, m};
                for (int l = 0; l < 7; l++) mat_free(all[l]);
            }
        test_integration_free(t);
    }
}

static void test_pick_place(void **state) {
    (void)state;
    Integration *t = test_integration(20, false);
    const IntBlock *blocks[2 * TEST_GROUPS];
    EACH_STORAGE(s) for (int64_t wide = 1; wide < 6; wide += 2) {
        Matrix *x = random_matrix(s, t->cols, wide), *y = random_matrix(s, wide, t->cols), *rows[2 * TEST_GROUPS],
               *cols[2 * TEST_GROUPS];
        Matrix *sum = mat_new_dense(t->cols, wide),
               *how[3] = {mat_new_dense(wide, t->cols), mat_new_dense(wide, t->cols), mat_new_dense(wide, t->cols)};
        for (int64_t c = 0; c < wide * t->cols; c++) how[1]->data[c] = INFINITY, how[2]->data[c] = -INFINITY;
        for (int p = 0; p < t->nblocks; p++) {
            const IntBlock *b = blocks[p] = &t->blocks[p];
            BOTH(m, kernel_pick(&k, x, b));
            BOTH(n, kernel_pick_cols(&k, y, b));
            assert_shape(m, b->data->cols, wide);
            assert_shape(n, wide, b->data->cols);
            for (int64_t c = 0; c < b->data->cols; c++)
                for (int64_t w = 0; w < wide; w++) {
                    assert_true(mat_get(m, c, w) == mat_get(x, b->target_cols[c], w));
                    assert_true(mat_get(n, w, c) == mat_get(y, w, b->target_cols[c]));
                }
            mat_free(m);
            mat_free(n);
            rows[p] = random_matrix(s, b->data->cols, wide);
            cols[p] = random_matrix(s, wide, b->data->cols);
            for (int64_t c = 0; c < b->data->cols; c++)
                for (int64_t w = 0; w < wide; w++) {
                    double v = mat_get(cols[p], w, c);
                    int64_t at = w * t->cols + b->target_cols[c];
                    sum->data[b->target_cols[c] * wide + w] += mat_get(rows[p], c, w);
                    how[0]->data[at] += v;
                    if (v < how[1]->data[at]) how[1]->data[at] = v;
                    if (v > how[2]->data[at]) how[2]->data[at] = v;
                }
        }
        BOTH(placed, kernel_place(&k, t->nblocks, (const Matrix *const *)rows, blocks, t->cols));
        assert_matrix(placed, sum);
        mat_free(placed);
        for (int h = 0; h < 3; h++) {
            BOTH(m, kernel_place_cols(&k, t->nblocks, (const Matrix *const *)cols, blocks, t->cols, h));
            assert_matrix(m, how[h]);
            mat_free(m);
            mat_free(how[h]);
        }
        for (int p = 0; p < t->nblocks; p++) {
            mat_free(rows[p]);
            mat_free(cols[p]);
        }
        mat_free(sum);
        mat_free(x);
        mat_free(y);
    }
    test_integration_free(t);
}

static void test_expand(void **state) {
    (void)state;
    for (int i = 0; i < COUNT_OF(test_n); i++)
        for (int round = 0; round < 4; round++) {
            Integration *t = test_integration(test_n[i], round == 3);
            Matrix *values[2 * TEST_GROUPS];
            int blocks[2 * TEST_GROUPS];
            for (int p = 0; p < t->nblocks; p++) {
                const Matrix *d = t->blocks[p].data;
                values[p] = round == 1   ? random_matrix(S_DENSE, d->rows, d->cols)
                            : round == 2 ? random_matrix(S_CODES, d->rows, d->cols)
                                         : mat_copy(d);
                blocks[p] = p;
            }
            const Matrix *const *vs = (const Matrix *const *)values;
            Matrix *want = test_dense(t, vs);
            BOTH(m, kernel_expand(&k, t, t->nblocks, vs, blocks));
            assert_matrix(m, want);
            if (round == 2 && t->rows) assert_int_equal(m->kind, MAT_CSR);
            if (round == 1 || round == 3) assert_int_equal(m->kind, MAT_DENSE);
            int64_t n = t->rows ? 7 : 0;
            Matrix *index = mat_new_dense(n, 1), *rows = mat_new_dense(n, t->cols);
            for (int64_t r = 0; r < n; r++) {
                int64_t at = test_below(t->rows);
                index->data[r] = (double)(at + 1);
                memcpy(rows->data + r * t->cols, want->data + at * t->cols, sizeof(double) * (size_t)t->cols);
            }
            BOTH(some, kernel_t_rows(&k, t, index, t->nblocks, vs, blocks));
            assert_matrix(some, rows);
            if (n) {
                index->data[3] = (double)t->rows + 1;
                REFUSES("E406", kernel_t_rows(&k, t, index, t->nblocks, vs, blocks));
            }
            Matrix *all[] = {want, m, index, rows, some};
            for (int l = 0; l < 5; l++) mat_free(all[l]);
            for (int p = 0; p < t->nblocks; p++) mat_free(values[p]);
            test_integration_free(t);
        }
}

static void check_cross(const Integration *t, int a, int b, const Matrix *x, const Matrix *y, const Matrix *w) {
    Matrix *want = mat_new_dense(x->cols, y->cols);
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t r = indicator_row(&t->indicators[t->blocks[a].indicator], i),
                s = indicator_row(&t->indicators[t->blocks[b].indicator], i);
        for (int64_t c = 0; r >= 0 && s >= 0 && c < x->cols; c++)
            for (int64_t d = 0; d < y->cols; d++)
                want->data[c * y->cols + d] += (w ? mat_get(w, i, 0) : 1) * mat_get(x, r, c) * mat_get(y, s, d);
    }
    BOTH(m, kernel_cross(&k, t, a, x, b, y, w));
    assert_matrix(m, want);
    mat_free(m);
    mat_free(want);
}
static void test_cross(void **state) {
    (void)state;
    for (int i = 0; i < COUNT_OF(test_n); i++) {
        Integration *t = test_integration(test_n[i], false);
        Matrix *w = random_matrix(S_DENSE, t->rows, 1), *strided = random_matrix(S_STRIDED, t->rows, 1),
               *ones = random_matrix(S_ONES, t->rows, 1);
        for (int a = 0; a < t->nblocks; a++)
            for (int b = 0; b < t->nblocks; b++) {
                const Matrix *da = t->blocks[a].data, *db = t->blocks[b].data;
                check_cross(t, a, b, da, db, NULL);
                check_cross(t, a, b, da, db, w);
                check_cross(t, a, b, da, db, strided);
                check_cross(t, a, b, da, db, ones);
                Matrix *x = random_matrix(S_DENSE, da->rows, 3), *y = random_matrix((a + b) % S_COUNT, db->rows, 50);
                check_cross(t, a, b, x, y, w);
                check_cross(t, b, a, y, x, NULL);
                mat_free(x);
                mat_free(y);
            }
        mat_free(w);
        mat_free(strided);
        mat_free(ones);
        test_integration_free(t);
    }
}
/* Rows of few numbers, of columns that are many: pair of rows by pair of rows. */
static void test_cross_pairs(void **state) {
    (void)state;
    Integration *t = test_integration(400, false);
    Matrix *w = random_matrix(S_DENSE, 400, 1);
    for (int a = 0; a < t->nblocks; a++)
        for (int b = 0; b < t->nblocks; b++) {
            int64_t ra = t->blocks[a].data->rows, rb = t->blocks[b].data->rows;
            Matrix *codes = random_matrix(S_CODES, ra, 90), *cells = random_matrix(S_CSR, rb, 70);
            check_cross(t, a, b, codes, cells, a % 2 ? w : NULL);
            check_cross(t, b, a, cells, codes, b % 2 ? w : NULL);
            mat_free(codes);
            mat_free(cells);
        }
    mat_free(w);
    test_integration_free(t);
}
/* Small tables under many rows: co-occurrences are counted. */
static void test_cross_counted(void **state) {
    (void)state;
    Integration *t = test_integration(400, false);
    for (int which = 2; which <= 4; which++) {
        Indicator *ind = &t->indicators[which];
        memset(ind->count, 0, sizeof(double) * (size_t)t->spaces[which].rows);
        t->spaces[which].rows = 3;
        for (int64_t i = 0; i < t->rows; i++)
            if (ind->idx[i] >= 0) ((int32_t *)ind->idx)[i] %= 3, ind->count[ind->idx[i]]++;
    }
    for (int b = 0; b < t->nblocks; b++)
        if (t->blocks[b].indicator >= 2 && t->blocks[b].indicator <= 4) t->blocks[b].data->rows = 3;
    Matrix *w = random_matrix(S_DENSE, 400, 1);
    for (int a = 0; a < t->nblocks; a++)
        for (int b = 0; b < t->nblocks; b++)
            check_cross(t, a, b, t->blocks[a].data, t->blocks[b].data, a % 2 ? w : NULL);
    mat_free(w);
    test_integration_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather_scatter), cmocka_unit_test(test_pick_place),    cmocka_unit_test(test_expand),
        cmocka_unit_test(test_cross),          cmocka_unit_test(test_cross_counted), cmocka_unit_test(test_cross_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
