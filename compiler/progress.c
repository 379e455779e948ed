/* progress.c: the bar that long training shows on a terminal, and what ctrl-C does (contract: driver.h). */
#include "backends/runtime/table.h"
#include "compiler/driver.h"
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t interrupts;

static volatile sig_atomic_t staying;

static void on_signal(int number) {
    interrupts++;
    if (staying ? number == SIGTERM : interrupts > 1) {
        file_cleanup_temporaries();
        _exit(130);
    }
}

void interrupt_install(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_signal;
    sigemptyset(&a.sa_mask);
    a.sa_flags = SA_RESTART;
    if (sigaction(SIGINT, &a, NULL) != 0 || sigaction(SIGTERM, &a, NULL) != 0)
        fputs("amal: warning: signals cannot be caught; ctrl-C stops at once\n", stderr);
    signal(SIGPIPE, SIG_DFL);
    work_on_give_up(interrupt_requested);
}

void interrupt_stay(void) {
    staying = 1;
}

void interrupt_forget(void) {
    interrupts = 0;
}

bool interrupt_requested(void) {
    return interrupts > 0;
}

void progress_begin(Progress *p, const char *what, bool wanted) {
    *p = (Progress){.what = what, .wanted = wanted && isatty(STDERR_FILENO), .started = time_now()};
}

bool progress_update(void *user, int64_t done, int64_t total) {
    Progress *p = user;
    double now = time_now();
    if (p->wanted && now - p->started > 0.5 && now - p->last > 0.1) {
        p->last = now;
        p->shown = true;
        if (total > 0) {
            char bar[31];
            int filled = (int)(30.0 * (double)done / (double)total);
            for (int i = 0; i < 30; i++) bar[i] = i < filled ? '#' : '.';
            bar[30] = 0;
            double left = done > 0 ? (now - p->started) * (double)(total - done) / (double)done : 0;
            fprintf(stderr, "\r\033[K%s [%s] %lld of %lld, %.0f s left", p->what, bar, (long long)done,
                    (long long)total, left);
        } else {
            fprintf(stderr, "\r\033[K%s: iteration %lld, %.0f s", p->what, (long long)done, now - p->started);
        }
        fflush(stderr);
    }
    return interrupts == 0;
}

void progress_end(Progress *p) {
    if (p->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->shown = false;
}
