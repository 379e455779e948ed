/* script.h: from a file's name to a checked program: reads the script and the standard library, parses, resolves,
 * checks shapes.
 *
 * The standard library is compiled into the program (stdlib_files, made from stdlib/ by the Makefile); AMAL_STDLIB=DIR
 * reads DIR's *.amal instead. Errors: E450 a file that cannot be read, E119 a --set that names no param or gives no
 * value; and everything the parser, resolve and typecheck report. */
#ifndef AMAL_SCRIPT_H
#define AMAL_SCRIPT_H
#include "compiler/program.h"

typedef struct StdlibFile {
    const char *path, *text;
} StdlibFile;
extern const StdlibFile stdlib_files[]; /* ends with {NULL, NULL} */

/* Whole file in the arena, NUL after the last byte; at most `limit` bytes. NULL: *why says what is wrong. "-" is
 * standard input. */
#define SCRIPT_MAX_BYTES ((size_t)64 << 20)
char *script_read_file(Arena *arena, const char *path, size_t limit, size_t *len, const char **why);
/* Parses the file at `path`. NULL: it could not be read (reported). */
Script *script_parse(Arena *arena, Diags *ds, const char *path);
/* The standard library's files, parsed. False: one cannot be read (reported); errors in one are reported too. */
typedef VEC(Script *) ScriptVec;
bool script_stdlib(Arena *arena, Diags *ds, ScriptVec *out);
/* --set NAME=value becomes the param's default, so that everything that reads params sees it. all: a name that is no
 * param is an error (E119). */
void script_apply_settings(Arena *arena, Diags *ds, Script *s, int n, const Setting *settings, bool all);
/* All of it; settings replace the defaults of the script's params. Reported: NULL or diag_error_count() > 0. */
Program *script_open(Arena *arena, Diags *ds, const char *path, int nsettings, const Setting *settings);
/* The same from a text that is being edited and has a place in the file system: goes on where script_open() stops, so
 * that as much as possible is known of a script with errors, and notes shapes. The first *said messages are to be
 * shown: those behind them only follow from statements that cannot be read. The options live as long as the program. */
Program *script_open_text(Arena *arena, Diags *ds, const char *path, const char *text, size_t len,
                          const ResolveOptions *options, int *said);
/* The program that a built one carries; its paths are relative to `folder`. */
Script *script_parse_carried(Arena *arena, Diags *ds, const struct AmalProgram *carried);
Program *script_open_carried(Arena *arena, Diags *ds, const struct AmalProgram *carried, const char *folder,
                             int nsettings, const Setting *settings);
/* The folder part of a path ("." when there is none), in the arena. */
const char *script_folder(Arena *arena, const char *path);
/* The file of a source's address ("data.csv", "sqlite:shop.db?table=orders"), in the arena. */
const char *script_source_file(Arena *arena, const char *base_dir, const char *uri);
/* Both are there, and the same file, by whatever names; NULL is none. */
bool script_is_one_file(const char *a, const char *b);
/* What of the program is the file at `path`: "the script", "the file of the source `x`"; in the arena. NULL: nothing.
 */
const char *script_part_at(Arena *arena, const Program *p, const char *path);
/* `file` as the script means it: relative to the script's folder, in the arena. */
const char *script_relative(Arena *arena, const char *base_dir, const char *file);
#endif
