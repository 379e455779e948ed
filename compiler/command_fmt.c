/* command_fmt.c: `amal fmt`. */
#include "backends/runtime/table.h"
#include "compiler/command.h"
#include "compiler/format.h"
#include "compiler/script.h"

/* One file of fmt. *differs: its text is not what the formatter makes of it. */
static bool format_file(Invocation *v, Diags *ds, const char *path, bool *differs) {
    bool check = v->values[OPTION_check], write = v->values[OPTION_write];
    size_t len = 0;
    const char *why = NULL;
    char *text = script_read_file(v->arena, path, SCRIPT_MAX_BYTES, &len, &why);
    if (!text) {
        diag_data(ds, "E450", (Span){0}, path, 0, "the script cannot be read: %s", why);
        return false;
    }
    bool standard_input = strcmp(path, "-") == 0;
    Buf out = {0};
    uint32_t file = diag_add_file(ds, standard_input ? "standard input" : path, text, len);
    bool ok = format_text(v->arena, ds, file, text, len, &out);
    *differs = ok && (out.len != len || memcmp(out.len ? out.data : "", text, len) != 0);
    const char *formatted = out.len ? out.data : "";
    if (ok && write && !standard_input) {
        if (*differs) ok = file_write_atomic(ds, (Span){0}, path, formatted, out.len);
    } else if (ok && !check) {
        fwrite(formatted, 1, out.len, stdout);
    }
    buf_free(&out);
    return ok;
}

int command_fmt(Invocation *v) {
    bool check = v->values[OPTION_check], write = v->values[OPTION_write];
    if (check && write) return command_usage("--check looks and --write changes: give one of them");
    if (v->arguments.len > 1 && !check && !write)
        return command_usage("fmt prints one script; several are looked at by --check or changed by --write");
    Diags *ds = command_diags(v);
    if (!ds) return EXIT_USAGE;
    int differing = 0;
    for (int i = 0; i < v->arguments.len; i++) {
        bool differs = false;
        format_file(v, ds, v->arguments.data[i], &differs);
        if (!differs) continue;
        differing++;
        if (check) printf("%s would change\n", v->arguments.data[i]);
    }
    return command_finish(ds, check && differing ? EXIT_WRONG : 0);
}
