/* run_backend.c: which backend runs a training: the one that was asked for, or with `backend auto` the CPU (c) or the
 * GPU (cuda), by estimates (contract: run_internal.h).
 *
 * How it would run on the CPU is chosen as ever (run_choose.c). What was asked for, and what logic decides, holds for
 * the GPU too; every other candidate is costed on it with the speeds that `amal calibrate` measured: what its kernels
 * take, copying the arrays that are not there yet, joining them there, compiling unless the code is kept, and taking
 * hold of the device. On the CPU the estimate is that of the model where it was asked, else the analytic cost, and the
 * C compiler's time. The least wins. Where there is no GPU, or none that was measured, it is the CPU, and why says so.
 *
 * With `--backend cuda` the same figures choose among the GPU's ways, where it was measured. */
#include "backends/c/compile.h"
#include "backends/cuda/device.h"
#include "backends/cuda/foresee.h"
#include "compiler/carried.h"
#include "compiler/estimator/candidates.h"
#include "compiler/estimator/gpu_kept.h"
#include "compiler/run_internal.h"

enum { WAYS = 2 * CANDIDATES };
#define MEMORY_SHARE 0.9 /* of the GPU's: what is above would be streamed in every iteration, or not run */

typedef struct Way { /* a candidate on the CPU, or on the GPU */
    const Candidate *c;
    bool gpu;
    double analytic, seconds;
    double copying, making, compiling, starting; /* parts of `seconds` */
    const char *refused;                         /* why it is not weighed; NULL: it is */
} Way;
typedef struct Weighing {
    Run *r;
    const Training *t;
    const Integration *in;
    GpuSpeeds gpu;
    const char *absent; /* explain: the GPU is not on this machine: why */
    CandidateScope scope;
    Candidate c[CANDIDATES];
    double running[CANDIDATES]; /* on the GPU, seconds; before any is fused, which changes what it is made of */
    int n, arranged;
    Way way[WAYS];
    int nways;
} Weighing;

/* ---------------- what there is to weigh ---------------- */

/* The GPU with its speeds. false: *why says why nothing is weighed against it. */
static bool find_gpu(Weighing *w, bool automatic, const char **why) {
    Run *r = w->r;
    const char *missing = NULL, *unmeasured;
    bool kept = gpu_kept(&w->gpu, &unmeasured);
    *why = unmeasured;
    if (!kept && !automatic) return false; /* the device is asked when it is used */
    const CudaDevice *d = cuda_device_found(&missing);
    if (!d) w->absent = arena_strdup(r->arena, missing);
    if (!d && !(kept && r->o->explain)) {
        *why = w->absent;
        return false;
    }
    if (!(r->o->carried && r->o->carried->nimages) && !cuda_nvrtc(why)) return false;
    if (!kept) {
        *why = arena_printf(r->arena, "this machine has a GPU, %s, but %s", d->name, unmeasured);
        return false;
    }
    if (!d || !strcmp(d->name, w->gpu.name)) return true;
    *why = arena_printf(r->arena, "this machine's GPU is %s, and %s was measured (`amal calibrate` measures anew)",
                        d->name, w->gpu.name);
    return false;
}

