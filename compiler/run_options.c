/* run_options.c: what a script's `option` statements ask of a run. The command line has the last word; of several
 * statements about one option the last counts. max_rows and egd belong to the mapping, which reads them itself. Values
 * were checked by resolve. */
#include "backends/runtime/kernels.h"
#include "compiler/resolve_internal.h"
#include "compiler/run_internal.h"
#include "compiler/words.h"

static const char *word_of(const Expr *v) {
    return v && (v->kind == EX_NAME || v->kind == EX_STR) ? v->text : "";
}

RunOptions run_options_settle(const Program *p, const RunOptions *given) {
    int nstrategies;
    const char *const *strategies = words_at(WORDS_STRATEGY_VALUES, &nstrategies); /* as enum Strategy */
    RunOptions o = *given;
    for (int i = 0; i < p->steps.len; i++) {
        const Stmt *s = p->steps.data[i];
        if (s->kind != ST_OPTION) continue;
        const char *name = s->option.name.text;
        const Expr *number = resolve_constant(p, s->option.value);
        if (!strcmp(name, "threads") && !given->threads && number && number->kind == EX_NUM)
            o.threads = number->num < 1024 ? (int)number->num : 1024;
        if (!strcmp(name, "backend") && !given->backend) o.backend = word_of(s->option.value);
        if (!strcmp(name, "precision") && !given->precision) o.precision = word_of(s->option.value);
        if (!strcmp(name, "deterministic")) o.any_order = !strcmp(word_of(s->option.value), "off");
        if (!strcmp(name, "sort") && !given->sort_by) {
            o.sort = word_of(s->option.value);
            o.sort_by = "option sort";
        }
        if (!strcmp(name, "absorb") && !given->absorb_by) {
            o.absorb = word_of(s->option.value);
            o.absorb_by = "option absorb";
        }
        for (int k = 0; !strcmp(name, "strategy") && !given->strategy_by && k < nstrategies; k++)
            if (!strcmp(strategies[k], word_of(s->option.value))) {
                o.strategy = (Strategy)k;
                o.strategy_by = "option strategy";
            }
    }
    if (!o.threads) o.threads = thread_default_count();
    return o;
}
