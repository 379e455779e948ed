/* command_calibrate.c: `amal calibrate`: measures this machine, and with --train the trainings that the estimator
 * learns from.
 *
 * Measurements go to a file line by line, a batch of data sets at a time, and what is there of a batch when it is
 * interrupted, so that the next run goes on. Compiled code goes to a folder of its own, which is removed. */
#include "backends/cuda/device.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/kernels.h"
#include "compiler/command.h"
#include "compiler/estimator/gpu_kept.h"
#include "compiler/estimator/measure.h"
#include "compiler/estimator/train.h"
#include "compiler/estimator/xgboost.h"
#include "compiler/script.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUDGET_MINUTES 15
#define KERNELS "kernels-" /* begins the name of the folder for compiled code */

typedef struct Calibration {
    Invocation *v;
    Diags *ds;
    Hardware hw;
    const char *rows; /* the file of measurements */
    char kernels[CACHE_PATH];
    int folder, file; /* open: that of the kernels, the measurements */
} Calibration;

static void empty_folder(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
}
static bool cannot_write(Calibration *c, const char *what) {
    diag_help(diag_error(c->ds, "E440", (Span){0}, "%s cannot be written: %s", what, strerror(errno)),
              "AMAL_CACHE names another folder, --from another file");
    return false;
}
static bool write_text(const Calibration *c, Buf *text) {
    bool ok = write(c->file, text->data ? text->data : "", text->len) == (ssize_t)text->len;
    buf_free(text);
    return ok;
}
/* Opens the file to add to, without a line that was written in part; the number of the next data set. 0: reported.
 * What it says of this machine stands: measured again the rates are a little different. */
static uint64_t open_rows(Calibration *c) {
    uint64_t next = 1;
    struct stat there;
    bool exists = stat(c->rows, &there) == 0 && there.st_size > 0;
    MeasuredFile old = {0};
    if (exists && !measured_read(c->v->arena, c->ds, c->rows, &old)) return 0;
    for (int i = 0; i < old.rows.len; i++) {
        const Measured *m = &old.rows.data[i];
        const char *dash = strrchr(m->dataset, '-');
        uint64_t seed = measured_is_synthetic(m) ? strtoull(dash + 1, NULL, 10) : 0;
        if (seed >= next) next = seed + 1;
    }
    Buf head = {0};
    if (!exists) measured_header(&head);
    if (hardware_alike(&old.last, &c->hw))
        c->hw = old.last;
    else
        measured_machine(&head, &c->hw);
    c->file = open(c->rows, O_WRONLY | O_CREAT | O_APPEND, 0666);
    bool ok = c->file >= 0 && (!exists || ftruncate(c->file, (off_t)old.whole) == 0);
    ok = write_text(c, &head) && ok;
    return ok || cannot_write(c, c->rows) ? next : 0;
}
static bool add_rows(Calibration *c, const MeasuredVec *m) {
    Buf text = {0};
    for (int i = 0; i < m->len; i++) measured_line(&text, &m->data[i]);
    return write_text(c, &text) || cannot_write(c, c->rows);
}
/* The folder, locked as long as it is open: by those who fill it, and by those who remove what was left. -1: not. */
static int lock_folder(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 || !flock(folder, LOCK_EX | LOCK_NB)) return folder;
    close(folder);
    return -1;
}
/* Folders that processes left which were killed: nobody holds their locks. */
static void remove_left_folders(void) {
    char parent[CACHE_PATH], path[CACHE_PATH + 256];
    DIR *d = estimator_path(".", parent, sizeof parent) ? opendir(parent) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, KERNELS, sizeof KERNELS - 1)) continue;
        snprintf(path, sizeof path, "%s/%s", parent, e->d_name);
        int folder = lock_folder(path);
        if (folder < 0) continue;
        empty_folder(path);
        (void)rmdir(path);
        close(folder);
    }
    if (d) closedir(d);
}
static bool begin_measuring(Calibration *c) {
    remove_left_folders();
    if (!estimator_path(KERNELS "XXXXXX", c->kernels, sizeof c->kernels) || !mkdtemp(c->kernels) ||
        (c->folder = lock_folder(c->kernels)) < 0) {
        c->kernels[0] = 0;
        return cannot_write(c, "a folder for compiled code");
    }
    return true;
}
static void end_measuring(Calibration *c) {
    if (c->file >= 0) close(c->file);
    if (!c->kernels[0]) return;
    empty_folder(c->kernels);
    (void)rmdir(c->kernels);
    if (c->folder >= 0) close(c->folder);
}

/* Data sets are measured in two sittings, some dozens of seconds apart, because what else happens on the machine, and
 * where the data lie in memory, moves times by more than the ways differ: the least counts, as within a sitting. */
