/* parse: Cedar policy text to trees. */
#ifndef AMBIT_CEDAR_PARSE_H
#define AMBIT_CEDAR_PARSE_H

#include "cedar/ast.h"

struct cedar_limits {
	size_t text;             /* bytes of source; 0: CEDAR_MAX_TEXT */
	size_t memory;           /* bytes of tree; 0: 256 * text + 1 MiB */
	uint32_t policies;       /* 0: no limit but the text's */
};

/* Parses policies and templates; ids are policy0, policy1 … in order, starting at `first_id`. The text and the file name are
 * copied. Fails with E_BAD_POLICY, E_BAD_UTF8 or E_LIMIT and a filled *d, or E_NO_MEMORY; nothing is given then.
 * `limits` may be NULL. The caller unrefs the result. */
status cedar_parse_policies(span text, span file, uint32_t first_id, const struct cedar_limits *limits,
                            struct cedar_ast **ret, struct cedar_diag *d);

/* One expression with nothing after it, for tools and tests; *ret_ast owns it. */
status cedar_parse_expr(span text, struct cedar_ast **ret_ast, const struct cedar_expr **ret, struct cedar_diag *d);

#endif
