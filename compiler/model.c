/* model.c: models on disk (contract and reasons of refusal: model.h).
 *
 * A file is a sequence of fields, each on its own line as `name value`; texts are `length:bytes`, so that any byte may
 * occur; numbers that must come back exactly are hexadecimal floats. After `data N` follow N bytes: the matrices' cells
 * as little-endian doubles in the order in which they were named. The last line, `checksum` and 16 hexadecimal digits,
 * covers everything before it.
 *
 * Codes: E457 not a model · E458 written by a newer version · E459 damaged. */
#include "compiler/model.h"
#include "compiler/script.h"
#include <ctype.h>
#include <stdlib.h>

#define MAGIC "amal-model 1\n"
#define CHECKSUM_SEED UINT64_C(0x616d616c)
#define TRAILER_LEN (9 + 16 + 1) /* "checksum " + digits + newline */

/* ---------------- writing ---------------- */

static void put_text(Buf *b, const char *field, const char *s) {
    buf_printf(b, "%s %zu:", field, strlen(s));
    buf_puts(b, s);
    buf_puts(b, "\n");
}

static void put_matrix(Buf *b, const Matrix *m) {
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t c = 0; c < m->cols; c++) {
            double v = mat_get(m, r, c);
            uint64_t bits;
            unsigned char bytes[8];
            memcpy(&bits, &v, 8);
            for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(bits >> (8 * k));
            buf_add(b, (const char *)bytes, 8);
        }
}

static char *algorithm_text(const AlgorithmDecl *a) {
    Arena *arena = arena_new();
    Stmt st = {.kind = ST_ALGORITHM, .algorithm = (AlgorithmDecl *)a};
    Script s = {.path = "model"};
    vec_push(arena, &s.stmts, &st);
    Buf out = {0};
    ast_print_script(&out, &s);
    arena_free(arena);
    return buf_take(&out);
}

bool model_save(Diags *ds, Span at, const Model *m, const char *path) {
    Buf b = {0};
    buf_puts(&b, MAGIC);
    put_text(&b, "amal", AMAL_VERSION);
    put_text(&b, "algorithm", m->algorithm->name.text);
    char *source = algorithm_text(m->algorithm);
    put_text(&b, "source", source);
    mem_free(source);
    put_text(&b, "target", m->target);
    put_text(&b, "strategy", m->strategy ? m->strategy : "");
    put_text(&b, "why", m->why ? m->why : "");
    put_text(&b, "backend", m->backend ? m->backend : "");
    buf_printf(&b, "iterations %lld\nrows %lld\n", (long long)m->iterations, (long long)m->rows);
    buf_printf(&b, "features %lld\n", (long long)m->nfeatures);
    for (int64_t j = 0; j < m->nfeatures; j++) put_text(&b, "feature", m->features[j]);
    buf_printf(&b, "encoders %d\n", m->nencoders);
    for (int i = 0; i < m->nencoders; i++) {
        const Encoder *e = &m->encoders[i];
        put_text(&b, "column", m->encoder_columns[i]);
        buf_printf(&b, "encoding %d\nbase %d\nhas_fill %d\nfill %a\nfirst %lld\ncount %lld\n", (int)e->encoding,
                   (int)e->base, e->has_fill, e->fill, (long long)e->first_feature, (long long)e->nfeatures);
        buf_printf(&b, "dictionary %d\n", e->dict ? (int)e->dict->count : -1);
        for (int32_t k = 0; e->dict && k < e->dict->count; k++) {
            buf_printf(&b, "entry %d:", (int)e->dict->len[k]);
            buf_add(&b, e->dict->text[k], (size_t)e->dict->len[k]);
            buf_puts(&b, "\n");
        }
    }
    uint64_t cells = 0;
    buf_printf(&b, "hyperparameters %d\n", m->nhyper);
    for (int i = 0; i < m->nhyper; i++) {
        const HyperValue *h = &m->hyper[i];
        put_text(&b, "name", h->name);
        if (h->is_number) {
            buf_printf(&b, "number %a\n", h->num);
        } else {
            buf_printf(&b, "matrix %lld %lld\n", (long long)h->matrix->rows, (long long)h->matrix->cols);
            cells += (uint64_t)h->matrix->rows * (uint64_t)h->matrix->cols;
        }
    }
    buf_printf(&b, "parameters %d\n", m->nparams);
    for (int i = 0; i < m->nparams; i++) {
        const ModelParam *p = &m->params[i];
        put_text(&b, "name", p->name);
        buf_printf(&b, "matrix %lld %lld\nrow_indexed %d\n", (long long)p->value->rows, (long long)p->value->cols,
                   p->row_indexed);
        cells += (uint64_t)p->value->rows * (uint64_t)p->value->cols;
    }
    buf_printf(&b, "data %llu\n", (unsigned long long)cells * 8);
    for (int i = 0; i < m->nhyper; i++)
        if (!m->hyper[i].is_number) put_matrix(&b, m->hyper[i].matrix);
    for (int i = 0; i < m->nparams; i++) put_matrix(&b, m->params[i].value);
    buf_puts(&b, "\n");
    buf_printf(&b, "checksum %016llx\n", (unsigned long long)hash_bytes(b.data, b.len, CHECKSUM_SEED));
    bool ok = file_write_atomic(ds, at, path, b.data, b.len);
    buf_free(&b);
    return ok;
}

