/* command_generate.c: `amal generate DIR`: a synthetic data set (generate.h) as CSV files and a script. */
#include "backends/runtime/cache_folder.h"
#include "compiler/command.h"
#include "compiler/estimator/generate.h"
#include <errno.h>
#include <stdlib.h>

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
    GenerateRange kind = range && !strcmp(range, "published") ? RANGE_PUBLISHED : RANGE_WIDE;
    if (!generate_dataset(v->arena, seed ? strtoull(seed, NULL, 10) : 1, kind, &d)) {
        diag_help(diag_error(ds, "E402", (Span){0}, "not enough memory for the tables"),
                  "--range wide has smaller ones");
        return command_finish(ds, EXIT_WRONG);
    }
    bool ok = true;
    for (int t = 0; ok && t < d.ntables; t++)
        ok = table_write(ds, (Span){0}, d.tables[t], arena_printf(v->arena, "%s/%s.csv", folder, d.tables[t]->name),
                         NULL);
    const char *script = arena_printf(v->arena, "%s/train.amal", folder);
    ok = ok && file_write_atomic(ds, (Span){0}, script, d.script, strlen(d.script));
    if (ok && !v->run.quiet) printf("%s: %s\n", script, d.summary);
    dataset_free(&d);
    return command_finish(ds, ok ? 0 : EXIT_WRONG);
}
