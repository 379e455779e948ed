/* build_emit.c: the C of a built program (contract: build.h). */
#include "compiler/embedded.h"
#include "compiler/build.h"
#include <ctype.h>

TEXT_OF(amal_carried_text, "compiler/carried.h");

/* A C string of any bytes, a line of the text a line; no trigraphs. */
static void c_text(Buf *out, const char *text, size_t n) {
    buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            buf_puts(out, i + 1 < n ? "\\n\"\n    \"" : "\\n");
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '?' || c < 0x20 || c >= 0x7f)
            buf_printf(out, "\\%03o", c);
        else
            buf_add(out, text + i, 1);
    }
    buf_puts(out, "\"");
}

static void c_string(Buf *out, const char *text) {
    c_text(out, text, strlen(text));
}

/* folder: put before the bare names, whose own folders are of the building machine; NULL: paths as they are. */
static void c_files(Buf *out, const Diags *ds, const char *name, const char *folder, Script *const *scripts, int n) {
    buf_printf(out, "static const AmalFile %s[] = {\n", name);
    for (int i = 0; i < n; i++) {
        const char *path = scripts[i]->path, *slash = folder ? strrchr(path, '/') : NULL;
        Buf shown = {0};
        buf_printf(&shown, "%s%s", folder ? folder : "", slash ? slash + 1 : path);
        buf_puts(out, "    {");
        c_string(out, shown.data);
        buf_free(&shown);
        buf_puts(out, ",\n    ");
        c_string(out, diag_file_text(ds, scripts[i]->file));
        buf_puts(out, "},\n");
    }
    buf_puts(out, "    {0, 0}};\n");
}

/* The sources without columns, with those that were found. */
static void c_schemas(Buf *out, const Build *b) {
    Buf text = {0};
    for (int i = 0; i < b->program->sources.len; i++) {
        const Source *s = &b->program->sources.data[i];
        if (s->decl->has_columns || !s->schema_known) continue;
        SourceDecl decl = {
            .name = s->decl->name, .uri = s->decl->uri, .options = s->decl->options, .has_columns = true};
        Stmt stmt = {.kind = ST_SOURCE, .source = &decl};
        Script one = {0};
        decl.columns.data = s->cols;
        decl.columns.len = decl.columns.cap = s->ncols;
        vec_push(b->arena, &one.stmts, &stmt);
        ast_print_script(&text, &one);
    }
    c_text(out, text.data ? text.data : "", text.len);
    buf_free(&text);
}

static void c_kernels(Buf *out, const KernelSink *k) {
    for (int i = 0; i < k->kernels.len; i++) {
        const uint64_t *h = k->kernels.data[i].hash;
        buf_printf(out, "extern int amal_kernel_%016llx%016llx(struct AmalRt *rt); /* %s */\n",
                   (unsigned long long)h[0], (unsigned long long)h[1], k->kernels.data[i].name);
    }
    buf_puts(out, "static const AmalKernel kernels[] = {\n");
    for (int i = 0; i < k->kernels.len; i++) {
        unsigned long long a = k->kernels.data[i].hash[0], b = k->kernels.data[i].hash[1];
        buf_printf(out, "    {{0x%016llx, 0x%016llx}, amal_kernel_%016llx%016llx},\n", a, b, a, b);
    }
    buf_puts(out, "    {{0, 0}, 0}};\n");
}

/* ---- libraries ---- */

/* The functions of a library: the header declares them, the program defines them by these calls of the runtime. N
 * stands for its name. */
static const struct {
    const char *declaration, *call, *comment;
} functions[] = {
    {"int N_train(const char *data, const char *const *settings, N_model **model)",
     "return amal_library_train(&program, data, settings, (AmalModel **)model);",
     "Trains what the script trains, on the files in the folder `data` (NULL: the current folder). settings: "
     "\"--lambda=0.5\" for "
     "the script's params, \"--threads=4\", --strategy, --backend, --max-rows and -W as on a command line, ended by "
     "NULL; or NULL. Nothing is printed or written. *model is the "
     "caller's, to be given to N_free(); NULL when the code is not 0."},
    {"int N_predict(N_model *model, const char *name, const char *target, const char *data, const double **values,\n"
     "              size_t *rows, size_t *columns)",
     "return amal_library_predict((AmalModel *)model, name, target, data, values, rows, columns);",
     "Predictions for the rows that the files in the folder `data` give a target of the script. name: of a model, "
     "NULL: the "
     "one trained last. target: \"T\" or \"T.test\", NULL: the one it was trained on, all of it. *values has rows x "
     "columns "
     "numbers, row after row, and stays until the next call with this model."},
    {"int N_parameter(N_model *model, const char *name, const double **values, size_t *rows, size_t *columns)",
     "return amal_library_parameter((AmalModel *)model, name, values, rows, columns);",
     "What a model learned: name is \"w\" of the model trained last, or \"risk.w\". *values as above, until N_free()."},
    {"const char *N_message(void)", "return amal_library_message();",
     "What was wrong in the last call of this thread; after a call that returned 0 the warnings, or \"\"."},
    {"void N_free(N_model *model)", "amal_library_free((AmalModel *)model);", "model may be NULL."},
};
enum { NFUNCTIONS = sizeof functions / sizeof *functions };

