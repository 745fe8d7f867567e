/* est: policies in Cedar's JSON form, in and out. */
#ifndef AMBIT_CEDAR_EST_H
#define AMBIT_CEDAR_EST_H

#include "cedar/value_json.h"

/* One policy or template: {"effect","principal","action","resource","conditions","annotations"?}. Appended to `ast` under `id`
 * (copied). What is read is copied or lives in the tree's arena; the JSON may go. E_BAD_POLICY, E_LIMIT, E_NO_MEMORY with *d. */
status cedar_policy_from_json(const struct json *v, span id, struct cedar_ast *ast, struct cedar_diag *d);

/* {"staticPolicies":{id:policy},"templates":{…},"templateLinks":[{"templateId","newId","values"}]}; all three may be absent.
 * Gives a new tree, which the caller unrefs. */
status cedar_policies_from_json(const struct json *v, span file, struct cedar_ast **ret, struct cedar_diag *d);
/* The same from text; a single policy object is taken too, as "policy0". `limits` may be NULL. */
status cedar_parse_policies_json(span text, span file, const struct cedar_limits *limits, struct cedar_ast **ret, struct cedar_diag *d);

/* Writers; errors are the buffer's. A link is written as the static policy that it stands for. */
void cedar_policy_to_json(const struct cedar_policy *p, struct json_writer *w);
void cedar_expr_to_json(const struct cedar_expr *x, struct json_writer *w);
/* The whole set, with its templates and links. */
void cedar_policies_to_json(const struct cedar_ast *ast, struct json_writer *w);

#endif
