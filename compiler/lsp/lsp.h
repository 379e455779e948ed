/* lsp.h: the language server, `amal lsp`: what editors ask about scripts that are open in them.
 *
 * Speaks JSON-RPC 2.0 and the Language Server Protocol 3.17 over two descriptors. Offers diagnostics while typing,
 * hover, completion, definitions, document symbols, quick fixes and formatting; answers every other request with
 * "method not found".
 *
 * It reads no data: a source without a column block is read for its schema in a second thread, once a state of its
 * file, and what depends on it is checked when it is known. It ends with the connection; a message that is broken, too
 * large or unknown is answered or logged and never ends it. */
#ifndef AMAL_LSP_H
#define AMAL_LSP_H
#include <stdio.h>

/* Serves until `exit` or the end of the input; standard output is the client's and nothing else writes to it. Returns
 * the exit code: 0 after `shutdown`, else 1. */
int lsp_run(int in, FILE *out);
#endif
