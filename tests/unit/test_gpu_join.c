/* test_gpu_join.c: look-ups of joins on the device against look-ups by comparing all rows: chains of tables, one and
 * several keys, nulls, rows left out, skew, no rows; two rows of one key; what they cost. Where there is no GPU it runs
 * on tests/cuda/shim.c; without a C++ compiler it is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "backends/cuda/join.h"
#include "tests/unit/gpu_testing.h"

static bool have_device;
enum { ROWS = 500, MOST = 300, PLACES = 4 };

typedef struct Star { /* 0: by one key; 1: by three, of which the second may be place 0's; 2: by one key of place 1; 3:
                         by a key of place 0 and one of the first table */
    int32_t own[PLACES][3][MOST], from[PLACES][3][ROWS];
    uint8_t ok[MOST];
    JoinKey keys[PLACES][3];
    JoinPlace places[PLACES];
    JoinLookUps l;
} Star;
static uint64_t drawn;
static int64_t draw(int64_t below) {
    double u = rng_uniform(11, 0, drawn++);
    return below > 0 ? (int64_t)(u * (double)below) : 0;
}
/* Distinct keys: the number `r` is written in base `digits` over the codes. */
static void make_star(Star *s, int64_t rows, const int64_t *table_rows, bool skewed) {
    static const int nkeys[PLACES] = {1, 3, 1, 2};
    static const int from_place[PLACES][3] = {{-1}, {-1, 0, -1}, {1}, {0, -1}};
    memset(s, 0, sizeof *s);
    for (int p = 0; p < PLACES; p++) {
        int keys = nkeys[p];
        int64_t n = table_rows[p], digits = 1, domain;
        while (keys > 1 && pow((double)digits, keys) < 1.3 * (double)n) digits++;
        domain = keys > 1 ? digits + 1 : 2 * n + 3;
        for (int64_t r = 0; r < n; r++) {
            int64_t code = keys > 1 ? r : 2 * ((r * 7) % n) + 1; /* 7 does not divide the numbers of rows below */
            for (int k = 0; k < keys; k++, code /= digits) s->own[p][k][r] = (int32_t)(keys > 1 ? code % digits : code);
            if (draw(20) == 0) s->own[p][draw(keys)][r] = -1;
        }
        for (int k = 0; k < keys; k++) {
            int at = from_place[p][k];
            int64_t from_rows = at < 0 ? rows : table_rows[at];
            for (int64_t r = 0; r < from_rows; r++)
                s->from[p][k][r] = (int32_t)(draw(12) == 0 ? -1 : skewed && draw(10) ? 1 : draw(domain));
            s->keys[p][k] =
                (JoinKey){.own = s->own[p][k], .from = s->from[p][k], .domain = domain, .place = at, .rows = from_rows};
        }
        s->places[p] = (JoinPlace){.nkeys = keys, .keys = s->keys[p], .rows = n};
    }
    for (int64_t r = 0; r < MOST; r++) s->ok[r] = draw(4) != 0;
    s->places[3].ok = s->ok;
    s->l = (JoinLookUps){.rows = rows, .nplaces = PLACES, .places = s->places};
}
static int32_t found_slowly(const Star *s, int p, int64_t i, const int32_t *before) {
    const JoinPlace *place = &s->places[p];
    int32_t code[3];
    for (int k = 0; k < place->nkeys; k++) {
        int at = place->keys[k].place;
        int64_t row = at < 0 ? i : before[at];
        if (row < 0 || (code[k] = place->keys[k].from[row]) < 0) return -1;
    }
    for (int64_t r = 0; r < place->rows; r++) {
        bool same = !place->ok || place->ok[r];
        for (int k = 0; k < place->nkeys && same; k++) same = place->keys[k].own[r] == code[k];
        if (same) return (int32_t)r;
    }
    return -1;
}
static int64_t check_star(const Star *s, int64_t piece, Diags *ds) {
    const char *why = NULL;
    void *opened = cuda_join.open(ds, (Span){0}, &s->l, &why);
    diag_print(ds, stderr, false);
    assert_null(why);
    assert_non_null(opened);
    int32_t *rows[PLACES];
    int64_t matched = 0;
    for (int p = 0; p < PLACES; p++) rows[p] = mem_alloc(sizeof(int32_t) * (size_t)(piece + 1));
    for (int64_t first = 0; first < s->l.rows; first += piece) {
        int64_t n = s->l.rows - first < piece ? s->l.rows - first : piece;
        assert_true(cuda_join.find(opened, first, n, rows));
        for (int64_t i = 0; i < n; i++) {
            int32_t want[PLACES];
            for (int p = 0; p < PLACES; p++) {
                want[p] = found_slowly(s, p, first + i, want);
                assert_int_equal(rows[p][i], want[p]);
                matched += want[p] >= 0;
            }
        }
    }
    for (int p = 0; p < PLACES; p++) mem_free(rows[p]);
    cuda_join.close(opened);
    return matched;
}
static void look_ups_find_what_comparing_finds(void **state) {
    (void)state;
    if (!have_device) skip();
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Star *s = mem_alloc(sizeof *s);
    static const int64_t sizes[][PLACES] = {{10, 20, 30, 40}, {300, 299, 1, 250}, {0, 5, 6, 0}, {1, 1, 1, 1}};
    int64_t matched = 0;
    for (int way = 0; way < 4; way++)
        for (int skewed = 0; skewed < 2; skewed++) {
            make_star(s, ROWS, sizes[way], skewed);
            matched += check_star(s, skewed ? ROWS : 33, ds);
        }
    assert_true(matched > 1000);
    make_star(s, 0, sizes[0], false);
    assert_int_equal(check_star(s, 10, ds), 0);
    mem_free(s);
    arena_free(arena);
}
static void two_rows_of_one_key_are_refused(void **state) {
    (void)state;
    if (!have_device) skip();
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Star *s = mem_alloc(sizeof *s);
    static const int64_t sizes[PLACES] = {50, 60, 71, 80};
    const char *why;
    for (int p = 0; p < PLACES; p++) {
        make_star(s, ROWS, sizes, false);
        int64_t a = 3, b = sizes[p] - 1;
        s->ok[a] = s->ok[b] = 1;
        for (int k = 0; k < s->places[p].nkeys; k++) s->own[p][k][a] = s->own[p][k][b] = 2;
        assert_null(cuda_join.open(ds, (Span){0}, &s->l, &why));
        assert_non_null(why);
        assert_non_null(strstr(why, "two rows of one key"));
        if (!s->places[p].ok) continue;
        s->ok[a] = 0; /* one that is left out does not count; which others there are of that key is not known */
        for (int64_t r = 0; r < sizes[p]; r++)
            if (r != b && s->own[p][0][r] == 2 && s->own[p][1][r] == 2) s->ok[r] = 0;
        void *opened = cuda_join.open(ds, (Span){0}, &s->l, &why);
        assert_non_null(opened);
        cuda_join.close(opened);
    }
    assert_int_equal(diag_error_count(ds), 0);
    mem_free(s);
    arena_free(arena);
}
static void small_joins_are_not_worth_the_way(void **state) {
    (void)state;
    IrJoin small = {.rows = 1e3, .places = 3, .table_rows = 100, .keys = 3, .codes = 12400},
           large = {.rows = 1e8, .places = 3, .table_rows = 1e5, .keys = 3, .codes = 1.2e9};
    assert_true(ir_join_gpu(&small, &ir_gpu_nominal) > ir_join_host(&small));
    assert_true(ir_join_gpu(&large, &ir_gpu_nominal) < ir_join_host(&large));
    IrGpu slow = ir_gpu_nominal;
    slow.transfer = 1e7;
    assert_true(ir_join_gpu(&large, &slow) > ir_join_host(&large));
    if (!have_device) skip();
    Star *s = mem_alloc(sizeof *s);
    static const int64_t sizes[PLACES] = {10, 10, 10, 10};
    make_star(s, ROWS, sizes, false);
    assert_non_null(cuda_join.unsuited(&s->l));
    s->l.rows = 100000000; /* only their number is looked at */
    assert_null(cuda_join.unsuited(&s->l));
    mem_free(s);
}

int main(void) {
    have_device = find_test_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_ups_find_what_comparing_finds),
        cmocka_unit_test(two_rows_of_one_key_are_refused),
        cmocka_unit_test(small_joins_are_not_worth_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
