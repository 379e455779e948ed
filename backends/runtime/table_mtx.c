/* table_mtx.c: Matrix Market files: one matrix, whose rows are table rows.
 *
 * "The Matrix Market Exchange Formats: Initial Design" (Boisvert, Pozo, Remington; NISTIR 5935, 1996): coordinate and
 * array; real, integer and pattern; general, symmetric and skew-symmetric. The declaration may name rowid columns and
 * one vector column (or one num column when the matrix has one column). The result is CSR, or dense when more than a
 * quarter of the cells are stored. Without a column block the source has `rowid: rowid` and `x: vector(columns)`.
 *
 * Errors: E453 with the line for everything the format forbids (a bad banner, out-of-range or repeated entries, too few
 * or too many), E454 when the declared width is not the file's, E456 for columns of other types. */
#include "backends/runtime/table_private.h"
#include "compiler/machine.h"

#include <inttypes.h>
#include <math.h>
#include <strings.h>

typedef enum { MTX_GENERAL, MTX_SYMMETRIC, MTX_SKEW } MtxSymmetry;
typedef struct MtxFile {
    const Source *source;
    FileBytes bytes;
    const char *data, *end, *body; /* body: after the size line */
    bool coordinate, pattern, integer;
    MtxSymmetry symmetry;
    int64_t rows, cols, entries; /* entries: lines that follow */
} MtxFile;
typedef struct MtxEntries {
    int32_t *row, *col;
    double *value; /* NULL: pattern */
    int64_t count;
} MtxEntries;

static int64_t mtx_line(const MtxFile *f, const char *p) {
    int64_t line = 1;
    for (const char *q = f->data; q < p && (q = memchr(q, '\n', (size_t)(p - q))); q++) line++;
    return line;
}

static __attribute__((format(printf, 3, 4))) bool mtx_error(const MtxFile *f, const char *place, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *message = arena_vprintf(f->source->arena, fmt, ap);
    va_end(ap);
    diag_data(f->source->ds, "E453", f->source->at, f->source->path, place ? mtx_line(f, place) : 0, "%s", message);
    return false;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line at *p; an empty one at the line's end. */
static size_t mtx_word(const MtxFile *f, const char **p, const char **word) {
    while (*p < f->end && is_space(**p)) (*p)++;
    *word = *p;
    while (*p < f->end && **p != '\n' && !is_space(**p)) (*p)++;
    return (size_t)(*p - *word);
}

/* From the end of a line's words to the next line that is neither blank nor a comment. False: words are left over. */
static bool mtx_next_line(const MtxFile *f, const char **p) {
    while (*p < f->end && is_space(**p)) (*p)++;
    if (*p < f->end && **p != '\n') return false;
    for (;;) {
        while (*p < f->end && (is_space(**p) || **p == '\n')) (*p)++;
        if (*p == f->end || **p != '%') return true;
        const char *q = memchr(*p, '\n', (size_t)(f->end - *p));
        *p = q ? q : f->end;
    }
}

/* A count or a position: digits only, at most 18 of them. -1: something else. */
static int64_t mtx_natural(const MtxFile *f, const char **p) {
    const char *word;
    size_t n = mtx_word(f, p, &word);
    if (!n || n > 18) return -1;
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (word[i] < '0' || word[i] > '9') return -1;
        v = v * 10 + (word[i] - '0');
    }
    return v;
}

