/* test_model.c: a model that is saved and loaded is the same model; a file that was changed, cut or made up is refused
 * and nothing else. */
#include "compiler/model.h"
#include "compiler/script.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/amal-model-XXXXXX";
static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char source[] =
    "algorithm line(lambda = 0.5) { fit(X: [n, d], y: [n, 1]) { w = X' @ y * lambda; return w; } "
    "predict(X: [m, d]) { return X @ w; } }";

static Model *example(Arena *a, Diags *ds) {
    uint32_t file = diag_add_file(ds, "example.amal", source, strlen(source));
    Script *s = parse_script(a, ds, file, source, strlen(source));
    assert_int_equal(diag_error_count(ds), 0);
    Model *m = arena_new_of(a, Model);
    m->name = "m";
    m->algorithm = s->stmts.data[0]->algorithm;
    m->nhyper = 2;
    m->hyper = arena_array(a, HyperValue, 2);
    m->hyper[0] = (HyperValue){.name = "lambda", .num = 0.1, .is_number = true};
    m->hyper[1] = (HyperValue){.name = "centres", .matrix = mat_new_dense(2, 1)};
    m->hyper[1].matrix->data[1] = -0.0;
    m->nparams = 1;
    m->params = arena_array(a, ModelParam, 1);
    m->params[0] = (ModelParam){.name = "w", .value = mat_new_dense(3, 1), .row_indexed = false};
    double cells[] = {1.0 / 3, -INFINITY, 5e-324};
    memcpy(m->params[0].value->data, cells, sizeof cells);
    m->target = "T";
    m->nfeatures = 3;
    m->features = arena_array(a, const char *, 3);
    m->features[0] = "plain";
    m->features[1] = "colour=dark\nred: 5";
    m->features[2] = "";
    m->nencoders = 1;
    m->encoder_columns = arena_array(a, const char *, 1);
    m->encoder_columns[0] = "colour";
    m->encoders = arena_array(a, Encoder, 1);
    m->encoders[0] = (Encoder){
        .encoding = ENC_ONEHOT, .dict = dict_new(), .base = 1, .fill = NAN, .first_feature = 1, .nfeatures = 2};
    dict_add(m->encoders[0].dict, "a\0b", 3);
    dict_add(m->encoders[0].dict, "", 0);
    m->strategy = "factorized";
    m->why = "because";
    m->backend = "c";
    m->iterations = 7;
    m->rows = 11;
    return m;
}

static void release(Model *m) {
    if (!m->loaded) dict_free(m->encoders[0].dict);
    model_free(m);
}

static void round_trip(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    Model *m = example(a, ds);
    assert_true(model_save(ds, (Span){0}, m, path_of("one.model")));
    Model *b = model_load(a, ds, (Span){0}, path_of("one.model"), "b");
    diag_print(ds, stderr, false);
    assert_non_null(b);
    assert_string_equal(b->name, "b");
    assert_string_equal(b->algorithm->name.text, "line");
    assert_non_null(b->algorithm->predict);
    assert_int_equal(b->nhyper, 2);
    assert_true(b->hyper[0].is_number && b->hyper[0].num == 0.1);
    assert_true(signbit(b->hyper[1].matrix->data[1]));
    assert_memory_equal(b->params[0].value->data, m->params[0].value->data, 3 * sizeof(double));
    assert_int_equal(b->nfeatures, 3);
    for (int j = 0; j < 3; j++) assert_string_equal(b->features[j], m->features[j]);
    assert_string_equal(b->encoder_columns[0], "colour");
    assert_int_equal(b->encoders[0].base, 1);
    assert_true(isnan(b->encoders[0].fill));
    assert_int_equal(b->encoders[0].dict->count, 2);
    assert_int_equal(dict_find(b->encoders[0].dict, "a\0b", 3), 0);
    assert_int_equal(b->iterations, 7);
    assert_int_equal(b->rows, 11);
    assert_string_equal(b->why, "because");
    /* saving what was loaded gives the same bytes */
    assert_true(model_save(ds, (Span){0}, b, path_of("two.model")));
    size_t n1, n2;
    const char *why;
    char two_path[256];
    snprintf(two_path, sizeof two_path, "%s", path_of("two.model"));
    char *one = script_read_file(a, path_of("one.model"), SIZE_MAX, &n1, &why),
         *two = script_read_file(a, two_path, SIZE_MAX, &n2, &why);
    assert_int_equal(n1, n2);
    assert_memory_equal(one, two, n1);
    release(m);
    release(b);
    arena_free(a);
}

static void write_file(const char *path, const char *text, size_t len) {
    unlink(path); /* overwriting would wait for the disk each time */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* The checksum made right again, so that the reader behind it is tested and not the checksum. */
static void sign(char *text, size_t len) {
    char sum[32];
    snprintf(sum, sizeof sum, "%016llx\n", (unsigned long long)hash_bytes(text, len - 26, UINT64_C(0x616d616c)));
    memcpy(text + len - 17, sum, 17);
}

static void refused(Arena *a, const char *text, size_t len, bool must) {
    Diags *ds = diags_new(a);
    write_file(path_of("bad.model"), text, len);
    Model *m = model_load(a, ds, (Span){0}, path_of("bad.model"), "bad");
    if (must) assert_null(m);
    if (m)
        model_free(m);
    else
        assert_true(diag_error_count(ds) > 0);
}

static void damage(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    Model *m = example(a, ds);
    assert_true(model_save(ds, (Span){0}, m, path_of("one.model")));
    size_t len;
    const char *why;
    char *text = script_read_file(a, path_of("one.model"), SIZE_MAX, &len, &why);
    for (size_t cut = 0; cut < len; cut++) refused(a, text, cut, true);
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 0x20;
        refused(a, text, len, true);
        text[i] ^= 0x20;
    }
    /* changed and signed again: refused or harmless, never worse */
    for (uint64_t k = 0; k < 6000; k++) {
        char *copy = mem_alloc(len);
        memcpy(copy, text, len);
        int changes = 1 + (int)(rng_u64(1, 1, k) % 3);
        for (int c = 0; c < changes; c++) {
            size_t at = rng_u64(1, 2 + (uint64_t)c, k) % (len - 26);
            static const char bytes[] = "0123456789-: \nx\0\xff";
            copy[at] = bytes[rng_u64(1, 9 + (uint64_t)c, k) % (sizeof bytes - 1)];
        }
        sign(copy, len);
        refused(a, copy, len, false);
        mem_free(copy);
    }
    release(m);
    arena_free(a);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"one.model", "two.model", "bad.model"};
    for (int i = 0; i < 3; i++) unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
