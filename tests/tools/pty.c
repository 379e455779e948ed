/* pty.c: runs a program on a terminal of its own and types into it, for tests of what people see.
 *
 *   pty SCRIPT PROGRAM ARGUMENTS…      lines of the script:
 *     size ROWS COLUMNS, term NAME, env NAME=VALUE   before the first of the others
 *     type TEXT     with \t \r \n \e \xNN \\        (\x03 is ctrl-C, \x04 ctrl-D)
 *     wait TEXT     until the screen shows it; an error after ten seconds
 *     still         until the program waits and has written nothing for a while
 *     screen        prints the screen, `>` where the cursor's row is
 *     colours       the same with colours as <35> … <0>
 *     resize ROWS COLUMNS
 *     end           waits for the program to end and prints its exit code
 *   Lines that begin with # are comments.
 *
 * The screen understands what terminals of the xterm family are sent by line editors: motions, erasing, inserting and
 * deleting characters, saving the cursor, colours; wide characters take two places. Exit code 1: something went wrong,
 * which is said on standard output. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

enum { MOST_ROWS = 100, MOST_COLUMNS = 250, WAIT_MS = 10000, STILL_MS = 50 };

typedef struct Cell {
    char text[20]; /* UTF-8, with combining marks; empty: the second half of a wide character */
    int colour;    /* SGR parameter, 0: plain */
} Cell;
typedef struct Place {
    int row, column;
} Place;

static Cell cells[MOST_ROWS][MOST_COLUMNS];
static Place at, saved;
static bool wrap_pending;
static int rows = 24, columns = 80, colour;
static int terminal = -1;
static pid_t child;

