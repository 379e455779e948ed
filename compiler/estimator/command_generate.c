/* command_generate.c: `amal generate DIR`: a synthetic data set (generate.h) as CSV and Matrix Market files and a
 * script. */
#include "backends/runtime/cache_folder.h"
#include "compiler/command.h"
#include "compiler/estimator/generate.h"
#include <errno.h>
#include <stdlib.h>

/* As a Matrix Market file. */
static bool write_matrix(Diags *ds, const char *path, const Matrix *m) {
    Buf out = {0};
    buf_printf(&out, "%%%%MatrixMarket matrix coordinate %s general\n%lld %lld %lld\n", m->values ? "real" : "pattern",
               (long long)m->rows, (long long)m->cols, (long long)mat_nnz(m));
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t i = m->rowptr[r]; i < m->rowptr[r + 1]; i++) {
            buf_printf(&out, "%lld %d", (long long)r + 1, m->colidx[i] + 1);
            if (m->values) buf_printf(&out, " %.17g", m->values[i]);
            buf_puts(&out, "\n");
        }
    bool ok = file_write_atomic(ds, (Span){0}, path, out.data, out.len);
    buf_free(&out);
    return ok;
}
int command_generate(Invocation *v) {
    const char *folder = v->arguments.data[0], *seed = command_value(v, OPTION_seed),
               *range = command_value(v, OPTION_range);
    Diags *ds = command_diags(v);
    if (!ds) return EXIT_USAGE;
    if (!cache_folder_make(folder)) {
        diag_help(diag_error(ds, "E440", (Span){0}, "the folder %s cannot be made: %s", folder, strerror(errno)),
                  "name another folder");
        return command_finish(ds, EXIT_WRONG);
    }
    Dataset d;
    if (!generate_dataset(v->arena, seed ? strtoull(seed, NULL, 10) : 1, generate_range(range), &d)) {
        diag_help(diag_error(ds, "E402", (Span){0}, "not enough memory for the tables"),
                  "--range wide has smaller ones");
        return command_finish(ds, EXIT_WRONG);
    }
    bool ok = true;
    for (int t = 0; ok && t < d.ntables; t++) {
        const Table *made = d.tables[t];
        const char *path = arena_printf(v->arena, "%s/%s", folder, made->name);
        const Column *last = &made->cols[made->ncols - 1];
        ok = last->matrix ? write_matrix(ds, arena_printf(v->arena, "%s.mtx", path), last->matrix)
                          : table_write(ds, (Span){0}, made, arena_printf(v->arena, "%s.csv", path), NULL);
    }
    const char *script = arena_printf(v->arena, "%s/train.amal", folder);
    ok = ok && file_write_atomic(ds, (Span){0}, script, d.script, strlen(d.script));
    if (ok && !v->run.quiet) printf("%s: %s\n", script, d.summary);
    dataset_free(&d);
    return command_finish(ds, ok ? 0 : EXIT_WRONG);
}
