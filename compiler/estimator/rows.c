/* rows.c: the file of measurements (contract: rows.h). */
#include "compiler/estimator/rows.h"
#include "compiler/script.h"
#include <math.h>
#include <stdlib.h>

enum { TEXTS = 3, NUMBERS = 6 };
static const char *const heads[TEXTS + NUMBERS] = {"dataset",      "training",      "candidate", "rule", "morpheusfi",
                                                   "analytic_run", "analytic_make", "run",       "make"};

int measured_end(const MeasuredVec *m, int begin) {
    int end = begin + 1;
    while (end < m->len && !strcmp(m->data[end].dataset, m->data[begin].dataset) &&
           !strcmp(m->data[end].training, m->data[begin].training))
        end++;
    return end;
}
void measured_header(Buf *out) {
    for (int i = 0; i < TEXTS + NUMBERS; i++) buf_printf(out, "%s%s", i ? "," : "", heads[i]);
    for (int i = 0; i < ALL_EFFORTS; i++) buf_printf(out, ",units of %s", effort_rows[i].name);
    for (int i = 0; i < NFEATURES; i++) buf_printf(out, ",%s", feature_rows[i].name);
    buf_puts(out, "\n");
}
void measured_machine(Buf *out, const Hardware *hw) {
    Buf text = {0};
    hardware_print(&text, hw);
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) buf_printf(out, "# %s\n", line);
    buf_free(&text);
}
void measured_line(Buf *out, const Measured *m) {
    const double v[NUMBERS] = {m->rule, m->morpheusfi, m->analytic_run, m->analytic_make, m->run, m->make};
    buf_printf(out, "%s,%s,%s", m->dataset, m->training, m->candidate);
    for (int i = 0; i < NUMBERS; i++) buf_printf(out, ",%.5g", v[i]);
    for (int i = 0; i < ALL_EFFORTS; i++) buf_printf(out, ",%.4g", m->effort[i]);
    for (int i = 0; i < NFEATURES; i++) buf_printf(out, ",%.5g", m->x[i]);
    buf_puts(out, "\n");
}

static bool read_line(char *line, Measured *m) {
    char *rest = NULL, *field = strtok_r(line, ",", &rest);
    double v[NUMBERS];
    for (int i = 0; i < TEXTS; i++, field = strtok_r(NULL, ",", &rest)) {
        if (!field) return false;
        *(i == 0 ? &m->dataset : i == 1 ? &m->training : &m->candidate) = field;
    }
    for (int i = 0; i < NUMBERS + ALL_EFFORTS + NFEATURES; i++, field = strtok_r(NULL, ",", &rest)) {
        char *end;
        if (!field) return false;
        double x = strtod(field, &end);
        if (end == field || *end || !isfinite(x)) return false;
        int k = i - NUMBERS;
        *(k < 0 ? &v[i] : k < ALL_EFFORTS ? &m->effort[k] : &m->x[k - ALL_EFFORTS]) = x;
    }
    m->rule = v[0], m->morpheusfi = v[1], m->analytic_run = v[2], m->analytic_make = v[3], m->run = v[4],
    m->make = v[5];
    return !field && m->run > 0 && m->make >= 0 && m->analytic_run >= 0 && m->analytic_make >= 0;
}
/* Joining and arranging are the same work for all trainings of a data set, and were measured with each of them: the
 * least counts, as among the rounds of one. What was made, and that it is as much, names and work say. */
static size_t made_name(const char *candidate) { /* without " with X'X", which is no matter of the data */
    const char *rest = strstr(candidate, " without X'X");
    if (!rest) rest = strstr(candidate, " with X'X");
    return rest ? (size_t)(rest - candidate) : strlen(candidate);
}
static bool is_same_make(const Measured *a, const Measured *b) {
    size_t of_a = made_name(a->candidate), of_b = made_name(b->candidate);
    return of_a == of_b && !strncmp(a->candidate, b->candidate, of_a) &&
           !memcmp(a->effort + NEFFORTS, b->effort + NEFFORTS, sizeof(double) * NMAKE_EFFORTS);
}
static void share_makes(MeasuredVec *m) {
    for (int begin = 0, end; begin < m->len; begin = end) {
        for (end = begin; end < m->len && !strcmp(m->data[end].dataset, m->data[begin].dataset);) end++;
        for (int i = begin; i < end; i++)
            for (int k = begin; k < end; k++)
                if (is_same_make(&m->data[i], &m->data[k])) m->data[i].make = fmin(m->data[i].make, m->data[k].make);
    }
}
bool measured_read(Arena *arena, Diags *ds, const char *path, MeasuredFile *out) {
    const char *why;
    size_t len;
    char *text = script_read_file(arena, path, (size_t)1 << 30, &len, &why);
    *out = (MeasuredFile){0};
    if (!text) {
        diag_help(diag_error(ds, "E470", (Span){0}, "the measurements in \"%s\" cannot be read: %s", path, why),
                  "name the file of an earlier `amal calibrate --train`");
        return false;
    }
    Buf head = {0};
    measured_header(&head);
    bool ok = len >= head.len && !memcmp(text, head.data, head.len);
    size_t at = head.len;
    buf_free(&head);
    if (!ok) {
        diag_help(diag_error(ds, "E470", (Span){0}, "the measurements in \"%s\" are not of this version", path),
                  "remove the file, or name another one with --from, and measure again");
        return false;
    }
    for (int line = 2; at < len; line++) {
        char *end = memchr(text + at, '\n', len - at), *begin = text + at;
        if (!end) break; /* written in part */
        *end = 0;
        Measured m = {0};
        bool machine = !strncmp(begin, "# ", 2);
        if (machine ? !hardware_read(&out->last, begin + 2) : !hardware_is_sound(&out->last) || !read_line(begin, &m)) {
            diag_help(diag_data(ds, "E470", (Span){0}, path, line, "this line is no measurement"), "remove the line");
            return false;
        }
        if (!machine) {
            if (!out->rows.len) out->first = out->last;
            effort_units_moved(m.effort, &out->last, &out->first);
            vec_push(arena, &out->rows, m);
        }
        at = (size_t)(end - text) + 1;
    }
    out->whole = at;
    share_makes(&out->rows);
    return true;
}
