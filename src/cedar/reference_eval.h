/* reference_eval: a second evaluator, slow and literal, for tests only.
 *
 * It walks the tree as it was written, after the rules of the language and nothing else: no index, no hashes, no order of set
 * elements, no stored closures, no folding. What it shares with the engine are the values and the extension functions. */
#ifndef AMBIT_CEDAR_REFERENCE_EVAL_H
#define AMBIT_CEDAR_REFERENCE_EVAL_H

#include "cedar/cedar.h"

enum cedar_verdict { CEDAR_VERDICT_FALSE, CEDAR_VERDICT_TRUE, CEDAR_VERDICT_ERROR };

/* A policy's head and conditions against a request. `entities` is only asked for single entities and their parents. */
enum cedar_verdict cedar_reference_policy(const struct cedar_policy *p, const struct cedar_entities *entities,
                                          const struct cedar_request *r, struct arena *a);
/* An expression; CEDAR_NONE is an error. */
struct cedar_value cedar_reference_expr(const struct cedar_expr *x, const struct cedar_entities *entities,
                                        const struct cedar_request *r, struct arena *a);

#endif
