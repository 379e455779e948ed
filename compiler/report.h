/* report.h: what a run says: lines on standard output as it goes, and the JSON object of language.md at the end.
 *
 * Numbers in JSON are the shortest text that reads back the same; NaN and infinities are null. Keys keep the order of
 * the script. */
#ifndef AMAL_REPORT_H
#define AMAL_REPORT_H
#include "compiler/data.h"

typedef struct Report Report;
/* human: where lines go (NULL: nowhere, as with --json -); quiet: only what print and evaluate say. */
Report *report_new(Arena *arena, FILE *human, bool quiet);
/* Who shows values itself: instead of the lines that report_print() writes. */
typedef void (*ReportShow)(void *user, const char *expr, const Matrix *value, const char *const *row_names);
void report_show_with(Report *r, ReportShow show, void *user);
void report_target_known(Report *r, const Integration *root); /* was reported before: report_target() says nothing */
bool report_has_target(const Report *r, const Integration *root); /* known or reported */
/* The target's rows, columns, kind and sources; once a target. */
void report_target(Report *r, const Integration *root);
/* `key` names the model in the report: its name, with the values of the loops around it, as in m[x=0.1]. read_note
 * follows the seconds of reading: data_read_note(). */
void report_train(Report *r, const char *key, const Model *m, const Integration *on, const char *describe,
                  double seconds_read, const char *read_note, double seconds_match);
void report_metric(Report *r, const char *key, const char *data, const char *metric, double value, bool last);
/* row_names: one a row, or NULL. */
void report_print(Report *r, const char *expr, const Matrix *value, const char *const *row_names);
void report_file(Report *r, const char *what, const char *path, int64_t rows, int64_t bytes);

typedef struct ReportSeconds {
    double read, match, choose, compile, train, total;
} ReportSeconds;
/* The whole object, ending in a newline. errors: the diagnostics as a JSON array instead of results when the run failed
 * (NULL: it did not). */
void report_json(const Report *r, Buf *out, const char *script, Data *data, const ReportSeconds *seconds,
                 const char *errors);
/* Its part "evaluate": {model: {data: {metric: value}}}. */
void report_metrics_json(const Report *r, Buf *out);
void report_number(Buf *out, double v); /* as JSON */
void report_text(Buf *out, const char *s);
#endif