/* ---------------- reading: every field is checked, so that no file can do more than be refused ---------------- */

typedef struct Reader {
    const char *text;
    size_t len, at;
    Arena *arena;
    const char *problem; /* first one; everything after it reads as zero */
} Reader;

static void fail(Reader *r, const char *problem) {
    if (!r->problem) r->problem = problem;
}

static bool field(Reader *r, const char *name) {
    size_t n = strlen(name);
    if (r->problem) return false;
    if (r->len - r->at <= n || memcmp(r->text + r->at, name, n) != 0 || r->text[r->at + n] != ' ') {
        fail(r, arena_printf(r->arena, "the field `%s` is not where it should be", name));
        return false;
    }
    r->at += n + 1;
    return true;
}

static void end_of_line(Reader *r) {
    if (r->problem) return;
    if (r->at >= r->len || r->text[r->at] != '\n')
        fail(r, "a line is longer than it should be");
    else
        r->at++;
}

static int64_t whole(Reader *r, int64_t low, int64_t high) {
    int64_t v = 0;
    bool negative = false;
    size_t digits = 0;
    if (r->problem) return low > 0 ? low : 0;
    if (r->at < r->len && r->text[r->at] == '-') {
        negative = true;
        r->at++;
    }
    while (r->at < r->len && isdigit((unsigned char)r->text[r->at]) && digits < 18) {
        v = v * 10 + (r->text[r->at++] - '0');
        digits++;
    }
    if (negative) v = -v;
    if (digits == 0 || v < low || v > high) {
        fail(r, "a number is missing or out of its range");
        return low > 0 ? low : 0;
    }
    return v;
}

static int64_t get_whole(Reader *r, const char *name, int64_t low, int64_t high) {
    if (!field(r, name)) return low > 0 ? low : 0;
    int64_t v = whole(r, low, high);
    end_of_line(r);
    return v;
}

static double get_float(Reader *r, const char *name) {
    if (!field(r, name)) return 0;
    char digits[64];
    size_t n = 0;
    while (r->at < r->len && r->text[r->at] != '\n' && n + 1 < sizeof digits) digits[n++] = r->text[r->at++];
    digits[n] = 0;
    char *end;
    double v = strtod(digits, &end);
    if (n == 0 || *end) fail(r, "a number cannot be read");
    end_of_line(r);
    return v;
}

static const char *get_bytes(Reader *r, const char *name, size_t *len) {
    *len = 0;
    if (!field(r, name)) return "";
    int64_t n = whole(r, 0, INT32_MAX);
    if (!r->problem && (r->at >= r->len || r->text[r->at] != ':' || (size_t)n > r->len - r->at - 1))
        fail(r, "a text is longer than the file");
    if (r->problem) return "";
    const char *s = arena_strndup(r->arena, r->text + r->at + 1, (size_t)n);
    r->at += 1 + (size_t)n;
    end_of_line(r);
    *len = (size_t)n;
    return s;
}

static const char *get_text(Reader *r, const char *name) {
    size_t len;
    const char *s = get_bytes(r, name, &len);
    if (strlen(s) != len) fail(r, "a name holds a NUL byte");
    return s;
}

/* A count of things that each take at least `least` bytes of the file: bounds what is allocated. */
static int64_t get_count(Reader *r, const char *name, int64_t low, size_t least) {
    return get_whole(r, name, low, (int64_t)(r->len / least));
}