_Noreturn static void die(const char *what, const char *detail) {
    printf("pty: %s%s%s\n", what, *detail ? ": " : "", detail);
    if (child > 0) kill(child, SIGKILL);
    exit(1);
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---------------- the screen ---------------- */

static void blank(Cell *c) {
    strcpy(c->text, " ");
    c->colour = 0;
}

static void clear_screen(void) {
    for (int r = 0; r < MOST_ROWS; r++)
        for (int c = 0; c < MOST_COLUMNS; c++) blank(&cells[r][c]);
}

static void line_feed(void) {
    if (at.row + 1 < rows) {
        at.row++;
        return;
    }
    memmove(cells[0], cells[1], sizeof cells[0] * (size_t)(rows - 1));
    for (int c = 0; c < MOST_COLUMNS; c++) blank(&cells[rows - 1][c]);
}

static void put(const char *utf8, int width) {
    if (width == 0) { /* a combining mark joins what stands before it */
        Cell *c = &cells[at.row][at.column ? at.column - 1 : 0];
        if (strlen(c->text) + strlen(utf8) < sizeof c->text) strcat(c->text, utf8);
        return;
    }
    if (wrap_pending || at.column + width > columns) {
        at.column = 0;
        line_feed();
        wrap_pending = false;
    }
    Cell *c = &cells[at.row][at.column];
    strcpy(c->text, utf8);
    c->colour = colour;
    if (width == 2) cells[at.row][at.column + 1].text[0] = 0;
    at.column += width;
    if (at.column >= columns) {
        at.column = columns - 1;
        wrap_pending = true;
    }
}

static int least(int a, int b) {
    return a < b ? a : b;
}

static void erase(int from, int to) {
    for (int c = from; c < to && c < columns; c++) blank(&cells[at.row][c]);
}

/* CSI p… final */
static void control(char final, const int *p, int n) {
    int one = n && p[0] ? p[0] : 1, zero = n ? p[0] : 0;
    Cell *row = cells[at.row];
    wrap_pending = false;
    switch (final) {
    case 'A': at.row = at.row > one ? at.row - one : 0; break;
    case 'B': at.row = least(at.row + one, rows - 1); break;
    case 'C': at.column = least(at.column + one, columns - 1); break;
    case 'D': at.column = at.column > one ? at.column - one : 0; break;
    case 'G': at.column = least(one, columns) - 1; break;
    case 'H': at = (Place){least(one, rows) - 1, least(n > 1 && p[1] ? p[1] : 1, columns) - 1}; break;
    case 'J':
        erase(zero == 0 ? at.column : 0, columns);
        for (int r = zero == 2 ? 0 : at.row + 1; r < rows; r++)
            for (int c = 0; c < columns; c++) blank(&cells[r][c]);
        break;
    case 'K': erase(zero == 0 ? at.column : 0, zero == 1 ? at.column + 1 : columns); break;
    case 'P':
        one = least(one, columns - at.column);
        memmove(row + at.column, row + at.column + one, sizeof(Cell) * (size_t)(columns - at.column - one));
        erase(columns - one, columns);
        break;
    case '@':
        one = least(one, columns - at.column);
        memmove(row + at.column + one, row + at.column, sizeof(Cell) * (size_t)(columns - at.column - one));
        erase(at.column, at.column + one);
        break;
    case 'm':
        for (int i = 0; i < n || i == 0; i++) colour = n ? p[i] : 0;
        if (colour == 39) colour = 0;
        break;
    case 'h':
    case 'l':
    case 'r': break;
    default: {
        char text[32];
        snprintf(text, sizeof text, "CSI %c", final);
        die("a sequence that this screen does not know", text);
    }
    }
}

/* Takes bytes as they come; a sequence may be cut anywhere. */
static void show(unsigned char b) {
    static char pending[64];
    static size_t n;
    pending[n++] = (char)b;
    pending[n] = 0;
    if (n + 1 == sizeof pending) die("a sequence that has no end", "");
    unsigned char first = (unsigned char)pending[0];
    if (first == 0x1b) {
        if (n < 2) return;
        if (pending[1] == '[') {
            if (n < 3 || !isalpha(b) ? b != '@' || n < 3 : false) return;
            int p[8] = {0}, count = 0;
            for (const char *s = pending + 2; *s && count < 8; s++)
                if (isdigit((unsigned char)*s)) {
                    p[count++] = (int)strtol(s, (char **)&s, 10);
                    s--;
                }
            control((char)b, p, count);
        } else if (pending[1] == '7') {
            saved = at;
        } else if (pending[1] == '8') {
            at = saved;
            wrap_pending = false;
        } else if (strchr("()", pending[1]) && n < 3) {
            return;
        }
        n = 0;
        return;
    }
    size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (n < want) return;
    n = 0;
    if (first >= 0x20 && first != 0x7f) {
        wchar_t c = 0xfffd;
        mbstate_t state = {0};
        (void)mbrtowc(&c, pending, want, &state);
        int width = wcwidth(c);
        put(pending, width < 0 ? 1 : width);
        return;
    }
    wrap_pending = wrap_pending && first != '\r' && first != '\n' && first != '\b';
    if (first == '\r') at.column = 0;
    if (first == '\n') line_feed();
    if (first == '\b' && at.column) at.column--;
    if (first == '\t') at.column = least((at.column / 8 + 1) * 8, columns - 1);
}

/* ---------------- the program ---------------- */

/* Reads what there is for at most so long. false: nothing came. */
static bool pump(int ms) {
    struct pollfd p = {.fd = terminal, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0) return false;
    unsigned char bytes[4096];
    ssize_t n = read(terminal, bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++) show(bytes[i]);
    return n > 0;
}

static void row_text(int r, bool colours, char *out) {
    int last = columns, paint = 0;
    while (last > 0 && strcmp(cells[r][last - 1].text, " ") == 0) last--;
    *out = 0;
    for (int c = 0; c < last; c++) {
        if (colours && cells[r][c].colour != paint && cells[r][c].text[0])
            out += sprintf(out, "<%d>", paint = cells[r][c].colour);
        out += sprintf(out, "%s", cells[r][c].text);
    }
    if (colours && paint) sprintf(out, "<0>");
}

static bool shows(const char *text) {
    char row[MOST_COLUMNS * 24];
    for (int r = 0; r < rows; r++) {
        row_text(r, false, row);
        if (strstr(row, text)) return true;
    }
    return false;
}

static void print_screen(bool colours) {
    char row[MOST_COLUMNS * 24];
    int last = rows;
    for (; last > 0; last--) {
        row_text(last - 1, false, row);
        if (*row || at.row == last - 1) break;
    }
    puts("--------");
    for (int r = 0; r < last; r++) {
        row_text(r, colours, row);
        printf("%c%s\n", r == at.row ? '>' : ' ', row);
    }
}

static void start(char **command, const char *term) {
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    setenv("TERM", term, 1);
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child < 0) die("no terminal", strerror(errno));
    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
}

