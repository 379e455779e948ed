/* table_file.c: the bytes of a source's file in memory, inflated when it is gzip.
 *
 * gzip is told by its first two bytes, not by its name; members that follow one another are one text. Errors:
 * E450 the file is missing (with the nearest name in its folder), a folder, or may not be read; E451 its compression is
 * damaged; E402 its contents do not fit in memory; E460 ctrl-C. */
#include "backends/runtime/kernels.h"
#include "backends/runtime/table_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

const char *utf8_invalid(const char *text, size_t len) {
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & UINT64_C(0x8080808080808080)))) {
            p += 8;
            continue;
        }
        unsigned char c = *p;
        if (c < 0x80) {
            p++;
            continue;
        }
        int more = c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
        if (!more || end - p <= more) return (const char *)p;
        /* the second byte also excludes overlong forms, surrogates and code points above U+10FFFF */
        unsigned char low = c == 0xE0   ? 0xA0
                            : c == 0xF0 ? 0x90
                                        : 0x80,
                      high = c == 0xED   ? 0x9F
                             : c == 0xF4 ? 0x8F
                                         : 0xBF;
        if (p[1] < low || p[1] > high) return (const char *)p;
        for (int i = 2; i <= more; i++)
            if ((p[i] & 0xC0) != 0x80) return (const char *)p;
        p += more + 1;
    }
    return NULL;
}

/* The nearest name in the folder of a missing file, with the folder as it was written. */
static const char *file_nearest(const Source *s) {
    const char *slash = strrchr(s->path, '/');
    const char *folder = slash ? arena_strndup(s->arena, s->path, (size_t)(slash - s->path + 1)) : "./";
    DIR *dir = opendir(folder);
    if (!dir) return NULL;
    VEC(const char *) names = {0};
    for (struct dirent *e; names.len < 10000 && (e = readdir(dir));)
        if (e->d_name[0] != '.') vec_push(s->arena, &names, arena_strdup(s->arena, e->d_name));
    (void)closedir(dir); /* only read */
    return text_nearest(slash ? slash + 1 : s->path, names.data, names.len);
}

static bool file_report(const Source *s, int error) {
    Diag *d = diag_data(s->ds, "E450", s->at, s->path, 0, "%s",
                        error == ENOENT || error == ENOTDIR ? "there is no such file"
                        : error == EISDIR                   ? "this is a folder, not a file"
                                                            : strerror(error));
    const char *near = error == ENOENT ? file_nearest(s) : NULL;
    if (near)
        diag_help(d, "did you mean `%s`?", near);
    else if (error == ENOENT && s->decl->uri[0] != '/')
        diag_help(d, "paths are relative to the script's folder");
    return false;
}

static int file_open(const Source *s, struct stat *st) {
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)file_report(s, errno);
        return -1;
    }
    int error = fstat(fd, st) ? errno : S_ISDIR(st->st_mode) ? EISDIR : 0;
    if (error) {
        (void)file_report(s, error);
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool file_readable(const Source *s) {
    struct stat st;
    int fd = file_open(s, &st);
    if (fd < 0) return false;
    (void)close(fd);
    return true;
}

void file_unload(FileBytes *f) {
    if (f->mapped)
        (void)munmap(f->data, f->mapped);
    else
        mem_free(f->data);
    *f = (FileBytes){0};
}

void file_unload_schema(FileBytes *f) {
    if (!f->inflated || !f->hashed) {
        file_unload(f);
        return;
    }
    cache_wait(cache_current(), f->content, WAITING_TEXT, f->data, f->len);
    *f = (FileBytes){0};
}

/* A pipe or a special file: its length is known when it ends. */
static bool file_load_stream(const Source *s, int fd, FileBytes *out) {
    size_t cap = 1 << 16;
    out->data = mem_try(cap, 1);
    while (out->data) {
        if (out->len == cap) {
            char *wider = mem_try(cap * 2, 1);
            if (!wider) break;
            memcpy(wider, out->data, cap);
            mem_free(out->data);
            out->data = wider;
            cap *= 2;
        }
        if (source_given_up(s)) return file_unload(out), false;
        struct pollfd ready = {.fd = fd, .events = POLLIN}; /* whoever writes may be slow: ctrl-C ends the waiting */
        int waited = poll(&ready, 1, 200);
        if (waited == 0 || (waited < 0 && errno == EINTR)) continue;
        ssize_t got = read(fd, out->data + out->len, cap - out->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int error = errno;
            file_unload(out);
            return file_report(s, error);
        }
        if (!got) return true;
        out->len += (size_t)got;
    }
    source_report_memory(s, 0, cap);
    file_unload(out);
    return false;
}

/* A plain file is read into memory of its own, on all threads: mapped, it could change under the reader, or end the
 * process when another program cuts it short. */
typedef struct FileRead {
    int fd;
    char *data;
    size_t len, chunks;
    Hash128 *hashes;
    atomic_int error; /* -1: the file ended early */
} FileRead;
static void read_part(void *ctx, int part, int nparts) {
    FileRead *r = ctx;
    size_t from = r->chunks * (size_t)part / (size_t)nparts, to = r->chunks * (size_t)(part + 1) / (size_t)nparts;
    for (size_t k = from; k < to && !atomic_load(&r->error); k++) {
        if (work_given_up()) return;
        size_t begin = k * CONTENT_CHUNK, at = begin, end = begin + CONTENT_CHUNK;
        if (end > r->len) end = r->len;
        while (at < end) {
            ssize_t got = pread(r->fd, r->data + at, end - at, (off_t)at);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) {
                atomic_store(&r->error, got ? errno : -1);
                return;
            }
            at += (size_t)got;
        }
        if (r->hashes) r->hashes[k] = content_hash_chunk(r->data + begin, end - begin);
    }
}
static bool file_load_plain(const Source *s, int fd, size_t len, FileBytes *out) {
    FileRead r = {.fd = fd, .len = len, .chunks = (len + CONTENT_CHUNK - 1) / CONTENT_CHUNK};
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        source_report_memory(s, 0, len);
        return false;
    }
    (void)madvise(p, len, MADV_HUGEPAGE); /* advice only */
    *out = (FileBytes){.data = p, .len = len, .mapped = len};
    r.data = p;
    if (s->watch) r.hashes = arena_array(s->arena, Hash128, r.chunks);
    int parts = s->opt->threads > 1 ? s->opt->threads : 1;
    thread_run((size_t)parts < r.chunks ? parts : (int)r.chunks, read_part, &r);
    int error = atomic_load(&r.error);
    if (!error && source_given_up(s)) return file_unload(out), false;
    if (!error) {
        if (!s->watch) return true;
        out->content = content_hash_join(r.hashes, r.chunks);
        out->hashed = true;
        cache_watch_exact(s->watch, out->content);
        return true;
    }
    file_unload(out);
    if (error > 0) return file_report(s, error);
    Diag *d = diag_data(s->ds, "E450", s->at, s->path, 0, "the file was cut short while it was read");
    diag_help(d, "is another program writing it? Run again when it is done");
    return false;
}

