/* lsp_client.c: drives `amal lsp` over its standard input and output and prints what it says, for tests/run_tests.sh.
 *
 *   lsp_client AMAL CONVERSATION
 *
 * A conversation is lines; `$HERE` in them is the URI of the folder in which the client runs, and stands for it in what
 * is printed: # …             a comment open FILE       sends didOpen with the lines up to `.` as the text, and waits
 * for its diagnostics change V JSON   sends didChange of the last opened document: version V, the list of changes;
 * waits for its diagnostics call N METHOD PARAMS   sends a request and waits for the answer; PARAMS may begin with `at
 * L:C` for a position in the last opened document send JSON       sends a message and waits for nothing wait waits for
 * a message raw TEXT        sends bytes as they are; \r \n \\ are escapes big N           sends a header for a body of
 * N bytes and as many blanks quiet METHOD    messages with this method are not printed any more end             closes
 * the connection; prints the exit code of the server Prints every message that arrives, in order, laid out in lines.
 * Gives up after 20 seconds without a message that it waits for. */
#include "compiler/json.h"
#include "compiler/diag.h"
#include "compiler/lsp/lsp_internal.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_server;
static Transport from_server;
static pid_t server;
static char folder[4096], *here;
static char *uri;  /* of the document opened last */
static Buf opened; /* its text */
static char quiet[64];

static _Noreturn void stop(const char *what) {
    fflush(stdout);
    fprintf(stderr, "lsp_client: %s\n", what);
    kill(server, SIGKILL);
    exit(1);
}
static void too_late(int signal) {
    (void)signal;
    static const char text[] = "lsp_client: nothing comes\n";
    if (write(2, text, sizeof text - 1) < 0) _exit(2);
    kill(server, SIGKILL);
    _exit(1);
}