static Matrix *get_shape(Reader *r) {
    if (!field(r, "matrix")) return NULL;
    int64_t rows = whole(r, 0, INT64_C(1) << 40);
    if (!r->problem && (r->at >= r->len || r->text[r->at++] != ' ')) fail(r, "a shape has one number");
    int64_t cols = whole(r, 0, INT32_MAX);
    end_of_line(r);
    if (!r->problem && cols > 0 && (uint64_t)rows > (r->len - r->at) / 8 / (uint64_t)cols)
        fail(r, "a matrix is larger than the file");
    if (r->problem) return NULL;
    Matrix *m = mat_new_dense(rows, cols);
    if (!m) fail(r, "there is not enough memory for it");
    return m;
}

static void get_cells(Reader *r, Matrix *m) {
    if (r->problem || !m) return;
    if ((uint64_t)m->rows * (uint64_t)m->cols > (r->len - r->at) / 8) {
        fail(r, "the cells end early");
        return;
    }
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->cols; j++) {
            uint64_t bits = 0;
            for (int k = 0; k < 8; k++) bits |= (uint64_t)(unsigned char)r->text[r->at + (size_t)k] << (8 * k);
            r->at += 8;
            memcpy(&m->data[i * m->ld + j], &bits, 8);
        }
}

static void get_encoder(Reader *r, Encoder *e) {
    e->encoding = (Encoding)get_whole(r, "encoding", ENC_NUM, ENC_TEXT);
    e->base = (int32_t)get_whole(r, "base", -1, INT32_MAX);
    e->has_fill = get_whole(r, "has_fill", 0, 1) == 1;
    e->fill = get_float(r, "fill");
    e->first_feature = get_whole(r, "first", -1, INT32_MAX);
    e->nfeatures = get_whole(r, "count", 0, INT32_MAX);
    int64_t n = get_count(r, "dictionary", -1, 8);
    if (r->problem || n < 0) return;
    e->dict = dict_new();
    for (int64_t k = 0; k < n && !r->problem; k++) {
        size_t len;
        const char *s = get_bytes(r, "entry", &len);
        if (r->problem) return;
        if (!e->dict || dict_add(e->dict, s, (int32_t)len) != (int32_t)k) fail(r, "a dictionary lists an entry twice");
    }
    if (e->base >= n) fail(r, "a base category is not in its dictionary");
}

static const AlgorithmDecl *get_algorithm(Reader *r, Diags *ds, const char *path) {
    const char *name = get_text(r, "algorithm");
    size_t len;
    const char *text = get_bytes(r, "source", &len);
    if (r->problem) return NULL;
    uint32_t file = diag_add_file(ds, arena_printf(r->arena, "%s (algorithm %s)", path, name), text, len);
    int before = diag_error_count(ds);
    Script *s = parse_script(r->arena, ds, file, text, len);
    if (diag_error_count(ds) > before) {
        fail(r, "its algorithm cannot be parsed");
        return NULL;
    }
    for (int i = 0; i < s->stmts.len; i++)
        if (s->stmts.data[i]->kind == ST_ALGORITHM && strcmp(s->stmts.data[i]->algorithm->name.text, name) == 0)
            return s->stmts.data[i]->algorithm;
    fail(r, "its algorithm is missing");
    return NULL;
}