static bool mtx_read_banner(MtxFile *f, const char **p) {
    const char *word[5];
    size_t len[5];
    for (int i = 0; i < 5; i++) len[i] = mtx_word(f, p, &word[i]);
#define MTX_IS(i, text) (len[i] == strlen(text) && !strncasecmp(word[i], text, len[i]))
    if (!MTX_IS(0, "%%MatrixMarket")) {
        diag_help(diag_data(f->source->ds, "E453", f->source->at, f->source->path, 1,
                            "the file does not begin with %%%%MatrixMarket"),
                  "the first line reads: %%%%MatrixMarket matrix coordinate real general");
        return false;
    }
    if (!MTX_IS(1, "matrix"))
        return mtx_error(f, f->data, "\"%.*s\" is not a matrix", (int)(len[1] < 40 ? len[1] : 40), word[1]);
    f->coordinate = MTX_IS(2, "coordinate");
    if (!f->coordinate && !MTX_IS(2, "array")) return mtx_error(f, f->data, "the form is neither coordinate nor array");
    f->pattern = MTX_IS(3, "pattern");
    f->integer = MTX_IS(3, "integer");
    if (MTX_IS(3, "complex")) return mtx_error(f, f->data, "complex numbers cannot be learned from");
    if ((!f->pattern && !f->integer && !MTX_IS(3, "real") && !MTX_IS(3, "double")) || (f->pattern && !f->coordinate))
        return mtx_error(f, f->data, "the field is neither real, integer nor (for coordinate) pattern");
    f->symmetry = MTX_IS(4, "symmetric") ? MTX_SYMMETRIC : MTX_IS(4, "skew-symmetric") ? MTX_SKEW : MTX_GENERAL;
    if (f->symmetry == MTX_GENERAL && !MTX_IS(4, "general"))
        return mtx_error(f, f->data, "the symmetry is neither general, symmetric nor skew-symmetric");
#undef MTX_IS
    if (!mtx_next_line(f, p)) return mtx_error(f, f->data, "there is too much on the first line");
    return true;
}

static bool mtx_read_size(MtxFile *f, const char **p) {
    const char *at = *p;
    f->rows = mtx_natural(f, p);
    f->cols = f->rows < 0 ? -1 : mtx_natural(f, p);
    f->entries = f->cols < 0 || !f->coordinate ? 0 : mtx_natural(f, p);
    bool ok = f->rows >= 0 && f->cols >= 0 && f->entries >= 0 && mtx_next_line(f, p);
    if (!ok)
        return mtx_error(f, at,
                         f->coordinate ? "the size line must read: rows columns entries"
                                       : "the size line must read: rows columns");
    if (f->rows > INT32_MAX || f->cols > INT32_MAX)
        return mtx_error(f, at, "%" PRId64 " x %" PRId64 " is too large: rows and columns are numbered below 2^31",
                         f->rows, f->cols);
    if (f->symmetry != MTX_GENERAL && f->rows != f->cols)
        return mtx_error(f, at, "a symmetric matrix is square, not %" PRId64 " x %" PRId64, f->rows, f->cols);
    if (!f->coordinate) {
        int64_t n = f->rows; /* the lower triangle, with or without the diagonal */
        f->entries = f->symmetry == MTX_GENERAL     ? f->rows * f->cols
                     : f->symmetry == MTX_SYMMETRIC ? n * (n + 1) / 2
                                                    : n * (n - 1) / 2;
    }
    int64_t least = f->coordinate ? (f->pattern ? 4 : 6) : 2; /* bytes a line, the last one's end excepted */
    if (f->entries > (f->end - *p + 1) / least)
        return mtx_error(f, at, "the file promises %" PRId64 " entries, but is too short to hold them", f->entries);
    f->body = *p;
    return true;
}

static void mtx_close(MtxFile *f) {
    file_unload(&f->bytes);
}

static bool mtx_open(const Source *s, MtxFile *f) {
    *f = (MtxFile){.source = s};
    if (!file_load(s, &f->bytes)) return false;
    f->data = f->bytes.len ? f->bytes.data : "";
    f->end = f->data + f->bytes.len;
    const char *p = f->data;
    if (mtx_read_banner(f, &p) && mtx_read_size(f, &p)) return true;
    mtx_close(f);
    return false;
}

