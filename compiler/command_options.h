/* command_options.h: the setters that rows of commands.def name. For command.c and command_options.c. */
#ifndef AMAL_COMMAND_OPTIONS_H
#define AMAL_COMMAND_OPTIONS_H
#include "compiler/command.h"

int set_backend(Invocation *v, const char *x);
int set_disable(Invocation *v, const char *x);
int set_dump_after(Invocation *v, const char *x);
int set_json(Invocation *v, const char *x);
int set_precision(Invocation *v, const char *x);
int set_profile(Invocation *v, const char *x);
int set_html(Invocation *v, const char *x);
int set_dump_cuda(Invocation *v, const char *x);
int set_gpu_arch(Invocation *v, const char *x);
int set_keep_c(Invocation *v, const char *x);
int set_max_rows(Invocation *v, const char *x);
int set_no_cache(Invocation *v, const char *x);
int set_param(Invocation *v, const char *x);
int set_quiet(Invocation *v, const char *x);
int set_absorb(Invocation *v, const char *x);
int set_sort(Invocation *v, const char *x);
int set_strategy(Invocation *v, const char *x);
int set_threads(Invocation *v, const char *x);
int set_warning(Invocation *v, const char *x);
#endif
