/* compile_all.c: compiles emitted CUDA by NVRTC, every kernel once.
 *
 *   compile_all FOLDER ARCH...    the files FOLDER/X/Y.cu, as `amal explain --dump-cuda FOLDER/X` writes them
 *
 * Most kernels of one script are those of another under other names: what differs only in comments and in numbered
 * names is compiled for one of them. What is left of a file is one text; texts are compiled several at a time, and kept
 * in the cache as any kernel. A failure says what NVRTC said. The last line is `N passed, N failed`, of kernels and
 * architectures. */
#include "backends/cuda/nvrtc.h"
#include "backends/runtime/kernels.h"
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>

static const char head[] = "extern \"C\" __global__ void ";
typedef struct Text {
    char *text, *from;
    int kernels;
} Text;
typedef struct Task {
    const Text *text;
    const char *arch;
    Diags *said;
    bool ok;
} Task;
typedef struct Tasks {
    Task *all;
    int n;
} Tasks;
static Arena *arena;
static VEC(uint64_t) seen;
static VEC(Text) texts;
static int all_kernels;

static bool of_name(char c) {
    return isalnum((unsigned char)c) || c == '_';
}
/* v_13, mu_v20, D_shops_4 */
static bool numbered(const char *name, size_t n) {
    size_t digits = 0;
    while (digits < n && isdigit((unsigned char)name[n - 1 - digits])) digits++;
    if (!digits || digits == n) return false;
    size_t at = n - digits;
    if (name[at - 1] == 'v' && at > 1) at--;
    return name[at - 1] == '_';
}
/* The kernel without comments and blanks, numbered names by the order in which they first stand. */
static uint64_t meaning(const char *p, const char *end) {
    Buf out = {0};
    VEC(const char *) names = {0};
    while (p < end) {
        if (p[0] == '/' && p[1] == '*') {
            const char *close = strstr(p, "*/");
            p = close ? close + 2 : end;
        } else if (p[0] == '/' && p[1] == '/') {
            p += strcspn(p, "\n");
        } else if (of_name(*p)) {
            size_t n = 0;
            while (of_name(p[n])) n++;
            if (isdigit((unsigned char)*p) || !numbered(p, n)) {
                buf_add(&out, p, n);
            } else {
                const char *name = arena_strndup(arena, p, n);
                int at = 0;
                while (at < names.len && strcmp(names.data[at], name)) at++;
                if (at == names.len) vec_push(arena, &names, name);
                buf_printf(&out, "$%d", at);
            }
            buf_puts(&out, " ");
            p += n;
        } else {
            if (!isspace((unsigned char)*p)) buf_add(&out, p, 1);
            p++;
        }
    }
    uint64_t h = hash_bytes(out.data, out.len, 1);
    buf_free(&out);
    return h;
}
static bool is_new(uint64_t h) {
    for (int i = 0; i < seen.len; i++)
        if (seen.data[i] == h) return false;
    vec_push(arena, &seen, h);
    return true;
}
static char *read_text(const char *path) {
    FILE *f = fopen(path, "rb");
    Buf out = {0};
    char piece[1 << 16];
    size_t n;
    while (f && (n = fread(piece, 1, sizeof piece, f)) > 0) buf_add(&out, piece, n);
    if (f) fclose(f);
    return f ? buf_take(&out) : NULL;
}
/* A kernel ends with a brace that begins its line. */
static void add_file(const char *path) {
    char *whole = read_text(path);
    const char *first = whole ? strstr(whole, head) : NULL;
    if (!first) return;
    Buf out = {0};
    int kernels = 0;
    uint64_t before = hash_bytes(whole, (size_t)(first - whole), 2);
    buf_add(&out, whole, (size_t)(first - whole));
    for (const char *p = first; p; p = strstr(p + 1, head)) {
        const char *end = strstr(p, "\n}\n");
        if (!end) {
            fprintf(stderr, "%s: a kernel without an end\n", path);
            exit(1);
        }
        end += 3;
        all_kernels++;
        if (!is_new(meaning(p, end) ^ before)) continue;
        kernels++;
        buf_add(&out, p, (size_t)(end - p));
    }
    if (kernels)
        vec_push(arena, &texts, ((Text){arena_strndup(arena, out.data, out.len), arena_strdup(arena, path), kernels}));
    buf_free(&out);
    mem_free(whole);
}
static int visible(const struct dirent *e) {
    return e->d_name[0] != '.';
}
static void add_folder(const char *folder, int depth) {
    struct dirent **e;
    int n = scandir(folder, &e, visible, alphasort);
    for (int i = 0; i < n; i++) {
        const char *path = arena_printf(arena, "%s/%s", folder, e[i]->d_name);
        size_t length = strlen(path);
        if (depth) add_folder(path, depth - 1);
        if (!depth && length > 3 && !strcmp(path + length - 3, ".cu")) add_file(path);
        free(e[i]);
    }
    if (n >= 0) free(e);
}
static void compile_some(void *ctx, int part, int nparts) {
    const Tasks *t = ctx;
    BackendOptions o = {0};
    for (int i = part; i < t->n; i += nparts) {
        CudaCode code;
        Task *k = &t->all[i];
        k->ok = cuda_compile(k->said, "compile_all", k->text->text, k->arch, 0, &o, &code);
        if (k->ok) cuda_code_free(&code);
    }
}
int main(int argc, char **argv) {
    if (argc < 3) return 2;
    arena = arena_new();
    add_folder(argv[1], 1);
    Tasks t = {arena_array(arena, Task, texts.len * (argc - 2) + 1), 0};
    for (int i = 0; i < texts.len; i++)
        for (int a = 2; a < argc; a++)
            t.all[t.n++] = (Task){.text = &texts.data[i], .arch = argv[a], .said = diags_new(arena)};
    int threads = thread_default_count(), passed = 0, failed = 0;
    if (t.n) thread_run(threads < t.n ? threads : t.n, compile_some, &t);
    for (int i = 0; i < t.n; i++) {
        *(t.all[i].ok ? &passed : &failed) += t.all[i].text->kernels;
        if (t.all[i].ok) continue;
        printf("%s for %s:\n", t.all[i].text->from, t.all[i].arch);
        diag_print(t.all[i].said, stdout, false);
    }
    printf("%d kernels, %d of them different\n%d passed, %d failed\n", all_kernels, seen.len, passed, failed);
    arena_free(arena);
    return failed || !passed;
}