/* May this candidate run, whatever it takes? What was asked for leaves the plain one only where nothing else is. */
static bool is_free(const Weighing *w, const StrategyChoice *cpu, const Candidate *c) {
    if (cpu->rule && c->materialize != cpu->materialize) return false;
    bool asked = (w->scope.sort || w->scope.absorb) && w->arranged;
    return c->materialize || !asked || !arrangement_is_plain(c->arrangement);
}
/* The CPU's choice with its loops as the model has them, on both. NULL: reported. */
static const Candidate *with_gram(Weighing *w, const StrategyChoice *cpu, Candidate *c) {
    for (int i = 0; i < cpu->nways; i++)
        if (cpu->ways[i].chosen) c->name = cpu->ways[i].name;
    c->gram = cpu->gram;
    c->func = run_lower_candidate(&(LoweringOf){w->r, w->t},
                                  &(CandidateProgram){.data = c->data,
                                                      .strategy = c->materialize ? "materialized" : "factorized",
                                                      .gram = c->gram});
    if (!c->func) return NULL;
    c->cost = ir_cost(c->func, w->r->o->threads);
    return c;
}
/* The candidates, and among them the CPU's choice. NULL: reported. */
static const Candidate *find_candidates(Weighing *w, const StrategyChoice *cpu) {
    Run *r = w->r;
    Candidate *chosen = NULL;
    const IrNode *by_place;
    LoweringOf of = {r, w->t};
    if (cpu->rule && cpu->materialize)
        w->scope = (CandidateScope){.joined = true};
    else if (!run_candidate_scope(r, w->t, w->in, &w->scope))
        return NULL;
    w->scope.gram = false;
    w->n = candidates_of(r->arena, w->in, r->o->threads, &w->scope, run_lower_candidate, &of, w->c, &by_place);
    for (int i = 0; i < w->n; i++) {
        Candidate *c = &w->c[i];
        bool lies_alike =
            c->arrangement.sort_by == cpu->arrangement.sort_by && c->arrangement.absorbed == cpu->arrangement.absorbed;
        c->there =
            c->materialize ? data_is_materialized(r->data, w->in) : data_is_arranged(r->data, w->in, c->arrangement);
        w->arranged += !c->materialize && !arrangement_is_plain(c->arrangement);
        if (c->materialize == cpu->materialize && (c->materialize || lies_alike)) chosen = c;
    }
    AMAL_CHECK(chosen || !w->n); /* it is the best of fewer of the same */
    return chosen && cpu->gram ? with_gram(w, cpu, chosen) : chosen;
}

/* ---------------- what a way takes ---------------- */

static void weigh_cpu(Weighing *w, const StrategyChoice *cpu, const Candidate *c, bool chosen) {
    Way *y = &w->way[w->nways++];
    *y = (Way){.c = c, .analytic = candidate_analytic(c), .seconds = candidate_analytic(c)};
    for (int i = 0; i < cpu->nways; i++)
        if (!strcmp(cpu->ways[i].name, c->name)) y->seconds = cpu->ways[i].predicted;
    if (!chosen) return;
    PassOptions passes = run_passes(w->r, c->materialize ? "materialized" : "factorized");
    BackendOptions o = run_backend_options(w->r, &passes);
    o.carried = w->r->o->carried;
    if (!c_is_compiled(c->func, &o)) y->compiling = COMPILING_SECONDS;
    y->seconds += y->compiling;
}