/* ---------------- entries ---------------- */
static bool mtx_value(const MtxFile *f, const char **p, double *out) {
    const char *word;
    size_t n = mtx_word(f, p, &word);
    if (n && n <= 18 && word[0] >= '0' && word[0] <= '9') { /* most files hold small integers */
        int64_t v = 0;
        size_t i = 0;
        while (i < n && i < 15 && word[i] >= '0' && word[i] <= '9') v = v * 10 + (word[i++] - '0');
        if (i == n) {
            *out = (double)v;
            return true;
        }
    }
    const char *shown = n ? source_quote(f->source, word, n) : "the line's end";
    if (!n || cell_num(word, n, out) != CELL_OK) /* a vector has no nulls, so NaN is refused too */
        return mtx_error(f, word, "a number was expected, not %s", shown);
    if (f->integer && *out != floor(*out))
        return mtx_error(f, word, "%s is not an integer, but the first line says so", shown);
    return true;
}

static bool mtx_no_memory(const MtxFile *f, size_t bytes) {
    source_report_memory(f->source, f->rows, bytes);
    return false;
}

/* A file of few bytes may promise any number of rows: more than the memory that there is is refused first. */
static bool mtx_plausible(const MtxFile *f, double bytes) {
    double memory = machine_memory();
    if (memory <= 0 || bytes <= memory) return true;
    return mtx_no_memory(f, bytes < 1e18 ? (size_t)bytes : SIZE_MAX);
}

static bool mtx_read_coordinates(const MtxFile *f, MtxEntries *e) {
    const char *p = f->body;
    bool mirrored = f->symmetry != MTX_GENERAL;
    for (int64_t k = 0; k < f->entries; k++) {
        const char *at = p;
        if (k % 65536 == 0 && source_given_up(f->source)) return false;
        if (p == f->end)
            return mtx_error(f, p, "the file ends after %" PRId64 " of %" PRId64 " entries", k, f->entries);
        int64_t row = mtx_natural(f, &p), col = row < 0 ? -1 : mtx_natural(f, &p);
        double v = 1;
        if (row < 0 || col < 0)
            return mtx_error(f, at,
                             f->pattern ? "an entry must read: row column" : "an entry must read: row column value");
        if (row < 1 || row > f->rows || col < 1 || col > f->cols)
            return mtx_error(f, at,
                             "entry (%" PRId64 ", %" PRId64 ") lies outside the %" PRId64 " x %" PRId64
                             " matrix (positions count from 1)",
                             row, col, f->rows, f->cols);
        if (!f->pattern && !mtx_value(f, &p, &v)) return false;
        if (!mtx_next_line(f, &p))
            return mtx_error(f, at,
                             f->pattern ? "an entry of a pattern has two numbers" : "an entry has three numbers");
        if (f->symmetry == MTX_SKEW && row == col && v != 0)
            return mtx_error(f, at, "the diagonal of a skew-symmetric matrix is zero");
        for (int copy = 0; copy <= (mirrored && row != col); copy++) {
            e->row[e->count] = (int32_t)((copy ? col : row) - 1);
            e->col[e->count] = (int32_t)((copy ? row : col) - 1);
            if (e->value) e->value[e->count] = copy && f->symmetry == MTX_SKEW ? -v : v;
            e->count++;
        }
    }
    if (p != f->end) return mtx_error(f, p, "the file goes on after the %" PRId64 " entries it promised", f->entries);
    return true;
}

/* Finds the second entry for a position, which is where the mistake is. */
static bool mtx_report_repeated(const MtxFile *f, int32_t row, int32_t col) {
    const char *p = f->body;
    int seen = 0;
    for (int64_t k = 0; k < f->entries; k++) {
        const char *at = p, *word;
        int64_t r = mtx_natural(f, &p) - 1, c = mtx_natural(f, &p) - 1;
        if (!f->pattern) mtx_word(f, &p, &word);
        bool same = (r == row && c == col) || (f->symmetry != MTX_GENERAL && r == col && c == row);
        if (same && ++seen == 2)
            return mtx_error(f, at, "the entry (%" PRId64 ", %" PRId64 ") was given before", r + 1, c + 1);
        if (!mtx_next_line(f, &p)) break;
    }
    internal_error("a repeated Matrix Market entry cannot be found again");
}

