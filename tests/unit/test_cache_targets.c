/* test_cache_targets.c: scripts run three times: without the cache, into an empty one, and out of it. The reports are
 * the same to the last digit, the third run's target is the kept one, and one that is damaged changes nothing. */
#include "compiler/check.h"
#include "compiler/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/runtime/cache.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/amal-targets-XXXXXX");
    cache_least_bytes = 0;
    if (!mkdtemp(folder)) return -1;
    return setenv("AMAL_CACHE", folder, 1);
}
static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static char *read_all(Arena *arena, const char *path) {
    size_t len;
    const char *why = NULL;
    char *text = script_read_file(arena, path, 1 << 26, &len, &why);
    assert_non_null(text);
    return text;
}

/* The run's report without its line of seconds, which goes to `seconds`. */
static char *run_report(Arena *arena, const char *script, bool use_cache, const char *set, char **seconds, int *said) {
    Diags *ds = diags_new(arena);
    Cache cache;
    cache_open(&cache, ds, use_cache);
    assert_int_equal(cache.on, use_cache);
    cache_use(&cache);
    char path[96];
    snprintf(path, sizeof path, "%s/report.json", folder);
    const char *eq = set ? strchr(set, '=') : NULL;
    Setting setting = {eq ? arena_strndup(arena, set, (size_t)(eq - set)) : NULL, eq ? eq + 1 : NULL};
    Program *p = script_open(arena, ds, script, set != NULL, &setting);
    if (diag_error_count(ds)) diag_print(ds, stderr, false);
    assert_int_equal(diag_error_count(ds), 0);
    RunOptions o = {.script = script, .backend = "interp", .threads = 2, .json = path, .quiet = true};
    FILE *out = stdout; /* what scripts print is in the report too */
    stdout = fopen("/dev/null", "w");
    int code = run_program(arena, ds, p, &o);
    fclose(stdout);
    stdout = out;
    if (code) diag_print(ds, stderr, false);
    assert_int_equal(code, 0);
    cache_use(NULL);
    *said = diag_warning_count(ds);
    char *text = read_all(arena, path), *line = strstr(text, "\n \"seconds\"");
    assert_non_null(line);
    *line = 0;
    *seconds = line + 1;
    return text;
}

static void clear(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s/data'", folder);
    assert_int_equal(system(command), 0);
}

/* 1: the third run took its target from the cache. */
static int check_script(const char *script) {
    Arena *arena = arena_new();
    char *seconds;
    int said, again;
    clear();
    const char *plain = run_report(arena, script, false, NULL, &seconds, &said);
    const char *first = run_report(arena, script, true, NULL, &seconds, &again);
    if (strcmp(plain, first)) fail_msg("%s: a run that fills the cache differs", script);
    assert_int_equal(again, said);
    const char *second = run_report(arena, script, true, NULL, &seconds, &again);
    if (strcmp(plain, second)) fail_msg("%s: a run out of the cache differs:\n%s\n%s", script, plain, second);
    assert_int_equal(again, said);
    int kept = strstr(seconds, "\"targets\": [\"") != NULL;
    arena_free(arena);
    return kept;
}

static int check_folder(const char *path) {
    int kept = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 6 || strcmp(e->d_name + n - 5, ".amal") || e->d_name[0] == '_') continue;
        char script[512];
        snprintf(script, sizeof script, "%s/%s", path, e->d_name);
        kept += check_script(script);
    }
    closedir(d);
    return kept;
}

static void scripts(void **state) {
    (void)state;
    assert_true(check_folder("tests/differential") >= 8);
}

static const char sample[] =
    "param seed = 7;\n"
    "param limit = 3;\n"
    "param step = 0.1;\n"
    "source A from \"a.csv\" { k: int, g: text, x: num }\n"
    "source B from \"b.csv\" { k: int, y: num, t: text }\n"
    "target T { late: label num, x: feature num missing mean, g: feature onehot, t: feature ordinal }\n"
    "A(k: k, g: g, x: x) & B(k: k, y: y, t: t)? & x < limit -> T(late: x, x: y, g: g, t: t);\n"
    "split T into train 0.7, test 0.3 seed seed;\n"
    "train m = ridge(lambda = step) on T.train;\n"
    "evaluate m on T.test with rmse;\n"
    "print m.w;\n";