static bool is_on_gpu(void *user, const void *array) {
    const Run *r = user;
    for (int i = 0; i < r->sent.len; i++)
        if (r->sent.data[i] == array) return true;
    return cuda_holds(array);
}
/* What of a candidate's data travels to the GPU: a dense joined table is made there, of the sources. */
static const Integration *travelling(const Weighing *w, const Candidate *c) {
    bool joined_there = c->materialize && c->data->blocks[0].data->kind == MAT_DENSE;
    if (c->there && c->materialize) { /* perhaps from an earlier training of the script */
        const Integration *made = data_materialized(w->r->data, w->in);
        if (!made || is_on_gpu(w->r, made->blocks[0].data) || !joined_there) return made ? made : c->data;
    }
    if (joined_there) return w->in;
    return c->there && !c->materialize ? data_arranged(w->r->data, w->in, c->arrangement) : c->data;
}
static double input_bytes(const IrFunc *f) {
    double bytes = 0;
    for (int i = 0; i < f->inputs.len; i++)
        bytes += (double)sizeof(double) * (double)f->inputs.data[i].rows * (double)f->inputs.data[i].cols;
    return bytes;
}
static void weigh_gpu(Weighing *w, const Candidate *c) {
    Run *r = w->r;
    Way *y = &w->way[w->nways++];
    const Integration *from = travelling(w, c);
    *y = (Way){.c = c, .gpu = true};
    PassOptions passes = run_passes(r, c->materialize ? "materialized" : "factorized");
    BackendOptions o = run_backend_options(r, &passes);
    o.carried = r->o->carried;
    CudaForesight ahead = cuda_foresee(c->func, &o);
    double inputs = input_bytes(c->func), own = from == c->data ? 0 : ir_array_bytes(c->data, NULL, NULL);
    double memory = ir_array_bytes(from, NULL, NULL) + own + inputs;
    if (ahead.refused)
        y->refused = ahead.refused;
    else if (memory > MEMORY_SHARE * w->gpu.memory)
        y->refused = arena_printf(r->arena, "its arrays take %.3g GB, and the GPU has %.3g GB", memory / 1e9,
                                  w->gpu.memory / 1e9);
    y->copying = (ir_array_bytes(from, is_on_gpu, r) + inputs) / w->gpu.transfer;
    y->making = (c->there ? 0 : c->make) + (c->materialize && from == w->in ? 2 * own / w->gpu.bytes : 0);
    y->compiling = ahead.compiled ? 0 : w->gpu.compile + w->gpu.compile_byte * (double)ahead.text_bytes;
    y->starting = cuda_device_is_open() || r->sent.len ? 0 : w->gpu.start;
    y->analytic = y->seconds = w->running[c - w->c] + y->copying + y->making + y->compiling + y->starting;
}
static const Way *least(const Weighing *w, bool gpu) {
    const Way *best = NULL;
    for (int i = 0; i < w->nways; i++) {
        const Way *y = &w->way[i];
        if (y->gpu == gpu && !y->refused && (!best || y->seconds < best->seconds)) best = y;
    }
    return best;
}

/* ---------------- what is said ---------------- */

static void put_ways(Buf *out, const Weighing *w, bool gpu) {
    const char *comma = "";
    for (int i = 0; i < w->nways; i++) {
        const Way *y = &w->way[i];
        if (y->gpu != gpu) continue;
        buf_printf(out, "%s%s", comma, y->c->name);
        if (y->refused)
            buf_printf(out, " not at all (%s)", y->refused);
        else
            buf_printf(out, " %.3g s", y->seconds);
        comma = ", ";
    }
}
static void put_part(Buf *out, const char **before, double seconds, const char *what) {
    if (seconds <= 0) return;
    buf_printf(out, "%s%.3g s %s", *before, seconds, what);
    *before = ", ";
}
/* What of the GPU's best way is not its kernels. */
static void put_parts(Buf *out, const Way *y) {
    const char *before = " (of it ";
    put_part(out, &before, y->copying, "for copying");
    put_part(out, &before, y->making, y->c->materialize ? "for joining" : "for arranging");
    put_part(out, &before, y->compiling, "for compiling");
    put_part(out, &before, y->starting, "for starting the GPU");
    if (*before == ',') buf_puts(out, ")");
}
static const char *words(const Weighing *w, const Way *cpu, const Way *gpu, const Way *chosen, const char *strategy) {
    Buf out = {0};
    if (strategy) buf_printf(&out, "%s; ", strategy);
    if (cpu) {
        buf_printf(&out, "backend %s: estimated on the CPU ", chosen->gpu ? "cuda" : "c");
        put_ways(&out, w, false);
        if (cpu->compiling > 0) buf_printf(&out, " (%.3g s of %s for compiling)", cpu->compiling, cpu->c->name);
        buf_printf(&out, ", on the GPU (%s) ", w->gpu.name);
    } else {
        buf_printf(&out, "estimated on the GPU (%s) ", w->gpu.name);
    }
    put_ways(&out, w, true);
    if (gpu) put_parts(&out, gpu);
    if (cpu && gpu) {
        const Way *other = chosen->gpu ? cpu : gpu;
        buf_printf(&out, "; %s takes %.3g times as long", other->gpu ? "the GPU" : "the CPU",
                   other->seconds / chosen->seconds);
    }
    if (w->absent) buf_printf(&out, "; as on a machine with that GPU: here a run takes c: %s", w->absent);
    const char *text = arena_strndup(w->r->arena, out.data, out.len);
    buf_free(&out);
    return text;
}
static void list_ways(const Weighing *w, const Way *chosen, StrategyChoice *out) {
    StrategyWay *ways = arena_array(w->r->arena, StrategyWay, w->nways + 1);
    int n = 0;
    for (int i = 0; i < w->nways; i++) {
        const Way *y = &w->way[i];
        if (y->refused) continue;
        ways[n++] = (StrategyWay){arena_printf(w->r->arena, "%s, on the %s", y->c->name, y->gpu ? "GPU" : "CPU"),
                                  y->analytic, y->seconds, y == chosen};
    }
    out->ways = ways;
    out->nways = n;
}