/* Stable counting sort by row; columns within a row are sorted when the file does not give them in order. */
static Matrix *mtx_to_csr(const MtxFile *f, const MtxEntries *e) {
    Matrix *m = mat_new_csr(f->rows, f->cols, e->count, e->value == NULL);
    if (!m) {
        (void)mtx_no_memory(f, (size_t)(f->rows + e->count) * 12);
        return NULL;
    }
    for (int64_t k = 0; k < e->count; k++) m->rowptr[e->row[k] + 1]++;
    for (int64_t r = 0; r < f->rows; r++) m->rowptr[r + 1] += m->rowptr[r];
    for (int64_t k = 0; k < e->count; k++) {
        int64_t to = m->rowptr[e->row[k]]++; /* the start of each row moves along; put back below */
        m->colidx[to] = e->col[k];
        if (e->value) m->values[to] = e->value[k];
    }
    for (int64_t r = f->rows; r > 0; r--) m->rowptr[r] = m->rowptr[r - 1];
    m->rowptr[0] = 0;
    for (int64_t r = 0; r < f->rows; r++) {
        for (int64_t i = m->rowptr[r] + 1; i < m->rowptr[r + 1]; i++) {
            int32_t c = m->colidx[i];
            double v = m->values ? m->values[i] : 1;
            if (m->colidx[i - 1] < c) continue;
            /* where it belongs by bisection: rows given backwards cost moves, not comparisons */
            int64_t lo = m->rowptr[r], hi = i;
            while (lo < hi) {
                int64_t mid = lo + (hi - lo) / 2;
                if (m->colidx[mid] < c)
                    lo = mid + 1;
                else
                    hi = mid;
            }
            if (m->colidx[lo] == c) {
                (void)mtx_report_repeated(f, (int32_t)r, c);
                mat_free(m);
                return NULL;
            }
            memmove(&m->colidx[lo + 1], &m->colidx[lo], (size_t)(i - lo) * sizeof *m->colidx);
            m->colidx[lo] = c;
            if (!m->values) continue;
            memmove(&m->values[lo + 1], &m->values[lo], (size_t)(i - lo) * sizeof *m->values);
            m->values[lo] = v;
        }
    }
    return m;
}

static Matrix *mtx_read_sparse(const MtxFile *f) {
    size_t most = (size_t)f->entries * (f->symmetry == MTX_GENERAL ? 1 : 2);
    if (!mtx_plausible(f, (double)f->rows * 8 + (double)most * 28)) return NULL;
    MtxEntries e = {mem_try(most + 1, sizeof(int32_t)), mem_try(most + 1, sizeof(int32_t)),
                    f->pattern ? NULL : mem_try(most + 1, sizeof(double)), 0};
    Matrix *m = NULL;
    if (!e.row || !e.col || (!f->pattern && !e.value))
        (void)mtx_no_memory(f, most * 16);
    else if (mtx_read_coordinates(f, &e))
        m = mtx_to_csr(f, &e);
    mem_free(e.row);
    mem_free(e.col);
    mem_free(e.value);
    double cells = (double)f->rows * (double)f->cols;
    if (m && cells > 0 && (double)mat_nnz(m) > cells / 4) {
        Matrix *dense = mat_to_dense(m);
        if (!dense) (void)mtx_no_memory(f, (size_t)(cells * 8));
        mat_free(m);
        m = dense;
    }
    return m;
}

/* Array files list columns one after the other; of symmetric ones only the lower triangle. */
static Matrix *mtx_read_array(const MtxFile *f) {
    Matrix *m = mtx_plausible(f, (double)f->rows * (double)f->cols * 8) ? mat_new_dense(f->rows, f->cols) : NULL;
    if (!m) return NULL;
    const char *p = f->body;
    int64_t k = 0;
    bool ok = true;
    for (int64_t c = 0; c < f->cols && ok; c++) {
        for (int64_t r = f->symmetry == MTX_GENERAL     ? 0
                         : f->symmetry == MTX_SYMMETRIC ? c
                                                        : c + 1;
             r < f->rows && ok; r++, k++) {
            const char *at = p;
            double v;
            if (p == f->end)
                ok = mtx_error(f, p, "the file ends after %" PRId64 " of %" PRId64 " values", k, f->entries);
            else if (!mtx_value(f, &p, &v))
                ok = false;
            else if (!mtx_next_line(f, &p))
                ok = mtx_error(f, at, "an array file has one number a line");
            if (!ok) break;
            m->data[r * m->ld + c] = v;
            if (f->symmetry != MTX_GENERAL && r != c) m->data[c * m->ld + r] = f->symmetry == MTX_SKEW ? -v : v;
        }
    }
    if (ok && p != f->end)
        ok = mtx_error(f, p, "the file goes on after the %" PRId64 " values it promised", f->entries);
    if (ok) return m;
    mat_free(m);
    return NULL;
}