static bool file_load_raw(const Source *s, FileBytes *out) {
    *out = (FileBytes){0};
    struct stat st;
    int fd = file_open(s, &st);
    if (fd < 0) return false;
    bool ok = true;
    if (!S_ISREG(st.st_mode)) {
        ok = file_load_stream(s, fd, out);
    } else if (st.st_size > 0) {
        ok = file_load_plain(s, fd, (size_t)st.st_size, out);
    }
    (void)close(fd); /* only read */
    return ok;
}

static bool gzip_report(const Source *s, const char *what, size_t inflated) {
    Diag *d = diag_data(s->ds, "E451", s->at, s->path, 0, "the gzip compression is damaged: %s after %zu bytes of text",
                        what, inflated);
    diag_help(d, "`gzip -t` tests a file; fetch or make it again");
    return false;
}

/* Inflates all members of `in` into a new buffer. The last four bytes say how long the text is (modulo 2^32): a first
 * guess only. */
static bool gzip_inflate(const Source *s, const FileBytes *in, FileBytes *out) {
    enum { PIECE = 4 << 20 }; /* between two of them the work can be given up */
    *out = (FileBytes){0};
    size_t cap = 0;
    for (size_t i = 1; i <= 4 && in->len > 4; i++) cap = cap << 8 | (unsigned char)in->data[in->len - i];
    if (cap > in->len * 1032 || cap < in->len)
        cap = in->len * 4; /* deflate reaches 1032:1 at most: a larger guess is a lie */
    cap += 64;
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK) {
        source_report_memory(s, 0, cap);
        return false;
    }
    size_t consumed = 0;
    const char *wrong = NULL;
    bool memory = (out->data = mem_try(cap, 1)) != NULL, done = false;
    while (memory && !wrong && !done) {
        if (work_given_up()) break;
        if (out->len == cap) {
            char *wider = cap > SIZE_MAX / 2 ? NULL : mem_try(cap * 2, 1);
            if (!(memory = wider != NULL)) break;
            memcpy(wider, out->data, cap);
            mem_free(out->data);
            out->data = wider;
            cap *= 2;
        }
        size_t left = in->len - consumed, room = cap - out->len;
        uInt give = left > PIECE ? PIECE : (uInt)left, take = room > PIECE ? PIECE : (uInt)room;
        z.next_in = (Bytef *)(uintptr_t)(in->data + consumed); /* zlib reads it only */
        z.avail_in = give;
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = take;
        int status = inflate(&z, Z_NO_FLUSH);
        consumed += give - z.avail_in;
        out->len += take - z.avail_out;
        if (status == Z_STREAM_END) {
            while (consumed < in->len && !in->data[consumed]) consumed++; /* padding of tapes */
            done = consumed == in->len;
            if (!done && inflateReset(&z) != Z_OK) wrong = "its state is lost";
        } else if (status == Z_MEM_ERROR) {
            memory = false;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            wrong = z.msg ? z.msg : "bad data";
        } else if (consumed == in->len && z.avail_out) {
            wrong = "it ends too early";
        }
    }
    if (wrong) (void)gzip_report(s, wrong, out->len);
    if (!memory || (!wrong && !done)) source_report_memory(s, 0, cap);
    (void)inflateEnd(&z); /* frees only */
    if (done) return true;
    file_unload(out);
    return false;
}

bool file_load(const Source *s, FileBytes *out) {
    FileBytes raw;
    if (!file_load_raw(s, &raw)) return false;
    bool zipped = raw.len >= 2 && (unsigned char)raw.data[0] == 0x1F && (unsigned char)raw.data[1] == 0x8B;
    if (!zipped && raw.len && name_ends(s->path, ".gz")) {
        diag_data(s->ds, "E451", s->at, s->path, 0, "the name says gzip, but the file does not begin as one");
        file_unload(&raw);
        return false;
    }
    if (!zipped) {
        *out = raw;
        return true;
    }
    *out = (FileBytes){0};
    out->data = raw.hashed ? cache_take(cache_current(), raw.content, WAITING_TEXT, &out->len) : NULL;
    bool ok = out->data || gzip_inflate(s, &raw, out);
    if (ok) {
        out->inflated = true;
        out->hashed = raw.hashed;
        out->content = raw.content;
    }
    file_unload(&raw);
    return ok;
}
