/* test_integration.c: mappings whose rows, indicators, cells and diagnostics are known by hand. Numbers in comments are
 * those of the edge cases that the design lists. */
#include "tests/unit/integration_testing.h"

/* ---------------- the Amalur paper's running example ---------------- */
static void running_tables(void) {
    TABLE("S1", "m,n:text,a,hr", "0|Jack|20|60", "0|Sam|35|58", "0|Ruby|22|65", "1|Jane|37|70");
    TABLE("S2", "m,n:text,a,o,dd:text", "1|Rose|45|95|1/4/21", "0|Castiel|20|97|8/2/22", "1|Jane|37|92|11/5/21");
    target("m", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("a", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("hr", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("o", ROLE_FEATURE, ENC_NUM, TY_NUM);
}
#define BOTH "S1.m=S2.m S1.n=S2.n S1.a=S2.a"
#define M1 tgd("S1,S2", BOTH, "S1.m|S2.m S1.a|S2.a S1.hr S2.o")
#define M2 tgd("S1", "", "S1.m S1.a S1.hr -")
#define M3 tgd("S2", "", "S2.m S2.a - S2.o")
static void test_full_outer(void **state) { /* 26 */
    (void)state;
    running_tables();
    M1, M2, M3;
    build();
    CI(0, 3, 0, 1, 2, -1, -1);
    CI(1, 2, -1, -1, -1, 0, 1);
    X(1, 37, 70, 92, 0, 20, 60, 0, 0, 35, 58, 0, 0, 22, 65, 0, 1, 45, 0, 95, 0, 20, 0, 97);
    const int cm1[] = {0, 2, 3, -1}, cm2[] = {0, 2, -1, 3};
    for (int j = 0; j < 4; j++) {
        assert_int_equal(in->cm[0][j], cm1[j]);
        assert_int_equal(in->cm[1][j], cm2[j]);
    }
    assert_string_equal(in->kind, "full outer");
    assert_true(in->tgd_ordered);
    assert_int_equal(in->tgd_begin[1], 1);
    assert_int_equal(in->tgd_begin[2], 4);
    assert_int_equal(in->nconflicts, 0); /* m and a are join columns: equal by construction */
    Table *t = integration_export(ds, in, true);
    assert_int_equal(t->ncols, 6);
    assert_string_equal(t->cols[5].name, "S2.row");
    assert_int_equal(t->cols[5].ints[0], 2);
    table_free(t);
}
static void test_scenarios(void **state) { /* 27, 28, 29, 32 */
    (void)state;
    running_tables();
    M1;
    build();
    CI(0, 3);
    CI(1, 2);
    assert_string_equal(in->kind, "inner");
    integration_free(in);
    M2;
    build();
    CI(0, 3, 0, 1, 2);
    CI(1, 2, -1, -1, -1);
    assert_string_equal(in->kind, "left");
    assert_string_equal(in->kind_detail, "left, core S1");
    integration_free(in);
    spec.base_order = true;
    build();
    CI(0, 0, 1, 2, 3);
    CI(1, -1, -1, -1, 2);
    assert_false(in->tgd_ordered);
    integration_free(in);
    spec.base_order = false;
    spec.ntgds = 1;
    M3;
    build();
    CI(0, 3, -1, -1);
    CI(1, 2, 0, 1);
    integration_free(in);
    spec.ntgds = 0;
    M3, M2, M1;
    build();
    CI(0, -1, -1, 0, 1, 2, 3);
    CI(1, 0, 1, -1, -1, -1, 2);
}
static void test_union(void **state) { /* 30, 75 */
    (void)state;
    running_tables();
    M2, M3;
    build();
    CI(0, 0, 1, 2, 3, -1, -1, -1);
    CI(1, -1, -1, -1, -1, 0, 1, 2);
    assert_string_equal(in->kind, "union");
    for (int i = 0; i < in->nindicators; i++) assert_true(in->indicators[i].range || in->indicators[i].total);
    integration_free(in);
    spec.ncols = 0;
    target("n", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT)->base_category = "Jane";
    target("m", ROLE_FEATURE, ENC_ONEHOT, TY_NUM);
    spec.ntgds = 0;
    tgd("S1", "", "S1.n S1.m");
    tgd("S2", "", "S2.n S2.m");
    build();
    const char *names[] = {"n=Castiel", "n=Jack", "n=Rose", "n=Ruby", "n=Sam", "m=0", "m=1"};
    assert_int_equal(in->cols, 7);
    for (int f = 0; f < 7; f++) assert_string_equal(in->features[f].name, names[f]);
    X(0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0,
      1, /* Jane: the base has no column */
      0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
}
static void test_empty(void **state) { /* 34, 35 */
    (void)state;
    TABLE("S1", "k,x", "1|5", "2|6");
    TABLE("S2", "k,y", NULL);
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("S1,S2", "S1.k=S2.k", "S1.x S2.y");
    build();
    assert_int_equal(in->rows, 0);
    HAVE("W402");
    Integration *m = integration_materialize(ds, in, 1), *part = integration_select(ds, in, "train", NULL, 0);
    assert_non_null(m);
    assert_non_null(part);
    integration_free(m);
    integration_free(part);
    integration_free(in);
    tgd("S1", "", "S1.x -");
    build();
    CI(0, 0, 1);
    X(5, 0, 6, 0);
}
static void test_duplicate_tgd(void **state) { /* 33 */
    (void)state;
    running_tables();
    M2, M2;
    build();
    CI(0, 0, 1, 2, 3);
    assert_int_equal(in->tgd_of[3], 0);
}
static void test_zeroing_trap(void **state) { /* 70 */
    (void)state;
    TABLE("F", "k,g", "1|9", "2|9");
    TABLE("A", "k,x", "1|50");
    TABLE("B", "g,x", "9|40");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("F,A,B", "F.k=A.k F.g=B.g", "A.x|B.x");
    tgd("F,A", "F.k=A.k", "A.x");
    tgd("F,B", "F.g=B.g", "B.x");
    tgd("F", "", "-");
    build();
    CI(0, 0, 1);
    CI(1, 0, -1);
    X(50, 40);
    assert_int_equal(in->nconflicts, 1);
    assert_int_equal(in->conflicts[0].compared, 1);
    assert_int_equal(in->conflicts[0].differing, 1);
    assert_true(in->conflicts[0].max_diff == 10);
}
static void test_keys_and_nulls(void **state) { /* 44 - 51 */
    (void)state;
    TABLE("F", "a,b:text,x", "1|01|1", "|01|2", "0|1|3", "nan|1|4", "2.5||5");
    TABLE("D", "a:int,b:text,y", "1|01|10", "0|1|20", "|01|30", "2||40");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM)->missing_value = -1;
    spec.cols[1].missing = MISS_CONST;
    tgd("F,D", "F.a=D.a F.b=D.b", "F.x D.y");
    build();
    CI(0, 0, 2);
    CI(1, 0, 1);
    assert_int_equal(in->dropped_null_key[0], 3);
    assert_int_equal(in->unmatched[0], 3);
    assert_int_equal(in->dropped_null_key[1], 2);
    integration_free(in);
    tgd("F", "", "F.x -");
    build();
    CI(0, 0, 2, 1, 3, 4);
    X(1, 10, 3, 20, 2, -1, 4, -1, 5, -1);
    assert_int_equal(in->dropped_null_key[0], 0);
    integration_free(in);
    spec.ntgds = 0;
    tgd("F,D", "F.b=D.b", "F.x D.y"); /* "01" is not "1" */
    build();
    CI(0, 0, 0, 1, 1, 2, 3);
    CI(1, 0, 2, 0, 2, 1, 1);
}
static void test_spelling(void **state) { /* 52 */
    (void)state;
    TABLE("F", "k:text", "Ab", "c", "x ");
    TABLE("D", "k:text", "ab", "c", "x");
    target("x", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    tgd("F,D", "F.k=D.k", "F.k");
    build();
    CI(0, 1);
    HAVE("2 texts of F.k would be in D.k");
}
static void test_many_to_many(void **state) { /* 55, 56 */
    (void)state;
    TABLE("A", "k,x", "1|1", "1|2", "7|3");
    TABLE("B", "k,y", "1|1", "1|2", "1|3", "8|4");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("A,B", "A.k=B.k", "A.x B.y");
    build();
    CI(0, 0, 0, 0, 1, 1, 1);
    CI(1, 0, 1, 2, 0, 1, 2);
    integration_free(in);
    spec.max_rows = 5;
    build_fails("E401");
    Buf b = {0};
    diag_print_json(ds, &b);
    assert_non_null(strstr(b.data, "has 6 rows"));
    buf_free(&b);
    tgd("A", "", "A.x -"); /* left: 7 rows */
    spec.max_rows = 6;
    build_fails("E401");
    spec.max_rows = 7;
    build();
    assert_int_equal(in->rows, 7);
}
static void test_huge_join_is_counted(void **state) {
    (void)state;
    enum { N = 40000 };
    double *k = arena_array(arena, double, N);
    Column cols[1] = {{.name = "k", .type = TY_NUM, .num = k}};
    add_table(table_from_columns("A", N, 1, cols));
    add_table(table_from_columns("B", N, 1, cols));
    add_table(table_from_columns("C", N, 1, cols));
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("A,B,C", "A.k=B.k B.k=C.k", "A.k");
    build_fails("E401");
    Buf b = {0};
    diag_print_json(ds, &b);
    assert_non_null(strstr(b.data, "64000000000000 rows")); /* 40000^3: counted, not enumerated */
    buf_free(&b);
}
static void test_snowflake(void **state) { /* 38, 39 */
    (void)state;
    TABLE("F", "d,x", "1|1", "2|2", "3|3", "|4");
    TABLE("D", "d,e", "1|7", "2|8");
    TABLE("E", "e,z", "7|70");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("z", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("F,D,E", "F.d=D.d D.e=E.e", "F.x E.z");
    tgd("F,D", "F.d=D.d", "F.x -");
    tgd("F", "", "F.x -");
    build();
    CI(0, 0, 1, 2, 3);
    CI(1, 0, 1, -1, -1);
    CI(2, 0, -1, -1, -1);
    X(1, 70, 2, 0, 3, 0, 4, 0);
    assert_string_equal(in->kind, "left");
}
static void test_cycle(void **state) { /* 42: A(a,b) B(b,c) C(a,c), no triple agrees */
    (void)state;
    TABLE("A", "a,b", "1|1");
    TABLE("B", "b,c", "1|2");
    TABLE("C", "a,c", "1|9");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("A,B,C", "A.b=B.b B.c=C.c A.a=C.a", "A.a");
    tgd("A,B", "A.b=B.b", "A.a");
    tgd("B,C", "B.c=C.c", "-");
    tgd("A,C", "A.a=C.a", "A.a");
    tgd("A", "", "A.a");
    tgd("B", "", "-");
    tgd("C", "", "-");
    build();
    CI(0, 0, 0);
    CI(1, 0, -1);
    CI(2, -1, 0);
    assert_string_equal(in->kind, "full outer");
}
static void test_conditions(void **state) {
    (void)state;
    TABLE("F", "k,x", "1|1", "2|2", "3|3");
    TABLE("D", "k,y", "1|10", "2|20", "3|30");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM);
    TgdSpec *m1 = tgd("F,D", "F.k=D.k", "F.x D.y"), *m2 = tgd("F", "", "F.x -");
    condition(m1, BIN(OP_GT, column("F.x"), number(1)));
    condition(m2, BIN(OP_GT, column("F.x"), number(1)));
    condition(m1, BIN(OP_LT, column("D.y"), number(25))); /* on the optional role: its row counts as unmatched */
    build();
    CI(0, 1, 2);
    CI(1, 1, -1);
    X(2, 20, 3, 0);
}
static void test_disagreeing_optionals(void **state) { /* 43 */
    (void)state;
    TABLE("F", "k,l", "1|1");
    TABLE("A", "k,v,x", "1|5|1");
    TABLE("B", "l,v,y", "1|6|2");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("F,A,B", "F.k=A.k F.l=B.l A.v=B.v", "A.x B.y");
    tgd("F,A", "F.k=A.k", "A.x -");
    tgd("F,B", "F.l=B.l", "- B.y");
    tgd("F", "", "- -");
    build();
    CI(0, 0, 0);
    X(1, 0, 0, 2);
}
static void test_self_join(void **state) { /* 82 */
    (void)state;
    TABLE("E", "id,boss,pay", "1||100", "2|1|50", "3|1|60", "4|3|20");
    add_role("B", 0);
    target("pay", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("bosspay", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("E,B", "E.boss=B.id", "E.pay B.pay");
    tgd("E", "", "E.pay -");
    build();
    CI(0, 1, 2, 3, 0);
    CI(1, 0, 0, 2, -1);
    X(50, 100, 60, 100, 20, 60, 100, 0);
    CheckSpec fk = {.kind = EGD_FK, .ncols = 1, .ncols2 = 1, .cols = (int[]){1}, .cols2 = (int[]){0}};
    integration_free(in);
    spec.checks[spec.nchecks++] = fk;
    build();
}
static void test_wide_star(void **state) { /* 256 tgds from eight optional dimensions: one pass over the facts */
    (void)state;
    enum { ROWS = 200000, DIMS = 8, DROWS = 1000 };
    Column cols[DIMS + 1];
    static char names[DIMS + 1][16];
    for (int d = 0; d <= DIMS; d++) {
        snprintf(names[d], sizeof names[d], "k%d", d);
        cols[d] = (Column){.name = names[d], .type = TY_INT, .ints = arena_array(arena, int64_t, ROWS)};
        for (int i = 0; i < ROWS; i++)
            cols[d].ints[i] = (int64_t)(rng_uniform(1, (uint64_t)d, (uint64_t)i) * DROWS * 1.2);
    }
    add_table(table_from_columns("F", ROWS, DIMS + 1, cols));
    for (int d = 0; d < DIMS; d++) {
        Column dim = {.name = "id", .type = TY_INT, .ints = arena_array(arena, int64_t, DROWS)};
        for (int i = 0; i < DROWS; i++) dim.ints[i] = i;
        add_table(table_from_columns(arena_printf(arena, "D%d", d), DROWS, 1, &dim));
    }
    for (int d = 0; d < DIMS; d++) target(names[d], ROLE_FEATURE, ENC_NUM, TY_INT);
    for (int set = (1 << DIMS) - 1; set >= 0; set--) {
        Buf roles = {0}, eqs = {0}, heads = {0};
        buf_puts(&roles, "F");
        buf_puts(&eqs, "");
        for (int d = 0; d < DIMS; d++) {
            if (set >> d & 1) {
                buf_printf(&roles, ",D%d", d);
                buf_printf(&eqs, "F.k%d=D%d.id ", d, d);
                buf_printf(&heads, "D%d.id ", d);
            } else
                buf_puts(&heads, "- ");
        }
        tgd(roles.data, eqs.data ? eqs.data : "", heads.data);
        buf_free(&roles);
        buf_free(&eqs);
        buf_free(&heads);
    }
    double begin = time_now();
    build();
    printf("256 tgds, %d rows: %.0f ms\n", ROWS, 1e3 * (time_now() - begin));
    assert_int_equal(in->rows, ROWS);
    assert_string_equal(in->kind_detail, "left, core F");
    double *row = arena_array(arena, double, in->cols);
    for (int64_t i = 0; i < ROWS; i += 997) {
        integration_rows(in, &i, 1, row);
        for (int d = 0; d < DIMS; d++) {
            int64_t k = cols[d].ints[in->ci[0][i]];
            assert_true(row[d] == (k < DROWS ? (double)k : 0));
        }
    }
}

/* ---------------- columns ---------------- */
static void match_on(const char *eqs) {
    MatchSpec *m = &spec.matches[spec.nmatches++];
    *m = (MatchSpec){
        .nroles = spec.nroles, .roles = arena_array(arena, int, 8), .link_score = -1, .left_col = -1, .right_col = -1};
    for (int r = 0; r < spec.nroles; r++) m->roles[r] = r;
    m->eqs = equalities(eqs, &m->neqs);
}
static void test_conflicts(void **state) { /* 64, 67, 68 */
    (void)state;
    TABLE("S1", "n:text,a", "Jane|37", "Sam|", "Rose|");
    TABLE("S2", "n:text,a", "Jane|38", "Sam|41", "Rose|");
    target("a", ROLE_FEATURE, ENC_NUM, TY_NUM)->missing_value = -9;
    spec.cols[0].missing = MISS_CONST;
    match_on("S1.n=S2.n");
    tgd("S1,S2", "", "S1.a|S2.a");
    tgd("S1", "", "S1.a");
    tgd("S2", "", "S2.a");
    build();
    CI(0, 0, 1, 2);
    CI(1, 0, 1, 2);
    X(37, -9, -9);
    assert_int_equal(in->nconflicts, 1);
    assert_int_equal(in->conflicts[0].compared, 1);
    assert_int_equal(in->conflicts[0].differing, 1);
    assert_int_equal(in->conflicts[0].first_rows[0], 0);
    integration_free(in);
    spec.conflict = CONFLICT_NONNULL;
    build();
    X(37, 41, -9);
}
static void test_missing(void **state) { /* 72, 73, 74 */
    (void)state;
    TABLE("F", "k,y", "1|1", "1|0", "1|1", "2|", "3|0");
    TABLE("D", "k,x", "1|10", "2|40");
    target("y", ROLE_LABEL, ENC_NUM, TY_NUM)->missing = MISS_DROP;
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM)->missing = MISS_MEAN;
    tgd("F,D", "F.k=D.k", "F.y D.x");
    tgd("F", "", "F.y -");
    build();
    CI(0, 0, 1, 2, 4);
    X(10, 10, 10, 17.5); /* (3 * 10 + 40) / 4: by rows of the target, those dropped included */
    assert_int_equal(in->dropped_missing, 1);
    const double y[] = {1, 0, 1, 0};
    assert_memory_equal(in->label, y, sizeof y);
    integration_free(in);
    spec.cols[0].missing = MISS_DEFAULT;
    build_fails("E310");
    spec.cols[0].missing = MISS_DROP;
    spec.cols[1].missing = MISS_ERROR;
    build_fails("E312");
    spec.cols[1].missing = MISS_DROP;
    build();
    CI(0, 0, 1, 2);
    assert_int_equal(in->ci[1][0], 0);
    assert_int_equal(in->indicators[0].used, 1);
}
static void test_fills_and_constants(void **state) { /* 69, 71, 80 */
    (void)state;
    running_tables();
    target("who", ROLE_FEATURE, ENC_NUM, TY_NUM);
    spec.cols[3].missing = MISS_CONST;
    spec.cols[3].missing_value = 5;
    tgd("S1", "", "S1.m S1.a S1.hr - =1");
    tgd("S2", "", "S2.m S2.a - S2.o =2");
    build();
    const double want[] = {0, 20, 60, 5,  1, 0,  35, 58, 5,  1, 0,  22, 65, 5,  1, 1,  37, 70,
                           5, 1,  1,  45, 0, 95, 2,  0,  20, 0, 97, 2,  1,  37, 0, 92, 2};
    double *have = dense();
    for (int i = 0; i < 35; i++) assert_true(have[i] == want[i]);
    Integration *m = integration_materialize(ds, in, 1);
    assert_memory_equal(m->blocks[0].data->data, want, sizeof want);
    integration_free(m);
}
static void test_encodings(void **state) { /* 75, 76, 78 */
    (void)state;
    TABLE("S", "g,t:text,d:date,b:bool,z", "2|b|10|1|1", "10|a|20|0|2", "1|b||1|3", "||30||4");
    target("g", ROLE_FEATURE, ENC_ORDINAL, TY_NUM);
    target("t", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    target("d", ROLE_FEATURE, ENC_DAYS, TY_DATE)->epoch = "1970-01-06";
    target("b", ROLE_FEATURE, ENC_ONEHOT, TY_BOOL);
    target("z", ROLE_ID, ENC_TEXT, TY_NUM);
    tgd("S", "", "S.g S.t S.d S.b S.z");
    build();
    assert_string_equal(in->features[3].name, "d");
    assert_string_equal(in->features[4].name, "b=false");
    X(1, 0, 1, 5, 0, 1, 2, 1, 0, 15, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 25, 0, 0); /* 1 < 2 < 10 by size */
    assert_string_equal(in->kind, "single");
    for (int b = 0; b < in->nblocks; b++) assert_true(in->indicators[in->blocks[b].indicator].identity);
    Table *ids = integration_ids(ds, in);
    assert_int_equal(ids->ncols, 1);
    assert_true(ids->cols[0].num[3] == 4);
    table_free(ids);
    MappingSpec saved = spec;
    Table *old = spec.tables[0];
    spec.tables[0] = make_table("S", "g,t:text,d:date,b:bool,z", 1, (const char *const[]){"2|c|10|1|1"});
    assert_null(integration_build(ds, &spec, in->encoders));
    assert_string_equal(diag_last_code(ds), "E330");
    table_free(spec.tables[0]);
    spec = saved;
    spec.tables[0] = old;
}
static void test_computed(void **state) { /* 77, 78, 79 */
    (void)state;
    TABLE("F", "k,a,n:text", "1|2|Ada Lovelace", "2|3|Alan Turing", "3|4|");
    TABLE("D", "k,o", "1|10", "2|");
    target("ao", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("last", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    target("late", ROLE_LABEL, ENC_NUM, TY_NUM);
    TgdSpec *m1 = tgd("F,D", "F.k=D.k", "F.a F.n F.a"), *m2 = tgd("F", "", "- F.n F.a");
    RowExpr *last = node(RX_CALL, OP_ADD, "part", TY_TEXT, 3, column("F.n"), text(" "), number(-1));
    RowExpr *late = BIN(OP_GT, column("F.a"), number(2));
    m1->head[0].alts[0] = (HeadAlt){.kind = HEAD_MULTI, .expr = BIN(OP_MUL, column("F.a"), column("D.o"))};
    m1->head[1].alts[0] = m2->head[1].alts[0] = (HeadAlt){.kind = HEAD_DERIVED, .role = 0, .expr = last};
    m1->head[2].alts[0] = m2->head[2].alts[0] = (HeadAlt){.kind = HEAD_DERIVED, .role = 0, .expr = late};
    build();
    CI(0, 0, 1, 2);
    X(20, 1, 0, 0, 0, 1, 0, 0, 0);
    assert_string_equal(in->features[1].name, "last=Lovelace");
    const double label[] = {0, 1, 1};
    assert_memory_equal(in->label, label, sizeof label);
    assert_int_equal(in->cm[0][1], -2);
    int64_t rows[] = {1, 2};
    Integration *part = integration_select(ds, in, "test", rows, 2);
    double *x = arena_array(arena, double, 6);
    integration_rows(part, (int64_t[]){0, 1}, 2, x);
    const double want[] = {0, 0, 1, 0, 0, 0};
    assert_memory_equal(x, want, sizeof want);
    integration_free(part);
}
static void test_distinct(void **state) { /* 57 */
    (void)state;
    TABLE("S", "x,t:text", "1|a", "1|a", "|a", "|a", "0|a");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("t", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    tgd("S", "", "S.x S.t");
    build();
    assert_int_equal(in->rows, 5);
    integration_free(in);
    spec.distinct = true;
    build();
    CI(0, 0, 2, 4); /* null is not 0 */
}

/* ---------------- checks and matches ---------------- */
static void test_checks(void **state) { /* 53, 54, 58, 59 */
    (void)state;
    TABLE("F", "k,x", "1|1", "2|2", "9|3", "|4");
    TABLE("D", "k,y", "1|10", "1|20", "2|30", "|1", "|2");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("F,D", "F.k=D.k", "F.x");
    int k[] = {0}, y[] = {1};
    spec.checks[0] = (CheckSpec){.kind = EGD_KEY, .source = 1, .ncols = 1, .cols = k};
    spec.nchecks = 1;
    build_fails("E410");
    Buf b = {0};
    diag_print_json(ds, &b);
    assert_non_null(strstr(b.data, "k = 1: rows 1, 2")); /* two nulls do not repeat a key */
    buf_free(&b);
    spec.egd_warn = true;
    build();
    assert_int_equal(in->rows, 3);
    HAVE("fans out by 1.5");
    integration_free(in);
    spec.egd_warn = false;
    spec.checks[0] = (CheckSpec){.kind = EGD_FD, .source = 1, .ncols = 1, .cols = k, .ncols2 = 1, .cols2 = y};
    build_fails("E410");
    spec.checks[0] =
        (CheckSpec){.kind = EGD_FK, .source = 0, .source2 = 1, .ncols = 1, .cols = k, .ncols2 = 1, .cols2 = k};
    build_fails("E412");
    spec.egd_warn = true;
    build();
    HAVE("W412");
}
static void test_mixed_key_types(void **state) {
    (void)state;
    TABLE("F", "k", "1");
    TABLE("D", "k:text", "1");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("F,D", "F.k=D.k", "F.k");
    build_fails("E130");
}
static void links(const char *columns, int n, const char *const *cells) {
    spec.matches[0] = (MatchSpec){.nroles = 2,
                                  .roles = arena_array(arena, int, 2),
                                  .link_right = 1,
                                  .link_score = 2,
                                  .left_col = -1,
                                  .right_col = -1};
    spec.matches[0].roles[1] = 1;
    spec.nmatches = 1;
    spec.matches[0].links = make_table("links", columns, n, cells);
}
static void test_links(void **state) { /* 84 - 88 */
    (void)state;
    TABLE("A", "id:text,x", "a1|1", "a2|2", "a3|3");
    TABLE("B", "id:text,y", "b1|1", "b2|2");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    target("y", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("A,B", "", "A.x B.y");
    tgd("A", "", "A.x -");
    tgd("B", "", "- B.y");
    links("l:int,r:int,s", 3, (const char *const[]){"1|1|.95", "1|2|.94", "2|1|.93"});
    spec.matches[0].one_to_one = true;
    build();
    CI(0, 0, 1, 2, -1);
    CI(1, 0, -1, -1, 1);
    integration_free(in);
    spec.matches[0].one_to_one = false;
    build_fails("E420");
    spec.matches[0].many_to_one = true;
    build();
    HAVE("W421"); /* a2 and b2 are one entity, yet no link joins them */
    assert_int_equal(in->rows, 5);
    integration_free(in);
    table_free(spec.matches[0].links);
    links("l:text,r:text,s", 2, (const char *const[]){"a2|b2|1", "a3|b9|1"});
    spec.matches[0].left_col = spec.matches[0].right_col = 0;
    build_fails("E421");
    table_free(spec.matches[0].links);
    links("l:text,r:text,s", 1, (const char *const[]){"a2|b2|1"});
    spec.matches[0].left_col = spec.matches[0].right_col = 0;
    build();
    CI(0, 1, 0, 2, -1);
    CI(1, 1, -1, -1, 0);
}
static void test_match_duplicates(void **state) { /* 88 and its remedies */
    (void)state;
    TABLE("A", "n:text,x", "p|1", "p|2", "q|3", "|4");
    TABLE("B", "n:text,y", "p|1", "|2");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    match_on("A.n=B.n");
    tgd("A,B", "", "A.x");
    tgd("A", "", "A.x");
    tgd("B", "", "-");
    build_fails("E420");
    spec.matches[0].one_to_one = true;
    build();
    CI(0, 0, 1, 2, 3, -1);
    CI(1, 0, -1, -1, -1, 1);
    integration_free(in);
    spec.matches[0].one_to_one = false;
    spec.matches[0].many_to_one = true;
    build();
    CI(0, 0, 1, 2, 3, -1);
    CI(1, 0, 0, -1, -1, 1);
}
static void test_four_silos(void **state) { /* 40 */
    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *const cells[] = {i == 2 ? "p|3" : "p|1", arena_printf(arena, "own%d|%d", i, i)};
        add_table(make_table(arena_printf(arena, "H%d", i), "n:text,x", 2, cells));
    }
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    match_on("H0.n=H1.n H1.n=H2.n H2.n=H3.n");
    for (int set = 15; set > 0; set--) {
        Buf roles = {0}, head = {0};
        for (int i = 0; i < 4; i++)
            if (set >> i & 1) buf_printf(&roles, "H%d,", i), buf_printf(&head, "%sH%d.x", head.len ? "|" : "", i);
        tgd(roles.data, "", head.data);
        buf_free(&roles);
        buf_free(&head);
    }
    build();
    assert_int_equal(in->rows, 5);
    for (int k = 0; k < 4; k++) assert_int_equal(in->ci[k][0], 0);
    assert_string_equal(in->kind, "full outer");
    assert_int_equal(in->nconflicts, 6);
}
static void test_split(void **state) {
    (void)state;
    TABLE("S", "x", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10");
    target("x", ROLE_FEATURE, ENC_NUM, TY_NUM);
    tgd("S", "", "S.x");
    build();
    Integration *part[2], *again[2];
    assert_true(integration_split(ds, in, 2, (const char *const[]){"train", "test"}, (double[]){0.7, 0.3}, 42, part));
    assert_true(integration_split(ds, in, 2, (const char *const[]){"train", "test"}, (double[]){0.7, 0.3}, 42, again));
    assert_int_equal(part[0]->rows, 7);
    assert_int_equal(part[1]->rows, 3);
    assert_memory_equal(part[0]->root_rows, again[0]->root_rows, 7 * sizeof(int64_t));
    assert_string_equal(part[1]->part, "test");
    for (int p = 0; p < 2; p++) integration_free(part[p]), integration_free(again[p]);
}

/* ---------------- memory ---------------- */
static jmp_buf exhausted;
static void on_exhaustion(size_t bytes) {
    (void)bytes;
    longjmp(exhausted, 1);
}
static void
test_failing_allocations(void **state) { /* every Nth allocation fails: a message or the handler, never a crash */
    (void)state;
    running_tables();
    target("n", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    spec.distinct = true;
    spec.cols[2].missing = MISS_MEAN;
    tgd("S1,S2", BOTH, "S1.m|S2.m S1.a|S2.a S1.hr S2.o S1.n|S2.n");
    tgd("S1", "", "S1.m S1.a S1.hr - S1.n");
    tgd("S2", "", "S2.m S2.a - S2.o S2.n");
    mem_on_exhaustion(on_exhaustion);
    static int64_t n, refused, total;
    total = mem_count();
    build();
    total = mem_count() - total;
    for (n = 0, refused = 0; n < total; n++) {
        integration_free(in);
        in = NULL;
        mem_fail_after(n);
        if (setjmp(exhausted) == 0) in = integration_build(ds, &spec, NULL);
        mem_fail_after(-1);
        refused += !in;
    }
    integration_free(in);
    mem_on_exhaustion(NULL);
    build();
    assert_true(refused > 50);
    X(1, 37, 70, 92, 0, 0, 1, 0, 0, 0, 0, 20, 60, 0, 0, 1, 0, 0, 0, 0, 0, 35, 58, 0, 0, 0, 0, 0, 0, 1, 0, 22, 65, 0, 0,
      0, 0, 0, 1, 0, 1, 45, 253 / 4., 95, 0, 0, 0, 1, 0, 0, 0, 20, 253 / 4., 97, 1, 0, 0, 0, 0, 0);
}
/* The same of joining, and of sorting by every indicator. */
static void test_failing_copies(void **state) {
    (void)state;
    running_tables();
    target("n", ROLE_FEATURE, ENC_ONEHOT, TY_TEXT);
    tgd("S1,S2", BOTH, "S1.m|S2.m S1.a|S2.a S1.hr S2.o S1.n|S2.n");
    build();
    mem_on_exhaustion(on_exhaustion);
    static int64_t n, refused, total;
    static Integration *made;
    static int by;
    for (by = -1; by < in->nindicators; by++) {
        for (n = -1, total = 0, refused = 0; n < total; n++) {
            int64_t before = mem_count();
            made = NULL;
            mem_fail_after(n);
            if (setjmp(exhausted) == 0)
                made = by < 0 ? integration_materialize(ds, in, 2)
                              : integration_arrange(ds, in, (Arrangement){.sort_by = by}, 2);
            mem_fail_after(-1);
            if (n < 0) total = mem_count() - before;
            refused += !made;
            if (made) integration_free(made);
        }
        assert_true(total > 1 && refused > 0);
    }
    mem_on_exhaustion(NULL);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_full_outer),
                                       T(test_scenarios),
                                       T(test_union),
                                       T(test_empty),
                                       T(test_duplicate_tgd),
                                       T(test_zeroing_trap),
                                       T(test_keys_and_nulls),
                                       T(test_spelling),
                                       T(test_many_to_many),
                                       T(test_huge_join_is_counted),
                                       T(test_snowflake),
                                       T(test_cycle),
                                       T(test_conditions),
                                       T(test_disagreeing_optionals),
                                       T(test_self_join),
                                       T(test_wide_star),
                                       T(test_conflicts),
                                       T(test_missing),
                                       T(test_fills_and_constants),
                                       T(test_encodings),
                                       T(test_computed),
                                       T(test_distinct),
                                       T(test_checks),
                                       T(test_mixed_key_types),
                                       T(test_links),
                                       T(test_match_duplicates),
                                       T(test_four_silos),
                                       T(test_split),
                                       T(test_failing_allocations),
                                       T(test_failing_copies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
