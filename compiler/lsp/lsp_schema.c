/* lsp_schema.c: the schemas of sources without a column block, found in a second thread.
 *
 * Types are inferred from every row, so that a large file takes its time; the server does not wait for it. An entry is
 * a source as it is written (its canonical text) in a folder; its schema, or the messages that say why there is none,
 * hold as long as the file's time and size do. While a changed file is read again, what was known before stays.
 *
 * The thread shares nothing with the rest but the entries under the lock: it parses the source's text for itself, in
 * its own arena. */
#define _GNU_SOURCE /* pipe2 */
#include "compiler/lsp/lsp_internal.h"
#include "compiler/script.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MOST = 256 };

typedef struct Stamp {
    bool exists;
    int64_t seconds, nanoseconds, size;
} Stamp;
typedef struct Message { /* why there is no schema */
    char *code, *text, *help, *data_file;
    int64_t data_line;
} Message;
typedef struct Entry {
    struct Entry *next;
    char *folder, *text; /* the key */
    Stamp stamp;         /* of the file when it was last asked for */
    bool wanted;         /* the thread has to read it */
    bool reading;        /* it does */
    bool known;          /* was read at least once: columns or messages hold */
    int ncols;
    ColumnDecl *cols; /* with their texts, in `arena`; spans mean nothing */
    int nmessages;
    Message *messages;
    Arena *arena; /* of what is known */
} Entry;
struct Schemas {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    Entry *entries;
    bool stop;
    int64_t found;
    int wake[2];
};

static void entry_free(Entry *e) {
    if (e->arena) arena_free(e->arena);
    mem_free(e->folder);
    mem_free(e->text);
    mem_free(e);
}

/* ---- the second thread ---- */

typedef struct Reading {
    const char *folder, *text;
    Arena *arena; /* of the result */
    int ncols, nmessages;
    ColumnDecl *cols;
    Message *messages;
} Reading;

static void keep_messages(Reading *r, const Diags *ds) {
    r->nmessages = diag_count(ds);
    r->messages = arena_array(r->arena, Message, r->nmessages + 1);
    for (int i = 0; i < r->nmessages; i++) {
        DiagView v = diag_view(ds, i);
        r->messages[i] = (Message){arena_strdup(r->arena, v.code), arena_strdup(r->arena, v.text),
                                   v.help ? arena_strdup(r->arena, v.help) : NULL,
                                   v.data_file ? arena_strdup(r->arena, v.data_file) : NULL, v.data_line};
    }
}

static void keep_columns(Reading *r, int ncols, const ColumnDecl *cols) {
    r->ncols = ncols;
    r->cols = arena_array(r->arena, ColumnDecl, ncols + 1);
    for (int i = 0; i < ncols; i++) {
        ColumnDecl *c = &r->cols[i];
        *c = cols[i];
        c->name.text = arena_strdup(r->arena, c->name.text);
        c->format = c->format ? arena_strdup(r->arena, c->format) : NULL;
        c->header = c->header ? arena_strdup(r->arena, c->header) : NULL;
        c->null_text = c->null_text ? arena_strdup(r->arena, c->null_text) : NULL;
    }
}

static void read_schema(void *arg) {
    Reading *r = arg;
    Arena *own = arena_new();
    Diags *ds = diags_new(own);
    uint32_t file = diag_add_file(ds, "source", r->text, strlen(r->text));
    const Script *s = parse_script(own, ds, file, r->text, strlen(r->text));
    AMAL_CHECK(diag_error_count(ds) == 0 && s->stmts.len == 1 && s->stmts.data[0]->kind == ST_SOURCE);
    TableOptions opt = {.base_dir = r->folder, .threads = 1};
    int ncols = 0;
    ColumnDecl *cols = NULL;
    if (table_schema(own, ds, s->stmts.data[0]->source, &opt, &ncols, &cols)) keep_columns(r, ncols, cols);
    keep_messages(r, ds);
    arena_free(own);
}

static Entry *next_wanted(Schemas *s) {
    for (Entry *e = s->entries; e; e = e->next)
        if (e->wanted) return e;
    return NULL;
}