static void get_fields(Reader *r, Diags *ds, const char *path, Model *m) {
    m->algorithm = get_algorithm(r, ds, path);
    m->target = get_text(r, "target");
    m->strategy = get_text(r, "strategy");
    m->why = get_text(r, "why");
    m->backend = get_text(r, "backend");
    m->iterations = get_whole(r, "iterations", -1, INT64_C(1) << 53);
    m->rows = get_whole(r, "rows", 0, INT64_C(1) << 53);
    m->nfeatures = get_count(r, "features", 0, 8);
    m->features = arena_array(r->arena, const char *, m->nfeatures + 1);
    for (int64_t j = 0; j < m->nfeatures && !r->problem; j++) m->features[j] = get_text(r, "feature");
    int64_t n = get_count(r, "encoders", 0, 32);
    m->encoder_columns = arena_array(r->arena, const char *, n + 1);
    m->encoders = arena_array(r->arena, Encoder, n + 1);
    for (int64_t i = 0; i < n && !r->problem; i++) {
        m->encoder_columns[i] = get_text(r, "column");
        get_encoder(r, &m->encoders[i]);
        m->nencoders = (int)i + 1;
    }
    n = get_count(r, "hyperparameters", 0, 8);
    m->hyper = arena_array(r->arena, HyperValue, n + 1);
    for (int64_t i = 0; i < n && !r->problem; i++) {
        HyperValue *h = &m->hyper[i];
        h->name = get_text(r, "name");
        h->is_number = r->len - r->at > 6 && memcmp(r->text + r->at, "number", 6) == 0;
        if (h->is_number)
            h->num = get_float(r, "number");
        else
            h->matrix = get_shape(r);
        m->nhyper = (int)i + 1;
    }
    n = get_count(r, "parameters", 0, 8);
    m->params = arena_array(r->arena, ModelParam, n + 1);
    for (int64_t i = 0; i < n && !r->problem; i++) {
        ModelParam *p = &m->params[i];
        p->name = get_text(r, "name");
        p->value = get_shape(r);
        p->row_indexed = get_whole(r, "row_indexed", 0, 1) == 1;
        m->nparams = (int)i + 1;
    }
    int64_t bytes = get_count(r, "data", 0, 1);
    size_t begin = r->at;
    for (int i = 0; i < m->nhyper; i++)
        if (!m->hyper[i].is_number) get_cells(r, m->hyper[i].matrix);
    for (int i = 0; i < m->nparams; i++) get_cells(r, m->params[i].value);
    end_of_line(r);
    if (!r->problem && (r->at - begin != (size_t)bytes + 1 || r->at != r->len))
        fail(r, "the data are not as long as they should be");
}

void model_free(Model *m) {
    for (int i = 0; m->loaded && i < m->nencoders; i++)
        if (m->encoders[i].dict) dict_free(m->encoders[i].dict);
    for (int i = 0; i < m->nhyper; i++)
        if (m->hyper[i].matrix) mat_free(m->hyper[i].matrix);
    for (int i = 0; i < m->nparams; i++)
        if (m->params[i].value) mat_free(m->params[i].value);
}

static bool checksum_agrees(const char *text, size_t len) {
    if (len < TRAILER_LEN || memcmp(text + len - TRAILER_LEN, "checksum ", 9) != 0) return false;
    char expected[32];
    snprintf(expected, sizeof expected, "%016llx\n",
             (unsigned long long)hash_bytes(text, len - TRAILER_LEN, CHECKSUM_SEED));
    return memcmp(text + len - 17, expected, 17) == 0;
}

Model *model_load(Arena *arena, Diags *ds, Span at, const char *path, const char *name) {
    size_t len = 0;
    const char *why = NULL;
    char *text = script_read_file(arena, path, SIZE_MAX, &len, &why);
    if (!text) {
        diag_error(ds, "E450", at, "the model `%s` cannot be read: %s", path, why);
        return NULL;
    }
    if (len < 11 || memcmp(text, "amal-model ", 11) != 0) {
        Diag *d = diag_error(ds, "E457", at, "`%s` is not a model", path);
        diag_help(d, "`save NAME to \"file\";` writes models");
        return NULL;
    }
    size_t magic = strlen(MAGIC);
    if (len < magic || memcmp(text, MAGIC, magic) != 0) {
        const char *end = memchr(text, '\n', len < 64 ? len : 64);
        Diag *d = diag_error(ds, "E458", at,
                             "`%s` is a model of format %.*s; this is amal " AMAL_VERSION ", which reads format 1",
                             path, end ? (int)(end - text - 11) : 0, text + 11);
        diag_help(d, "load it with the amal that wrote it, or train it again");
        return NULL;
    }
    const char *problem = NULL;
    Model *m = arena_new_of(arena, Model);
    m->name = name;
    m->loaded = true;
    if (!checksum_agrees(text, len)) {
        problem = "its checksum does not agree with its contents";
    } else {
        Reader r = {.text = text, .len = len - TRAILER_LEN, .at = magic, .arena = arena};
        (void)get_text(&r, "amal");
        get_fields(&r, ds, path, m);
        problem = r.problem;
    }
    if (!problem) return m;
    model_free(m);
    Diag *d = diag_error(ds, "E459", at, "the model `%s` is damaged: %s", path, problem);
    diag_help(d, "copy it again from where it was saved, or train it again");
    return NULL;
}
