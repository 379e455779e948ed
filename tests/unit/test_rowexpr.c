/* test_rowexpr.c: the functions, operators and nulls of row expressions, by the row and by the column. */
#include "tests/unit/integration_testing.h"

/* ---------------- row expressions ---------------- */
static double value(RowExpr *e, int row) { /* both evaluators must agree */
    const Table *tables[16];
    int64_t rows[16];
    for (int r = 0; r < spec.nroles; r++) tables[r] = spec.tables[spec.roles[r].source], rows[r] = row;
    double one = rowexpr_eval_num(e, tables, rows);
    Column *c = rowexpr_eval_column(ds, e, spec.tables[0]);
    double all = c->num ? c->num[row] : c->ints[row] == TABLE_NULL_INT ? NAN : (double)c->ints[row];
    assert_true(one == all || (isnan(one) && isnan(all)));
    mem_free(c->num);
    mem_free(c->ints);
    mem_free(c);
    return one;
}
static const char *words(RowExpr *e, int row) {
    static char out[64];
    Column *c = rowexpr_eval_column(ds, e, spec.tables[0]);
    snprintf(out, sizeof out, "%s", c->codes[row] < 0 ? "(null)" : c->dict->text[c->codes[row]]);
    mem_free(c->codes);
    dict_free(c->dict);
    mem_free(c);
    return out;
}
#define CALL1(f, a) node(RX_CALL, OP_ADD, f, TY_NUM, 1, a)
#define CALL2(f, a, b) node(RX_CALL, OP_ADD, f, TY_NUM, 2, a, b)
static void test_row_expressions(void **state) {
    (void)state;
    TABLE("S", "x,s:text,d:date,u:text", "2|Ab,c,ö|0|Ab,c,ö", "|| 19000|x", "-3|  12.5 |-1|12", "0|2013-02-30||");
    assert_true(value(BIN(OP_POW, column("S.x"), number(3)), 0) == 8);
    assert_true(isnan(value(BIN(OP_ADD, column("S.x"), number(3)), 1)));
    assert_true(value(node(RX_ELSE, OP_ADD, NULL, TY_NUM, 2, column("S.x"), number(7)), 1) == 7);
    assert_true(value(BIN(OP_AND, BIN(OP_GT, column("S.x"), number(0)), number(0)), 1) == 0); /* null & false */
    assert_true(isnan(value(BIN(OP_OR, BIN(OP_GT, column("S.x"), number(0)), number(0)), 1)));
    assert_true(isnan(value(node(RX_UNARY, OP_NOT, NULL, TY_NUM, 1, column("S.x")), 1)));
    assert_true(value(CALL2("min", column("S.x"), number(1)), 2) == -3);
    assert_true(isnan(value(CALL1("log", column("S.x")), 2)));
    assert_true(value(CALL1("log", column("S.x")), 3) == -INFINITY);
    assert_true(value(CALL1("length", column("S.s")), 0) == 6); /* characters, not bytes */
    assert_true(value(CALL2("count", column("S.s"), text(",")), 0) == 2);
    assert_true(value(CALL1("number", column("S.s")), 2) == 12.5);
    assert_true(isnan(value(CALL1("number", column("S.s")), 0)));
    assert_true(value(BIN(OP_EQ, column("S.s"), column("S.u")), 0) == 1);
    assert_true(value(BIN(OP_EQ, column("S.s"), column("S.u")), 2) == 0);
    assert_true(isnan(value(BIN(OP_EQ, column("S.s"), column("S.u")), 1)));
    assert_true(value(CALL1("weekday", column("S.d")), 0) == 4); /* 1970-01-01: Thursday */
    assert_true(value(CALL1("year", column("S.d")), 1) == 2022 && value(CALL1("month", column("S.d")), 1) == 1 &&
                value(CALL1("day", column("S.d")), 1) == 8);
    assert_true(value(CALL1("year", column("S.d")), 2) == 1969);
    assert_true(value(BIN(OP_GE, column("S.d"), text("1970-01-01")), 0) == 1);
    assert_true(value(BIN(OP_GE, column("S.d"), text("1970-01-01")), 2) == 0);
    assert_true(isnan(value(BIN(OP_GE, column("S.d"), text("1970-02-30")), 0)));
    assert_true(value(node(RX_IN, OP_EQ, NULL, TY_NUM, 3, column("S.x"), number(2), number(5)), 0) == 1);
    assert_true(value(node(RX_IN, OP_EQ, NULL, TY_NUM, 3, column("S.s"), text("x"), text("  12.5 ")), 2) == 1);
    assert_true(value(node(RX_ISNULL, OP_EQ, NULL, TY_NUM, 1, column("S.s")), 1) == 1);
    assert_string_equal(words(node(RX_CALL, OP_ADD, "part", TY_TEXT, 3, column("S.s"), text(","), number(2)), 0), "c");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "part", TY_TEXT, 3, column("S.s"), text(","), number(-3)), 0),
                        "Ab");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "part", TY_TEXT, 3, column("S.s"), text(","), number(4)), 0),
                        "(null)");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "upper", TY_TEXT, 1, column("S.s")), 0), "AB,C,Ö");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "trim", TY_TEXT, 1, column("S.s")), 2), "12.5");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "replace", TY_TEXT, 3, column("S.s"), text(","), text("--")), 0),
                        "Ab--c--ö");
    assert_string_equal(words(node(RX_CALL, OP_ADD, "extract", TY_TEXT, 2, column("S.s"), text("([0-9]+)\\.")), 2),
                        "12");
    assert_null(rowexpr_eval_column(ds, node(RX_CALL, OP_ADD, "extract", TY_TEXT, 2, column("S.s"), text("(")),
                                    spec.tables[0]));
    assert_string_equal(diag_last_code(ds), "E132");
    const char *why;
    assert_int_equal(rowexpr_call_type("lowr", 1, (TypeKind[]){TY_TEXT}, &why), -1);
    assert_non_null(strstr(why, "lower"));
    assert_int_equal(rowexpr_call_type("log", 1, (TypeKind[]){TY_TEXT}, &why), -1);
    assert_int_equal(rowexpr_call_type("max", 4, (TypeKind[]){TY_NUM, TY_INT, TY_BOOL, TY_NUM}, &why), TY_NUM);
    assert_int_equal(rowexpr_call_type("pow", 1, (TypeKind[]){TY_NUM}, &why), -1);
    assert_int_equal(rowexpr_call_type("lower", 1, (TypeKind[]){TY_CAT}, &why), TY_TEXT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_row_expressions, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
