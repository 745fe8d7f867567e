#include "core/core_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* Annotations that mean something here; any other refuses activation, so that a misspelled one is not silently nothing. */
static const char *const known[] = { "id", "approval", "mode", "reason", "advice" };

const char *rule_annotation(size_t i) { return i < ARRAY_LEN(known) ? known[i] : NULL; }

bool
quorum_parse(span s, struct quorum *ret)
{
	size_t colon = span_find(s, ':');
	uint64_t n = 1;
	if (colon < s.n && (!span_to_u64(span_sub(s, colon + 1, s.n), &n) || n < 1 || n > APPROVAL_GRANTS))
		return false;
	*ret = (struct quorum){ span_sub(s, 0, colon), (uint32_t)n };
	if (!ret->group.n || ret->group.n > OBJECT_NAME_MAX)
		return false;
	for (size_t i = 0; i < ret->group.n; i++)
		if (ret->group.p[i] <= ' ' || ret->group.p[i] == ',' || ret->group.p[i] == '"')
			return false;
	return true;
}

span rule_text(const struct rule *r) { return span_sub(r->policy->ast->text, r->policy->pos.offset, r->policy->end - r->policy->pos.offset); }

static status
read_quorums(struct rule *r, span s, struct cedar_diag *d)
{
	while (s.n) {
		size_t comma = span_find(s, ',');
		if (r->quorum_n == ARRAY_LEN(r->quorums) || !quorum_parse(span_sub(s, 0, comma), &r->quorums[r->quorum_n]))
			return cedar_diag_set(d, E_BAD_POLICY, r->policy->pos, "write @approval(\"group:count\")",
			                      "`@approval` does not name groups and counts");
		r->quorum_n++;
		s = span_sub(s, comma + 1, s.n);
	}
	if (!r->quorum_n)
		return cedar_diag_set(d, E_BAD_POLICY, r->policy->pos, "write @approval(\"group:count\")", "`@approval` names nobody");
	return OK;
}

static status
rule_json(struct policy_set *p, struct rule *r)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kstr(&w, "policy", r->file);
	json_w_kint(&w, "line", r->line);
	json_w_kstr(&w, "id", r->id);
	json_w_kcstr(&w, "effect", r->forbid ? "forbid" : "permit");
	json_w_obj_end(&w);
	TRY(buf_finish(&b));
	r->json = arena_copy(&p->arena, buf_span(&b));
	ENSURE(arena_ok(&p->arena), E_NO_MEMORY);
	return OK;
}

static status
read_rule(struct policy_set *p, const struct cedar_policy *h, struct rule *r, struct cedar_diag *d)
{
	span v;
	r->policy = h;
	r->file = cedar_policy_file(h);
	r->line = h->pos.line;
	r->forbid = h->effect == CEDAR_FORBID;
	for (uint32_t i = 0; i < h->annotation_n; i++) {
		bool ok = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			ok |= span_is(h->annotations[i].key, known[k]);
		if (!ok)
			return cedar_diag_set(d, E_BAD_POLICY, h->annotations[i].pos, "known are @id, @approval, @mode, @reason and @advice",
			                      "unknown annotation `@%.*s`", SPAN_ARG(h->annotations[i].key));
	}
	if (cedar_policy_annotation(h, SPAN("approval"), &v)) {
		/* On a permit it would read as a condition and be none. */
		if (!r->forbid)
			return cedar_diag_set(d, E_BAD_POLICY, h->pos, "put it on a `forbid`: forbidden unless a human says yes",
			                      "`@approval` on a permit has no meaning");
		TRY(read_quorums(r, v, d));
	}
	if (cedar_policy_annotation(h, SPAN("mode"), &v)) {
		if (!span_is(v, "observe") && !span_is(v, "enforce"))
			return cedar_diag_set(d, E_BAD_POLICY, h->pos, "", "`@mode` is \"observe\" or \"enforce\"");
		r->observe = span_is(v, "observe");
	}
	cedar_policy_annotation(h, SPAN("reason"), &r->reason);
	cedar_policy_annotation(h, SPAN("advice"), &r->advice);
	if (!cedar_policy_annotation(h, SPAN("id"), &r->id) || !r->id.n) {
		char *t = arena_alloc(&p->arena, r->file.n + 16);
		ENSURE(t, E_NO_MEMORY);
		int n = snprintf(t, r->file.n + 16, "%.*s:%u", SPAN_ARG(r->file), r->line);
		r->id = span_make(t, (size_t)n);
	}
	r->hash = sha256(rule_text(r));
	return rule_json(p, r);
}

/* What only observes decides nothing, and what a human can lift may still be lifted. */
static bool
not_for_lists(const struct cedar_policy *h, void *)
{
	span v;
	return cedar_policy_annotation(h, SPAN("approval"), &v) ||
	       (cedar_policy_annotation(h, SPAN("mode"), &v) && span_is(v, "observe"));
}

static status
compile(struct policy_set *p, const struct policy_source *src, size_t n, struct cedar_ast **asts, struct cedar_diag *d, span *ret_name)
{
	struct sha256 h;
	sha256_init(&h);
	for (size_t i = 0; i < n; i++) {
		*ret_name = src[i].name;
		TRY(cedar_parse_policies(src[i].text, src[i].name, 0, NULL, &asts[i], d));
		sha256_add_sized(&h, src[i].name);
		sha256_add_sized(&h, src[i].text);
		/* Nothing links a template here, so it would be silently no rule at all. */
		for (uint32_t k = 0; k < asts[i]->policy_n; k++)
			if (cedar_policy_is_template(asts[i]->policies[k]))
				return cedar_diag_set(d, E_BAD_POLICY, asts[i]->policies[k]->pos, "write the principal and resource themselves",
				                      "a template is not linked to anything");
	}
	p->hash = sha256_end(&h);
	TRY(cedar_policies_new(asts, n, &p->compiled, d));
	p->rule_n = cedar_policies_count(p->compiled);
	p->rules = arena_array(&p->arena, p->rule_n + 1, sizeof *p->rules);
	ENSURE(p->rules, E_NO_MEMORY);
	for (size_t i = 0; i < p->rule_n; i++) {
		const struct cedar_policy *pol = cedar_policies_at(p->compiled, i);
		*ret_name = cedar_policy_file(pol);
		TRY(read_rule(p, pol, &p->rules[i], d));
	}
	return cedar_partial_new(p->compiled, NULL, not_for_lists, NULL, &p->partial);
}

status
policy_set_new(const struct policy_source *src, size_t n, uint64_t version, struct policy_set **ret, struct cedar_diag *d,
               span *ret_name)
{
	struct policy_set *p = calloc(1, sizeof *p);
	ENSURE(p, E_NO_MEMORY);
	arena_init(&p->arena, 64 << 20);
	p->refs = 1;
	p->version = version;
	struct cedar_ast **asts = calloc(n + 1, sizeof *asts);
	status s = asts ? compile(p, src, n, asts, d, ret_name) : FAIL(E_NO_MEMORY);
	for (size_t i = 0; asts && i < n; i++)
		cedar_ast_unref(asts[i]);
	free(asts);
	if (failed(s)) {
		policy_set_unref(p);
		return s;
	}
	*ret = p;
	return OK;
}

void
policy_set_unref(struct policy_set *p)
{
	if (!p || --p->refs)
		return;
	cedar_partial_free(p->partial);
	cedar_policies_unref(p->compiled);
	arena_fini(&p->arena);
	free(p);
}