/* ---------------- the source ---------------- */
static bool mtx_find_schema(const MtxFile *f, Schema *out) {
    const Source *s = f->source;
    int n = s->decl->has_columns ? s->decl->columns.len : 2;
    *out = (Schema){n, arena_array(s->arena, ColumnDecl, n > 0 ? n : 1), !s->decl->has_columns};
    if (!s->decl->has_columns) {
        out->cols[0] = (ColumnDecl){.name = {"rowid", {0}}, .type = TY_ROWID};
        out->cols[1] = (ColumnDecl){.name = {"x", {0}}, .type = TY_VECTOR, .width = f->cols};
        return true;
    }
    bool ok = true;
    int vectors = 0;
    for (int i = 0; i < n; i++) {
        ColumnDecl *c = &out->cols[i];
        *c = s->decl->columns.data[i];
        Span at = c->type_span.file ? c->type_span : s->at;
        if (c->type == TY_ROWID) continue;
        if (c->type == TY_INFER) c->type = TY_VECTOR;
        if ((c->type != TY_VECTOR && !(c->type == TY_NUM && f->cols == 1)) || ++vectors > 1) {
            diag_help(diag_error(s->ds, "E456", at,
                                 "`%s`: a Matrix Market file has row numbers and one vector, nothing else",
                                 c->name.text),
                      "write { id: rowid, x: vector(%" PRId64 ") }", f->cols);
            ok = false;
        } else if (c->type == TY_VECTOR && c->width && c->width != f->cols) {
            diag_help(diag_data(s->ds, "E454", at, s->path, 0,
                                "`%s` is declared vector(%" PRId64 "), but the file has %" PRId64 " columns",
                                c->name.text, c->width, f->cols),
                      "write `%s: vector(%" PRId64 ")`", c->name.text, f->cols);
            ok = false;
        } else if (c->type == TY_VECTOR) {
            c->width = f->cols;
        }
    }
    return ok;
}

bool mtx_schema(const Source *s, Schema *out) {
    MtxFile f;
    if (!mtx_open(s, &f)) return false;
    bool ok = mtx_find_schema(&f, out);
    file_unload_schema(&f.bytes);
    return ok;
}

static bool mtx_fill(const MtxFile *f, Table *t) {
    const Source *s = f->source;
    for (int i = 0; i < t->ncols; i++) {
        Column *c = &t->cols[i];
        if (!source_wants(s, i)) continue;
        if (c->type == TY_ROWID) {
            column_fill_rowid(c, t->rows);
            continue;
        }
        Matrix *m = f->coordinate ? mtx_read_sparse(f) : mtx_read_array(f);
        if (!m) return false;
        if (c->type == TY_VECTOR) {
            c->matrix = m;
            continue;
        }
        for (int64_t r = 0; r < t->rows; r++) c->num[r] = mat_get(m, r, 0);
        mat_free(m);
    }
    return true;
}

Table *mtx_read(const Source *s) {
    MtxFile f;
    Schema schema;
    Table *t = NULL;
    if (!mtx_open(s, &f)) return NULL;
    if (mtx_find_schema(&f, &schema) && mtx_plausible(&f, (double)f.rows * 8) && (t = table_new(s, &schema, f.rows)) &&
        !mtx_fill(&f, t)) {
        table_free(t);
        t = NULL;
    }
    mtx_close(&f);
    return t;
}