static void with_name(Buf *out, const char *text, const char *name) {
    for (const char *p = text; *p; p++) {
        bool alone = p[0] == 'N' && p[1] == '_' && (p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_'));
        if (alone)
            buf_puts(out, name);
        else
            buf_add(out, p, 1);
    }
}

/* Lines of a comment, up to 100 columns. */
static void comment(Buf *out, const char *text, const char *name) {
    Buf named = {0};
    with_name(&named, text, name);
    buf_puts(out, "/* ");
    size_t column = 3;
    for (const char *p = named.data; *p;) {
        size_t len = strcspn(p, " ");
        if (column + len > 100) {
            buf_puts(out, "\n * ");
            column = 3;
        }
        buf_add(out, p, len);
        column += len;
        p += len;
        if (*p) {
            if (column + 1 + strcspn(p + 1, " ") <= 100) buf_puts(out, " ");
            column++;
            p++;
        }
    }
    buf_puts(out, " */\n");
    buf_free(&named);
}

void build_emit_header(const Build *b, Buf *out) {
    buf_printf(out, "/* %s.h: trains and applies the models of %s. Made by amal " AMAL_VERSION ".\n *\n", b->name,
               b->script);
    buf_puts(out,
             " * Functions return 0, or a code: 1 the data or the settings are wrong, 2 the call is wrong, 3 an "
             "outside part is\n"
             " * missing, 70 an internal error or no memory. Calls from several threads wait for each other. */\n");
    buf_printf(
        out,
        "#ifndef AMAL_BUILT_%s_H\n#define AMAL_BUILT_%s_H\n#include <stddef.h>\n#ifdef __cplusplus\nextern \"C\" "
        "{\n#endif\n\ntypedef struct %s_model %s_model;\n",
        b->name, b->name, b->name, b->name);
    for (int i = 0; i < NFUNCTIONS; i++) {
        buf_puts(out, "\n");
        comment(out, functions[i].comment, b->name);
        with_name(out, functions[i].declaration, b->name);
        buf_puts(out, ";\n");
    }
    buf_puts(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

static void c_library(Buf *out, const Build *b) {
    buf_printf(out, "\ntypedef struct %s_model %s_model;\n", b->name, b->name);
    for (int i = 0; i < NFUNCTIONS; i++) {
        buf_puts(out, "__attribute__((visibility(\"default\"))) ");
        with_name(out, functions[i].declaration, b->name);
        buf_printf(out, " {\n    %s\n}\n", functions[i].call);
    }
}

/* ---- the whole ---- */

void build_emit_program(const Build *b, Buf *out) {
    const Program *p = b->program;
    buf_printf(out, "/* The program of %s, made by amal " AMAL_VERSION ". */\n%s\n", b->script, amal_carried_text);
    c_kernels(out, &b->kernels);
    if (b->images.len) build_images_c(b, out);
    c_files(out, b->diags, "files", NULL, p->used.data, p->nused);
    if (b->own_library) c_files(out, b->diags, "library", "stdlib/", p->used.data + p->nused, p->used.len - p->nused);
    buf_puts(out, "extern const char amal_needs[];\nstatic const AmalProgram program = {\n    .name = ");
    c_string(out, b->name);
    buf_puts(out, ",\n    .script = ");
    c_string(out, b->script);
    buf_puts(out, ",\n    .text =\n    ");
    c_string(out, diag_file_text(b->diags, p->script->file));
    buf_puts(out, ",\n    .schemas =\n    ");
    c_schemas(out, b);
    buf_printf(out,
               ",\n    .files = files,\n    .library = %s,\n    .needs = amal_needs,\n    .lanes = %d,\n    .registers "
               "= %d,\n    .kernels = kernels,\n"
               "    .nkernels = %d,\n    .images = %s,\n    .nimages = %d,\n    .backend = ",
               b->own_library ? "library" : "0", b->target.lanes, b->target.registers, b->kernels.kernels.len,
               b->images.len ? "images" : "0", b->images.len);
    if (b->backend)
        c_string(out, b->backend);
    else
        buf_puts(out, "0");
    buf_puts(out, ",\n};\n");
    if (b->header)
        c_library(out, b);
    else
        buf_puts(out, "\nint main(int argc, char **argv) {\n    return amal_program_main(&program, argc, argv);\n}\n");
}