static char *in_folder(Arena *arena, const char *name) {
    return arena_printf(arena, "%s/%s", folder, name);
}
static void write_file(Arena *arena, const char *name, const char *text) {
    FILE *f = fopen(in_folder(arena, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}
static void write_sample(Arena *arena, int rows) {
    Buf a = {0}, b = {0};
    buf_puts(&a, "k,g,x\n");
    buf_puts(&b, "k,y,t\n");
    for (int i = 0; i < rows; i++) {
        buf_printf(&a, "%d,g%d,%.3f\n", i, i % 5, (i * 37 % 101) / 20.0);
        if (i % 3) buf_printf(&b, "%d,%.3f,%c\n", i, (i * 17 % 29) / 7.0, 'a' + i % 4);
    }
    write_file(arena, "a.csv", a.data);
    write_file(arena, "b.csv", b.data);
    write_file(arena, "s.amal", sample);
    buf_free(&a);
    buf_free(&b);
}
static bool target_kept(const char *seconds) {
    return strstr(seconds, "\"targets\": [\"T\"]") != NULL;
}

/* What the target follows from is part of its key; what only uses it is not. */
static void keys(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char *seconds;
    int said;
    clear();
    write_sample(arena, 60);
    const char *script = in_folder(arena, "s.amal");
    (void)run_report(arena, script, true, NULL, &seconds, &said);
    static const struct {
        const char *set;
        bool kept;
    } settings[] = {{NULL, true},     {"step=0.5", true}, {"seed=8", false},
                    {"seed=8", true}, {"limit=4", false}, {"limit=3", true}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *got = run_report(arena, script, true, settings[i].set, &seconds, &said);
        if (target_kept(seconds) != settings[i].kept)
            fail_msg("--set %s: kept is %d", settings[i].set ? settings[i].set : "nothing", !settings[i].kept);
        assert_string_equal(got, run_report(arena, script, false, settings[i].set, &seconds, &said));
    }
    static const struct {
        const char *from, *to;
        bool kept;
    } edits[] = {{"print m.w", "# a comment\nprint m.w", true},
                 {"train m = ridge", "train  m =  ridge", true},
                 {"0.7, test 0.3", "0.6, test 0.4", false},
                 {"missing mean", "missing 0", false},
                 {"feature ordinal", "feature onehot", false},
                 {")? &", ") &", false},
                 {"x: y, g", "x: y * 2, g", false},
                 {"y: num", "y: num null \"1.000\"", false}};
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        const char *at = strstr(sample, edits[i].from);
        assert_non_null(at);
        write_file(
            arena, "s.amal",
            arena_printf(arena, "%.*s%s%s", (int)(at - sample), sample, edits[i].to, at + strlen(edits[i].from)));
        const char *got = run_report(arena, script, true, NULL, &seconds, &said);
        if (target_kept(seconds) != edits[i].kept) fail_msg("`%s`: kept is %d", edits[i].to, !edits[i].kept);
        assert_string_equal(got, run_report(arena, script, false, NULL, &seconds, &said));
    }
    write_file(arena, "s.amal", sample);
    write_sample(arena, 61); /* other data */
    (void)run_report(arena, script, true, NULL, &seconds, &said);
    assert_false(target_kept(seconds));
    arena_free(arena);
}

static void damaged(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char *seconds;
    int said;
    clear();
    write_sample(arena, 40);
    const char *script = in_folder(arena, "s.amal");
    const char *plain = run_report(arena, script, true, NULL, &seconds, &said);
    CacheEntries all = {0};
    cache_list(arena, in_folder(arena, "data"), &all);
    const char *path = NULL;
    for (int i = 0; i < all.len; i++)
        if (!strncmp(all.data[i].about, "target", 6)) path = all.data[i].file;
    assert_non_null(path);
    static char bytes[1 << 17];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, bytes, sizeof bytes);
    assert_true(len > 1000 && len < (ssize_t)sizeof bytes);
    assert_int_equal(close(fd), 0);
    for (size_t at = 0; at < (size_t)len; at += 149)
        for (int cut = 0; cut < 2; cut++) {
            fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0644);
            char other = (char)(bytes[at] ^ (1 << at % 8));
            assert_int_equal(write(fd, bytes, cut ? at : (size_t)len), cut ? at : (size_t)len);
            if (!cut) assert_int_equal(pwrite(fd, &other, 1, (off_t)at), 1);
            assert_int_equal(close(fd), 0);
            Arena *own = arena_new();
            const char *got = run_report(own, script, true, NULL, &seconds, &said);
            if (strcmp(plain, got)) fail_msg("byte %zu, cut %d: the results differ", at, cut);
            if (cut) assert_int_equal(said, 1); /* W605 */
            arena_free(own);
        }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scripts), cmocka_unit_test(keys), cmocka_unit_test(damaged)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