/* ---------------- the choice ---------------- */

static StrategyChoice weigh(Weighing *w, const StrategyChoice *cpu, bool automatic) {
    const Candidate *ours = find_candidates(w, cpu);
    if (!ours) return (StrategyChoice){0};
    const Way *on_cpu = NULL;
    IrGpu speeds = gpu_speeds_ir(&w->gpu);
    for (int i = 0; i < w->n; i++) w->running[i] = ir_cost_gpu(w->c[i].func, &speeds).seconds;
    for (int i = 0; automatic && i < w->n; i++)
        if (is_free(w, cpu, &w->c[i])) {
            weigh_cpu(w, cpu, &w->c[i], &w->c[i] == ours);
            if (&w->c[i] == ours) on_cpu = &w->way[w->nways - 1];
        }
    for (int i = 0; i < w->n; i++)
        if (is_free(w, cpu, &w->c[i])) weigh_gpu(w, &w->c[i]);
    const Way *on_gpu = least(w, true), *best = on_gpu;
    if (!on_gpu || (on_cpu && on_cpu->seconds <= on_gpu->seconds)) best = on_cpu;
    StrategyChoice out = *cpu;
    if (!best) return out; /* asked for, and the GPU has no room: what it says when it runs is the answer */
    out.why = words(w, on_cpu, on_gpu, best, best->gpu ? cpu->rule : cpu->why);
    list_ways(w, best, &out);
    if (!best->gpu) return out;
    out.backend = &backend_cuda;
    out.materialize = best->c->materialize;
    out.arrangement = best->c->arrangement;
    out.gram = best->c->gram;
    return out;
}

static void note_arrays(Run *r, const Integration *in) {
    for (int b = 0; b < in->nblocks; b++) vec_push(r->arena, &r->sent, (const void *)in->blocks[b].data);
    for (int i = 0; i < in->nindicators; i++) vec_push(r->arena, &r->sent, (const void *)&in->indicators[i]);
}
void run_note_planned(Run *r, const Integration *in, const Integration *data) {
    if (!r->o->explain || run_training_backend(r) != &backend_cuda) return;
    if (data->materialized) note_arrays(r, in);
    note_arrays(r, data);
}

static StrategyChoice choose(Run *r, const Training *t, const Integration *in) {
    bool automatic = r->o->backend && !strcmp(r->o->backend, BACKEND_AUTO);
    r->backend = NULL;
    StrategyChoice c = run_choose_strategy(r, t, in);
    const Backend *b = run_training_backend(r);
    if (!c.why || r->o->rehearsal || !(automatic || b == &backend_cuda)) return c;
    Weighing *w = arena_new_of(r->arena, Weighing);
    *w = (Weighing){.r = r, .t = t, .in = in};
    const char *why;
    if (find_gpu(w, automatic, &why)) {
        c = weigh(w, &c, automatic);
    } else if (automatic) {
        c.why = arena_printf(r->arena, "%s; backend c: %s", c.why, why);
    }
    if (automatic) r->backend = c.backend ? c.backend : &backend_c;
    return c;
}
StrategyChoice run_choose(Run *r, const Training *t, const Integration *in) {
    double began = time_now();
    StrategyChoice c = choose(r, t, in);
    c.seconds = time_now() - began;
    r->seconds_choose += c.seconds;
    return c;
}
