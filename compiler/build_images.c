/* build_images.c: code for GPUs in a built program (contract: build.h).
 *
 * Every CUDA text that the rehearsal collected is compiled by NVRTC for each architecture: as a cubin, which devices of
 * that generation load, and for the newest one as PTX too, which the driver of a newer device compiles. The bytes stand
 * in one file beside the C and get into the program by the assembler (.incbin). */
#include "backends/backend.h"
#include "backends/cuda/fixed.h"
#include "backends/cuda/nvrtc.h"
#include "backends/runtime/kernels.h"
#include "compiler/build.h"
#include "compiler/driver.h"
#include <stdlib.h>

#define DEFAULT_ARCHS "sm_80,sm_90"
enum { ALIGNMENT = 64 };

/* ---------------- for which ---------------- */

/* "sm_80,sm_90" as b->archs, in rising order, each once; what NVRTC does not know is reported. */
bool build_images_ready(Build *b, const char *archs) {
    char words[256], *save = NULL, known[24];
    snprintf(words, sizeof words, "%s", archs ? archs : DEFAULT_ARCHS);
    for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        BackendOptions o = {.gpu_arch = w};
        if (!cuda_choose_arch(b->diags, (Span){0}, &o, 0, 0, known)) return false;
        int sm = atoi(w + 3), at = b->archs.len;
        bool there = false;
        for (int i = 0; i < b->archs.len; i++) there = there || b->archs.data[i] == sm;
        if (there) continue;
        vec_push(b->arena, &b->archs, sm);
        for (; at > 0 && b->archs.data[at - 1] > sm; at--) b->archs.data[at] = b->archs.data[at - 1];
        b->archs.data[at] = sm;
    }
    if (b->archs.len) return true;
    diag_help(diag_error(b->diags, "E626", (Span){0}, "--gpu-arch names no architecture"), "sm_80,sm_90, for example");
    return false;
}

/* ---------------- compiling ---------------- */

typedef struct Compiling { /* a text for an architecture */
    const KernelText *text;
    int arch;
    bool ptx, ok;
    CudaCode code;
    Diags *said;
} Compiling;
typedef struct Jobs {
    int n;
    Compiling *all;
} Jobs;

static void compile_one(Compiling *c) {
    char arch[24];
    BackendOptions o = {0};
    snprintf(arch, sizeof arch, "%s_%d", c->ptx ? "compute" : "sm", c->arch);
    c->ok = cuda_compile(c->said, c->text->name, c->text->text, arch, 0, &o, &c->code);
}
static void compile_some(void *ctx, int part, int nparts) {
    const Jobs *job = ctx;
    for (int i = part; i < job->n && !interrupt_requested(); i += nparts) compile_one(&job->all[i]);
}
/* What was said of the first that failed, again: to compile it is quick, or fails in the same way. */
static bool report(const Build *b, const Compiling *c) {
    if (interrupt_requested()) {
        diag_error(b->diags, "E460", (Span){0}, "interrupted while the code for GPUs was compiled");
        return false;
    }
    Compiling again = *c;
    again.said = b->diags;
    compile_one(&again);
    if (again.ok) cuda_code_free(&again.code);
    return again.ok;
}
bool build_images(Build *b) {
    if (b->cuda.kernels.len) cuda_fixed_texts(&b->cuda);
    int per = b->archs.len + 1, n = b->cuda.kernels.len * per, threads = thread_default_count();
    Jobs job = {n, arena_array(b->arena, Compiling, n + 1)};
    for (int i = 0; i < n; i++) {
        int k = i % per, newest = b->archs.len - 1;
        job.all[i] = (Compiling){.text = &b->cuda.kernels.data[i / per],
                                 .arch = b->archs.data[k > newest ? newest : k],
                                 .ptx = k > newest,
                                 .said = diags_new(b->arena)};
    }
    if (n) thread_run(threads < n ? threads : n, compile_some, &job);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        Compiling *c = &job.all[i];
        ok = ok && (c->ok || report(b, c));
        if (!c->ok) continue;
        BuildImage m = {
            .arch = c->arch, .ptx = c->ptx, .size = c->code.size, .bytes = arena_alloc(b->arena, c->code.size + 1)};
        memcpy(m.hash, c->text->hash, sizeof m.hash);
        memcpy(m.bytes, c->code.image, c->code.size);
        m.bytes[m.size++] = 0; /* PTX is a text */
        vec_push(b->arena, &b->images, m);
        cuda_code_free(&c->code);
    }
    return ok;
}

/* ---------------- in the program ---------------- */

static size_t room(const BuildImage *m) {
    return (m->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}
void build_images_bytes(const Build *b, Buf *out) {
    static const char zeros[ALIGNMENT];
    for (int i = 0; i < b->images.len; i++) {
        const BuildImage *m = &b->images.data[i];
        buf_add(out, m->bytes, m->size);
        buf_add(out, zeros, room(m) - m->size);
    }
}
void build_images_c(const Build *b, Buf *out) {
    size_t at = 0;
    buf_printf(out,
               "__asm__(\".section .rodata\\n\"\n        \".balign %d\\n\"\n        \"amal_images:\\n\"\n"
               "        \".incbin \\\"" BUILD_IMAGES_FILE "\\\"\\n\"\n        \".previous\\n\");\n"
               "extern const char amal_images[] __attribute__((visibility(\"hidden\")));\n"
               "static const AmalImage images[] = {\n",
               ALIGNMENT);
    for (int i = 0; i < b->images.len; i++) {
        const BuildImage *m = &b->images.data[i];
        buf_printf(out, "    {{0x%016llx, 0x%016llx}, %d, %d, amal_images + %zu, %zu},\n",
                   (unsigned long long)m->hash[0], (unsigned long long)m->hash[1], m->arch, m->ptx, at, m->size);
        at += room(m);
    }
    buf_puts(out, "};\n");
}