static void send_bytes(const char *s, size_t n) {
    while (n) {
        ssize_t wrote = write(to_server, s, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) stop("the server does not listen");
        s += wrote;
        n -= (size_t)wrote;
    }
}
static void send_body(const char *s, size_t n) {
    char header[64];
    send_bytes(header, (size_t)snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", n));
    send_bytes(s, n);
}
static void send_text(const char *s) {
    send_body(s, strlen(s));
}

/* ---- printing ---- */
static void flat(Buf *out, const Json *j) {
    switch (j->kind) {
    case JSON_NULL: buf_puts(out, "null"); break;
    case JSON_BOOL: buf_puts(out, j->truth ? "true" : "false"); break;
    case JSON_NUMBER: buf_printf(out, "%.15g", j->number); break;
    case JSON_TEXT: {
        const char *at = strstr(j->text, here), *from = at ? here : folder;
        if (!at) at = strstr(j->text, folder);
        if (!at) {
            diag_json_text(out, j->text);
            break;
        }
        Buf b = {0};
        buf_add(&b, j->text, (size_t)(at - j->text));
        buf_printf(&b, "%s%s", from == here ? "$HERE" : "$FOLDER", at + strlen(from));
        diag_json_text(out, b.data);
        buf_free(&b);
        break;
    }
    default:
        buf_puts(out, j->kind == JSON_LIST ? "[" : "{");
        for (int i = 0; i < j->count; i++) {
            if (i) buf_puts(out, ", ");
            if (j->kind == JSON_OBJECT) {
                flat(out, &j->names[i]);
                buf_puts(out, ": ");
            }
            flat(out, &j->items[i]);
        }
        buf_puts(out, j->kind == JSON_LIST ? "]" : "}");
    }
}
/* Lists and objects that do not fit a line get a line an item. */
static void laid_out(const Json *j, int indent) {
    Buf b = {0};
    flat(&b, j);
    if (b.len + (size_t)indent <= 118 || (j->kind != JSON_LIST && j->kind != JSON_OBJECT)) {
        fputs(b.data, stdout);
        buf_free(&b);
        return;
    }
    buf_free(&b);
    puts(j->kind == JSON_LIST ? "[" : "{");
    for (int i = 0; i < j->count; i++) {
        printf("%*s", indent + 2, "");
        if (j->kind == JSON_OBJECT) {
            Buf name = {0};
            flat(&name, &j->names[i]);
            printf("%s: ", name.data);
            buf_free(&name);
        }
        laid_out(&j->items[i], indent + 2);
        puts(i + 1 < j->count ? "," : "");
    }
    printf("%*s%s", indent, "", j->kind == JSON_LIST ? "]" : "}");
}

/* The next message, printed; false: the server ended. Does it answer request `id`, is it the notification `method`,
 * does it hold `text` (others are then not printed)? */
static bool receive(const char *id, const char *method, const char *text, bool *is_it) {
    const char *body, *why;
    size_t len, at;
    WireState state;
    alarm(20);
    while ((state = transport_next(&from_server, &body, &len, &why)) == WIRE_NOTHING) {
        if (from_server.ended) return false;
        transport_fill(&from_server, true, -1);
    }
    alarm(0);
    if (state == WIRE_BROKEN) stop(why);
    Arena *arena = arena_new();
    const Json *j = json_parse(arena, body, len, &why, &at);
    if (!j) stop("the server sent what is no JSON");
    Buf name = {0};
    const Json *has = json_member(j, "id");
    if (has) flat(&name, has);
    const char *is = json_text(json_member(j, "method"));
    *is_it = (id && has && !strcmp(name.data, id)) || (method && is && !strcmp(is, method));
    buf_free(&name);
    if (text) {
        Buf all = {0};
        flat(&all, j);
        *is_it = strstr(all.data, text) != NULL;
        buf_free(&all);
    }
    if ((!is || strcmp(is, quiet) != 0) && (!text || *is_it)) {
        laid_out(j, 0);
        puts("");
    }
    arena_free(arena);
    return true;
}
static void await(const char *id, const char *method, const char *text) {
    bool is_it = false;
    while (!is_it)
        if (!receive(id, method, text, &is_it)) stop("the server ended");
}

/* ---- the conversation ---- */
static char *line;
static size_t line_room;
static FILE *conversation;

/* The next line with $HERE filled in. Heap; NULL: the end. */
static char *next_line(void) {
    ssize_t n = getline(&line, &line_room, conversation);
    if (n < 0) return NULL;
    if (n && line[n - 1] == '\n') line[--n] = 0;
    Buf b = {0};
    buf_puts(&b, "");
    const char *s = line;
    for (const char *at; (at = strstr(s, "$HERE")); s = at + 5) {
        buf_add(&b, s, (size_t)(at - s));
        buf_puts(&b, here);
    }
    buf_puts(&b, s);
    return buf_take(&b);
}

static void do_open(const char *file) {
    Buf b = {0}, name = {0};
    opened.len = 0;
    buf_puts(&opened, "");
    for (char *l; (l = next_line()) && strcmp(l, ".") != 0; mem_free(l)) buf_printf(&opened, "%s\n", l);
    buf_printf(&name, "%s/%s", here, file);
    mem_free(uri);
    uri = buf_take(&name);
    buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/didOpen\",\"params\":{\"textDocument\":{\"uri\":");
    diag_json_text(&b, uri);
    buf_puts(&b, ",\"languageId\":\"amal\",\"version\":1,\"text\":");
    diag_json_text(&b, opened.data);
    buf_puts(&b, "}}}");
    send_text(b.data);
    buf_free(&b);
    await(NULL, "textDocument/publishDiagnostics", NULL);
}

static void do_change(char *rest) {
    char *changes;
    long version = strtol(rest, &changes, 10);
    Buf b = {0};
    buf_printf(
        &b,
        "{\"jsonrpc\":\"2.0\",\"method\":\"textDocument/didChange\",\"params\":{\"textDocument\":{\"uri\":\"%s\","
        "\"version\":%ld},\"contentChanges\":%s}}",
        uri, version, changes);
    send_text(b.data);
    buf_free(&b);
    await(NULL, "textDocument/publishDiagnostics", NULL);
}