static void *work(void *arg) {
    Schemas *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        Entry *e = next_wanted(s);
        if (!e) {
            pthread_cond_wait(&s->more, &s->lock);
            continue;
        }
        e->wanted = false;
        e->reading = true;
        Reading r = {.folder = e->folder, .text = e->text, .arena = arena_new()}; /* keys never change */
        pthread_mutex_unlock(&s->lock);
        bool done = lsp_guarded(read_schema, &r);
        pthread_mutex_lock(&s->lock);
        if (!done) { /* memory, or a fault of ours: said, and not tried again before the file changes */
            static Message failed = {
                .code = "E402", .text = "the schema could not be read", .help = "`amal check` says more"};
            r = (Reading){.arena = r.arena, .nmessages = 1, .messages = &failed};
        }
        Arena *old = e->arena;
        e->arena = r.arena;
        e->ncols = r.ncols;
        e->cols = r.cols;
        e->nmessages = r.nmessages;
        e->messages = r.messages;
        e->known = true;
        e->reading = false;
        if (old) arena_free(old);
        s->found++;
        /* A full pipe is as good: the reader is already to wake. */
        if (write(s->wake[1], "x", 1) < 0) continue;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

Schemas *schemas_start(void) {
    Schemas *s = mem_alloc(sizeof *s);
    if (pipe2(s->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        mem_free(s);
        return NULL;
    }
    bool ok = pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->more, NULL) == 0 &&
              pthread_create(&s->thread, NULL, work, s) == 0;
    if (ok) return s;
    close(s->wake[0]);
    close(s->wake[1]);
    mem_free(s);
    return NULL;
}

/* Nobody waits for a file that is being read: the thread keeps what it works on and ends with the process. */
void schemas_stop(Schemas *s) {
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    bool busy = false;
    for (const Entry *e = s->entries; e; e = e->next) busy = busy || e->reading;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    if (busy) {
        pthread_detach(s->thread);
        return; /* what it works on stays its own */
    }
    pthread_join(s->thread, NULL);
    for (Entry *e = s->entries, *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
    close(s->wake[0]);
    close(s->wake[1]);
    pthread_cond_destroy(&s->more);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

int schemas_wake_fd(const Schemas *s) {
    return s->wake[0];
}

void schemas_awake(Schemas *s) {
    char taken[64];
    while (read(s->wake[0], taken, sizeof taken) > 0) continue;
}

int64_t schemas_found(const Schemas *s) {
    Schemas *own = (Schemas *)s;
    pthread_mutex_lock(&own->lock);
    int64_t n = own->found;
    pthread_mutex_unlock(&own->lock);
    return n;
}

/* ---- the server's side ---- */

/* The file behind a source: what readers open, without the marks of its kind. */
static Stamp stamp_of(Arena *arena, const char *folder, const char *uri) {
    const char *path = uri;
    if (!strncmp(path, "file://", 7)) path += 7;
    if (!strncmp(path, "sqlite:", 7)) {
        path += 7;
        path = arena_strndup(arena, path, strcspn(path, "?"));
    }
    struct stat st;
    if (stat(script_relative(arena, folder, path), &st) != 0) return (Stamp){0};
    return (Stamp){true, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size};
}

static bool stamp_equal(Stamp a, Stamp b) {
    return a.exists == b.exists && a.seconds == b.seconds && a.nanoseconds == b.nanoseconds && a.size == b.size;
}

/* A source that is being typed leaves an entry a letter: the oldest go. */
static void forget_old(Schemas *s) {
    int kept = 0;
    for (Entry **at = &s->entries; *at;) {
        Entry *e = *at;
        if (++kept <= ENTRIES_MOST || e->reading) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        entry_free(e);
    }
}

static char *copy_text(const char *s) {
    Buf b = {0};
    buf_puts(&b, s);
    return buf_take(&b);
}

static void say_again(Diags *ds, const SourceDecl *decl, const Message *m) {
    Diag *d = m->data_file        ? diag_data(ds, m->code, decl->uri_span, m->data_file, m->data_line, "%s", m->text)
              : m->code[0] == 'W' ? diag_warn(ds, m->code, decl->uri_span, "%s", m->text)
                                  : diag_error(ds, m->code, decl->uri_span, "%s", m->text);
    if (m->help) diag_help(d, "%s", m->help);
}

/* What is known of an entry, into the arena of an analysis. false: nothing yet, or the messages why there is nothing.
 */
static bool tell(const Entry *e, Arena *arena, Diags *ds, const SourceDecl *decl, int *ncols, ColumnDecl **cols) {
    for (int i = 0; i < e->nmessages; i++) say_again(ds, decl, &e->messages[i]);
    if (!e->cols) return false;
    *ncols = e->ncols;
    *cols = arena_array(arena, ColumnDecl, e->ncols + 1);
    for (int i = 0; i < e->ncols; i++) {
        ColumnDecl *c = &(*cols)[i];
        *c = e->cols[i];
        c->name.text = arena_strdup(arena, c->name.text);
        c->format = c->format ? arena_strdup(arena, c->format) : NULL;
        c->header = c->header ? arena_strdup(arena, c->header) : NULL;
        c->null_text = c->null_text ? arena_strdup(arena, c->null_text) : NULL;
        c->name.span = c->type_span = decl->name.span;
    }
    return true;
}

bool schemas_lookup(void *schemas, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt, int *ncols,
                    ColumnDecl **cols) {
    Schemas *s = schemas;
    Stmt stmt = {.kind = ST_SOURCE, .source = (SourceDecl *)decl};
    Script one = {0};
    vec_push(arena, &one.stmts, &stmt);
    Buf text = {0};
    ast_print_script(&text, &one);
    Stamp stamp = stamp_of(arena, opt->base_dir, decl->uri);
    pthread_mutex_lock(&s->lock);
    Entry *e = s->entries;
    while (e && (strcmp(e->folder, opt->base_dir) != 0 || strcmp(e->text, text.data) != 0)) e = e->next;
    if (!e) {
        e = mem_alloc(sizeof *e);
        e->folder = copy_text(opt->base_dir);
        e->text = copy_text(text.data);
        e->next = s->entries;
        s->entries = e;
        e->wanted = true;
        forget_old(s);
    } else if (!stamp_equal(e->stamp, stamp)) {
        e->wanted = true;
    }
    e->stamp = stamp;
    if (e->wanted) pthread_cond_signal(&s->more);
    bool ok = e->known && tell(e, arena, ds, decl, ncols, cols);
    pthread_mutex_unlock(&s->lock);
    buf_free(&text);
    return ok;
}