enum { BATCH = 12 };
typedef struct Sitting {
    Arena *arena;
    uint64_t seed;
    MeasuredVec rows;
} Sitting;
static bool measure_one(Measuring *m, Arena *arena, uint64_t seed, GenerateRange range, MeasuredVec *out) {
    int all = m->threads;
    m->threads = rng_uniform(seed, 0, 0) < 0.7 ? all : 1 + (int)(rng_uniform(seed, 0, 1) * all);
    bool ok = measure_generated(arena, m, seed, range, out);
    m->threads = all;
    return ok;
}
static void keep_least(MeasuredVec *m, const MeasuredVec *again) {
    for (int i = 0; i < m->len; i++)
        for (int k = 0; k < again->len; k++) {
            Measured *first = &m->data[i];
            const Measured *second = &again->data[k];
            if (strcmp(first->training, second->training) || strcmp(first->candidate, second->candidate)) continue;
            first->run = fmin(first->run, second->run);
            first->make = fmin(first->make, second->make);
        }
}
static bool measure_scripts(Calibration *c, Measuring *m) {
    Arena *arena = c->v->arena;
    int n = c->v->arguments.len, done = 0;
    MeasuredVec *rows = arena_array(arena, MeasuredVec, n);
    if (!open_rows(c)) return false;
    while (done < n && measure_script(arena, m, c->v->arguments.data[done], &rows[done])) done++;
    bool ok = done == n;
    for (int i = 0; i < done; i++) {
        MeasuredVec again = {0};
        Measuring quiet = *m;
        quiet.ds = diags_new(arena);
        quiet.said = true;
        if (ok && !interrupt_requested()) (void)measure_script(arena, &quiet, c->v->arguments.data[i], &again);
        keep_least(&rows[i], &again);
        if (!add_rows(c, &rows[i])) return false;
        printf("%s: %d candidates measured\n", c->v->arguments.data[i], rows[i].len);
    }
    return ok;
}
/* Until the minutes are over, or until it is interrupted: what was measured stays, and is enough to go on. */
static bool measure_synthetic(Calibration *c, Measuring *m, double minutes) {
    double begin = time_now(), end = begin + 60 * minutes;
    uint64_t seed = open_rows(c), first = seed;
    GenerateRange range = generate_range(c->v->values[OPTION_range]);
    Progress bar;
    if (!seed) return false;
    progress_begin(&bar, "measuring, seconds", !c->v->run.quiet);
    bool ok = true;
    while (ok && !interrupt_requested() && time_now() < end) {
        Sitting batch[BATCH] = {0};
        int n = 0;
        double batch_began = time_now(); /* the second sitting takes as long as the first, at most */
        for (; ok && n < BATCH && !interrupt_requested() && 2 * time_now() - batch_began < end; n++) {
            batch[n] = (Sitting){.arena = arena_new(), .seed = seed++};
            ok = measure_one(m, batch[n].arena, batch[n].seed, range, &batch[n].rows);
            (void)progress_update(&bar, (int64_t)(time_now() - begin), (int64_t)(60 * minutes));
        }
        for (int i = 0; i < n; i++) {
            MeasuredVec again = {0};
            if (ok && !interrupt_requested()) {
                ok = measure_one(m, batch[i].arena, batch[i].seed, range, &again);
                keep_least(&batch[i].rows, &again);
            }
            ok = add_rows(c, &batch[i].rows) && ok;
            arena_free(batch[i].arena);
            (void)progress_update(&bar, (int64_t)(time_now() - begin), (int64_t)(60 * minutes));
        }
        empty_folder(c->kernels);
    }
    progress_end(&bar);
    if (!c->v->run.quiet)
        printf("measured %llu data sets in %.0f s, into %s\n", (unsigned long long)(seed - first), time_now() - begin,
               c->rows);
    return ok;
}
static bool train(Calibration *c) {
    MeasuredFile m;
    Held held;
    Buf text = {0};
    char path[CACHE_PATH];
    const char *to = command_value(c->v, OPTION_output), *predictions = command_value(c->v, OPTION_predictions);
    if (!to && !estimator_path("model", path, sizeof path)) return cannot_write(c, "the model");
    if (!to) to = path;
    if (!measured_read(c->v->arena, c->ds, c->rows, &m)) return false;
    if (!c->v->run.quiet) printf("training on %d measured ways\n", m.rows.len), fflush(stdout);
    Estimator *e = estimator_train(c->v->arena, c->ds, &m.first, &m.rows, &held);
    if (!e) return false;
    estimator_print(&text, e);
    bool ok = file_write_atomic(c->ds, (Span){0}, to, text.data, text.len);
    buf_free(&text);
    if (ok && predictions) {
        held_print(&text, &m.rows, &held);
        ok = file_write_atomic(c->ds, (Span){0}, predictions, text.data, text.len);
        buf_free(&text);
    }
    if (!ok) return false;
    printf("trained on %d trainings of %d data sets; on data sets that were held out:\n", e->trainings, e->datasets);
    static const char *const headings[] = {[OF_SYNTHETIC] = "",
                                           [OF_PUBLISHED] = "of these, those of the published range:\n",
                                           [OF_BROAD] = "of these, those of the broad range:\n",
                                           [OF_SCRIPTS] = "on the scripts that were measured:\n"};
    for (int of = OF_SYNTHETIC; of <= OF_SCRIPTS; of++) {
        if (evaluation_print(&text, &m.rows, &held, (EvaluatedOf)of)) printf("%s%s", headings[of], text.data);
        buf_free(&text);
    }
    printf("model: %s\n", to);
    return true;
}

