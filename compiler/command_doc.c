/* command_doc.c: `amal doc`. */
#include "compiler/command.h"
#include "compiler/doc.h"
#include "compiler/script.h"

/* amal doc [FILE] [NAME]: what a script declares, or what the standard library has. */
int command_doc(Invocation *v) {
    int n = v->arguments.len;
    const char *first = n ? v->arguments.data[0] : NULL, *name = n ? v->arguments.data[n - 1] : NULL;
    size_t length = first ? strlen(first) : 0;
    bool file = first && (strchr(first, '/') || strcmp(first, "-") == 0 ||
                          (length > 5 && strcmp(first + length - 5, ".amal") == 0));
    bool markdown = v->values[OPTION_markdown];
    if (n > 1 + file) return command_usage("doc takes a name, or a script, or a script and a name in it");
    if (file && n == 1) name = NULL;
    if (v->run.json && strcmp(v->run.json, "-") != 0) return command_usage("doc writes to standard output: --json -");
    Diags *ds = command_diags(v);
    if (!ds) return EXIT_USAGE;
    DocEntries entries = {0};
    Script *script = file ? script_parse(v->arena, ds, first) : NULL;
    if (script && diag_error_count(ds) == 0) doc_script(v->arena, ds, script, &entries);
    if (!file) doc_standard(v->arena, ds, &entries);
    if (diag_error_count(ds) > 0) return command_finish(ds, EXIT_WRONG);
    VEC(const DocEntry *) chosen = {0};
    for (int i = 0; i < entries.len; i++)
        if (!name || strcmp(entries.data[i].name, name) == 0) vec_push(v->arena, &chosen, &entries.data[i]);
    if (name && !chosen.len) {
        const char *near = doc_nearest(v->arena, &entries, name);
        if (near) return command_usage("nothing is called %s; did you mean %s?", name, near);
        return command_usage("nothing is called %s; `amal doc%s%s` lists what there is", name, file ? " " : "",
                             file ? first : "");
    }
    Buf out = {0};
    if (v->run.json)
        doc_print_json(&out, chosen.data, chosen.len);
    else if (!name && !file && !markdown)
        doc_print_index(&out, &entries);
    for (int i = 0; i < chosen.len && !v->run.json && (name || file || markdown); i++) {
        if (markdown)
            doc_print_markdown(&out, chosen.data[i]);
        else {
            if (i) buf_puts(&out, "\n");
            doc_print_text(&out, chosen.data[i]);
        }
    }
    if (out.len) fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
    return command_finish(ds, 0);
}