static void type(const char *s) {
    for (; *s; s++) {
        char c = *s;
        if (c == '\\' && s[1]) {
            c = *++s;
            if (c == 'x') {
                c = (char)strtol((char[]){s[1], s[2], 0}, NULL, 16);
                s += 2;
            } else
                c = c == 't' ? '\t' : c == 'r' ? '\r' : c == 'n' ? '\n' : c == 'e' ? 27 : c;
        }
        if (write(terminal, &c, 1) != 1) die("cannot type", strerror(errno));
    }
}

static void wait_for(const char *text) {
    for (long end = now_ms() + WAIT_MS; !shows(text);) {
        if (now_ms() > end) {
            print_screen(false);
            die("this never came", text);
        }
        if (!pump(50) && waitpid(child, NULL, WNOHANG) > 0) die("the program ended before this came", text);
    }
}

/* Does the program wait for something, and not for a processor? */
static bool sleeps(void) {
    char path[64], state = 'S';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *f = fopen(path, "r");
    if (!f) return true; /* it ended, or this system has no such files */
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'S';
    fclose(f);
    return state == 'S' || state == 'Z';
}

static void wait_still(void) {
    long end = now_ms() + WAIT_MS;
    while ((pump(STILL_MS) || !sleeps()) && now_ms() < end) continue;
}

static void wait_end(void) {
    int status = 0;
    for (long end = now_ms() + WAIT_MS; now_ms() < end;) {
        (void)pump(20);
        if (waitpid(child, &status, WNOHANG) != child) continue;
        while (pump(20)) continue;
        if (WIFEXITED(status))
            printf("exit code %d\n", WEXITSTATUS(status));
        else
            printf("ended by signal %d\n", WTERMSIG(status));
        child = 0;
        return;
    }
    die("the program does not end", "");
}

static bool before_start(char *line, char *term, size_t room) {
    if (strncmp(line, "size ", 5) == 0) {
        if (sscanf(line + 5, "%d %d", &rows, &columns) != 2 || rows > MOST_ROWS || columns > MOST_COLUMNS)
            die("a bad size", line);
    } else if (strncmp(line, "term ", 5) == 0) {
        snprintf(term, room, "%s", line + 5);
    } else if (strncmp(line, "env ", 4) == 0) {
        char *value = strchr(line, '=');
        if (!value) die("a bad variable", line);
        *value = 0;
        setenv(line + 4, value + 1, 1);
    } else
        return false;
    return true;
}

int main(int argc, char **argv) {
    if (argc < 3) die("usage: pty SCRIPT PROGRAM ARGUMENTS", "");
    FILE *script = fopen(argv[1], "r");
    if (!script) die(argv[1], strerror(errno));
    if (!setlocale(LC_CTYPE, "C.UTF-8")) die("no locale C.UTF-8", "");
    clear_screen();
    char *line = NULL, term[64] = "xterm";
    size_t room = 0;
    ssize_t n;
    bool started = false;
    while ((n = getline(&line, &room, script)) >= 0) {
        if (n && line[n - 1] == '\n') line[n - 1] = 0;
        if (!*line || *line == '#') continue;
        if (!started && before_start(line, term, sizeof term)) continue;
        if (!started) start(argv + 2, term);
        started = true;
        if (strncmp(line, "type ", 5) == 0)
            type(line + 5);
        else if (strncmp(line, "wait ", 5) == 0)
            wait_for(line + 5);
        else if (strcmp(line, "still") == 0)
            wait_still();
        else if (strcmp(line, "screen") == 0 || strcmp(line, "colours") == 0)
            print_screen(*line == 'c');
        else if (strncmp(line, "resize ", 7) == 0) {
            if (sscanf(line + 7, "%d %d", &rows, &columns) != 2) die("a bad size", line);
            struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
            if (ioctl(terminal, TIOCSWINSZ, &size) != 0) die("cannot resize", strerror(errno));
        } else if (strcmp(line, "end") == 0)
            wait_end();
        else
            die("what is this", line);
    }
    if (child > 0) {
        kill(child, SIGKILL);
        die("the script ended before the program", "");
    }
    free(line);
    fclose(script);
    return 0;
}