/* The GPU, where there is one and what measuring it needs. */
static bool measure_gpu(Calibration *c) {
    const char *why;
    GpuSpeeds gpu;
    BackendOptions o = {0};
    bool said = !c->v->run.quiet;
    if (!cuda_device_found(&why) || !cuda_nvrtc(&why)) {
        if (said) printf("no GPU was measured: %s\n", why);
        return true;
    }
    if (!gpu_measure(c->ds, &o, &gpu)) return false;
    if (!gpu_speeds_are_sound(&gpu)) {
        diag_help(diag_error(c->ds, "E472", (Span){0},
                             "%s cannot be measured: its clock does not tell how long things take", gpu.name),
                  "without its measurements `--backend auto` takes the CPU");
        return false;
    }
    if (said) printf("%s:\n", gpu.name);
#define ROW(field, text)                                                                                               \
    if (said) printf("  %12.4g  %s\n", gpu.field, text);
    GPU_ROWS(ROW)
#undef ROW
    return gpu_keep(c->ds, &gpu);
}

int command_calibrate(Invocation *v) {
    Calibration c = {.v = v, .folder = -1, .file = -1};
    const char *from = command_value(v, OPTION_from), *budget = command_value(v, OPTION_budget), *why, *version;
    bool training = v->values[OPTION_train] != NULL, synthetic = training && !v->arguments.len && (budget || !from);
    char path[CACHE_PATH];
    if (!(c.ds = command_diags(v))) return EXIT_USAGE;
    if (!training && (budget || command_value(v, OPTION_output) || command_value(v, OPTION_predictions)))
        return command_usage("--budget, -o and --predictions belong to --train");
    if (!training && !v->arguments.len && (from || v->values[OPTION_range]))
        return command_usage("--from and --range belong to --train, --from to scripts that are measured too");
    if (budget && v->arguments.len)
        return command_usage("--budget is for synthetic data: leave out the scripts, or it");
    const char *written[] = {command_value(v, OPTION_output), command_value(v, OPTION_predictions)};
    for (int i = 0; from && i < 2; i++)
        if (written[i] && script_is_one_file(written[i], from))
            return command_usage("%s names the measurements themselves", i ? "--predictions" : "-o");
    bool ok =
        from || estimator_path("measurements.csv", path, sizeof path) || cannot_write(&c, "the file of measurements");
    c.rows = from ? from : path;
    if (ok && training && !xgboost_available(&version, &why)) { /* before minutes of measuring */
        diag_help(diag_error(c.ds, "E611", (Span){0}, "the estimator cannot be trained without XGBoost: %s", why),
                  "install libxgboost; without it the model that is there is used as it is");
        return command_finish(c.ds, EXIT_MISSING);
    }
    bool measuring = synthetic || v->arguments.len, anew = measuring || !training || !hardware_kept(&c.hw);
    ok = ok && (!anew || hardware_measure(c.ds, &c.hw));
    ok = ok && (!anew || hardware_keep(c.ds, &c.hw));
    if (ok && !v->run.quiet) {
#define ROW(name, text) printf("  %12.4g  %s\n", c.hw.name, text);
        HARDWARE_ROWS(ROW)
#undef ROW
    }
    ok = ok && (!anew || measure_gpu(&c));
    if (ok && measuring) {
        int threads = v->run.threads ? v->run.threads : (int)c.hw.threads;
        Measuring m = {.ds = c.ds, .hw = &c.hw, .threads = threads, .kernels = c.kernels};
        ok = begin_measuring(&c);
        if (ok && v->arguments.len) ok = measure_scripts(&c, &m);
        if (ok && synthetic)
            ok = measure_synthetic(&c, &m, budget ? (double)strtoll(budget, NULL, 10) : BUDGET_MINUTES);
        end_measuring(&c);
    }
    if (interrupt_requested()) {
        fprintf(stderr, "amal: interrupted; what was measured is kept in %s\n", c.rows);
        return EXIT_INTERRUPTED;
    }
    ok = ok && (!training || train(&c));
    if (!ok && interrupt_requested()) {
        fprintf(stderr, "amal: interrupted; no model was written\n");
        return EXIT_INTERRUPTED;
    }
    const char *last = ok ? NULL : diag_last_code(c.ds);
    return command_finish(c.ds, ok ? 0 : last && !strncmp(last, "E6", 2) ? EXIT_MISSING : EXIT_WRONG);
}