/* `L:C`, or a text with a bar. */
static Position place(const char *s) {
    unsigned row, column;
    if (sscanf(s, "%u:%u", &row, &column) == 2) return (Position){row, column};
    const char *bar = strchr(s, '|');
    if (!bar) stop("a place has a bar");
    Buf text = {0};
    buf_add(&text, s, (size_t)(bar - s));
    buf_puts(&text, bar + 1);
    const char *at = strstr(opened.data, text.data);
    if (!at) stop("no such place");
    buf_free(&text);
    return position_of(opened.data, opened.len, (size_t)(at - opened.data) + (size_t)(bar - s), UNITS_UTF16);
}

static void do_call(char *rest) {
    char id[32], method[64];
    int used = 0;
    if (sscanf(rest, "%31s %63s %n", id, method, &used) < 2) stop("call N METHOD PARAMS");
    const char *params = rest + used;
    Buf b = {0};
    buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"%s\",\"params\":", id, method);
    if (strncmp(params, "at ", 3) == 0) {
        Position at = place(params + 3);
        buf_printf(&b,
                   "{\"textDocument\":{\"uri\":\"%s\"},\"position\":{\"line\":%u,\"character\":%u},"
                   "\"context\":{\"includeDeclaration\":true}}",
                   uri, at.line, at.character);
    } else {
        buf_puts(&b, *params ? params : "{}");
    }
    buf_puts(&b, "}");
    send_text(b.data);
    buf_free(&b);
    await(id, NULL, NULL);
}

/* In one write, so that the server has it at once. */
static void do_raw(const char *s) {
    Buf b = {0};
    for (; *s; s++) {
        char c = *s;
        if (c == '\\' && s[1]) {
            s++;
            c = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s;
        }
        buf_add(&b, &c, 1);
    }
    send_bytes(b.data, b.len);
    buf_free(&b);
}

static void do_big(size_t n) {
    char header[64], blanks[4096];
    memset(blanks, ' ', sizeof blanks);
    send_bytes(header, (size_t)snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", n));
    for (size_t k; n; n -= k) send_bytes(blanks, k = n < sizeof blanks ? n : sizeof blanks);
}

static void do_end(void) {
    bool any;
    close(to_server);
    while (receive(NULL, NULL, NULL, &any)) continue;
    alarm(0);
    int status;
    if (waitpid(server, &status, 0) < 0) stop("waitpid");
    if (WIFEXITED(status))
        printf("exit code %d\n", WEXITSTATUS(status));
    else
        printf("killed by signal %d\n", WTERMSIG(status));
}

static void step(char *l) {
    static const struct {
        const char *word;
        int n;
    } words[] = {{"open ", 5}, {"change ", 7}, {"call ", 5}, {"send ", 5}, {"raw ", 4},
                 {"big ", 4},  {"quiet ", 6},  {"wait", 4},  {"end", 3},   {"settle ", 7}};
    int k = 0;
    while (k < 10 && strncmp(l, words[k].word, (size_t)words[k].n) != 0) k++;
    bool any;
    switch (k) {
    case 0: do_open(l + 5); break;
    case 1: do_change(l + 7); break;
    case 2: do_call(l + 5); break;
    case 3: send_text(l + 5); break;
    case 4: do_raw(l + 4); break;
    case 5: do_big(strtoul(l + 4, NULL, 10)); break;
    case 6: snprintf(quiet, sizeof quiet, "%s", l + 6); break;
    case 7:
        if (!receive(NULL, NULL, NULL, &any)) stop("the server ended");
        break;
    case 8: do_end(); break;
    case 9: await(NULL, NULL, l + 7); break;
    default: stop("a line that is none of the conversation's words");
    }
}

int main(int argc, char **argv) {
    if (argc != 3 || !(conversation = fopen(argv[2], "r"))) return 2;
    int in[2], out[2];
    if (!getcwd(folder, sizeof folder) || pipe(in) != 0 || pipe(out) != 0) return 2;
    here = uri_of_path(folder);
    signal(SIGALRM, too_late);
    signal(SIGPIPE, SIG_IGN);
    server = fork();
    if (server < 0) return 2;
    if (server == 0) {
        if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0) _exit(127);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execl(argv[1], argv[1], "lsp", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_server = in[1];
    from_server.fd = out[0];
    for (char *l; (l = next_line()); mem_free(l)) {
        if (!*l || *l == '#') continue;
        step(l);
    }
    free(line);
    fclose(conversation);
    return 0;
}
