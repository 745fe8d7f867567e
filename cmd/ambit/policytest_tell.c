/* What came of policy tests, for people, and as TAP, JUnit XML and JSON. */
#include "policytest_priv.h"

#include "escape.h"

unsigned
policytest_percent(size_t part, size_t of)
{
	return of ? (unsigned)(100 * part / of) : 100;
}

/* ---- telling ---- */

static span
rule_name(const struct cedar_policy *p)
{
	span id = p->id;
	cedar_policy_annotation(p, SPAN("id"), &id);
	return id;
}

static const char *
path_of(const struct running *r, const struct cedar_policy *p)
{
	span file = cedar_policy_file(p);
	for (size_t i = 0; i < r->set->n; i++)
		if (span_eq(r->set->texts[i]->name, file))
			return r->set->texts[i]->source.path;
	char *s = arena_cstr(&r->c->arena, file);
	return s ? s : "?";
}

/* A part of a condition on one line. */
static void
put_part(const struct cedar_policy *p, const struct cedar_expr *x, struct buf *b)
{
	span s = span_sub(p->ast->text, x->pos.offset, x->end - x->pos.offset);
	bool blank = false;
	size_t from = b->n;
	for (size_t i = 0; i < s.n && b->n - from < 160; i++) {
		bool space = s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r';
		if (!space)
			escape_text(span_sub(s, i, 1), true, b);
		else if (!blank)
			buf_put_u8(b, ' ');
		blank = space;
	}
}

static void
expected(const struct policy_case *k, struct buf *b)
{
	buf_put_str(b, expect_name(k->expect));
	for (size_t i = 0; i < k->rule_n; i++) {
		buf_put_str(b, i ? ", " : " by ");
		escape_text(k->rules[i], false, b);
	}
	if (k->rules && !k->rule_n)
		buf_put_str(b, " by no rule");
	if (k->code.n) {
		buf_put_str(b, ": ");
		escape_text(k->code, false, b);
	}
}

static void
put_coverage(const struct running *r, struct buf *b)
{
	for (size_t i = 0; i < r->covered_n; i++) {
		const struct cedar_covered *v = &r->covered[i];
		buf_printf(b, "%s  %s:%u ", v->applied ? "ok   " : "never", path_of(r, v->policy), v->policy->pos.line);
		escape_text(rule_name(v->policy), false, b);
		buf_printf(b, "  applied %u of %u\n", v->applied, v->considered);
		for (uint32_t p = 0; p < v->part_n; p++) {
			const struct cedar_covered_part *part = &v->parts[p];
			if (part->held && part->missed)
				continue;
			buf_printf(b, "       %u:%u never %s: ", part->at->pos.line, part->at->pos.col, part->held == 0 && part->missed == 0 ? "looked at" : (part->held > 0) == part->want ? "false" : "true");
			put_part(v->policy, part->at, b);
			buf_put_u8(b, '\n');
		}
	}
}

static void
put_people(struct running *r, struct buf *b)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];
		if (x->ok)
			continue;
		buf_printf(b, "%sFAIL%s %s:%u  ", r->c->colour ? "\033[31m" : "", r->c->colour ? "\033[0m" : "", x->file->file, x->k->line);
		escape_text(x->k->name, false, b);
		buf_put_str(b, "\n     expected  ");
		expected(x->k, b);
		buf_put_str(b, "\n     got       ");
		escape_text(span_str(x->got), false, b);
		buf_put_u8(b, '\n');
		if (x->nearest) {
			buf_put_str(b, "     nearest   ");
			escape_text(span_str(x->nearest), false, b);
			buf_put_u8(b, '\n');
		}
		if (x->why != x->got) {
			buf_put_str(b, "     because   ");
			escape_text(span_str(x->why), false, b);
			buf_put_u8(b, '\n');
		}
	}
	if (args_has(&r->c->args, "coverage"))
		put_coverage(r, b);
	buf_printf(b, "ok %zu  fail %zu  coverage %u%% rules", r->ok, r->n - r->ok, policytest_percent(r->rules_covered, r->covered_n));
	if (r->parts)
		buf_printf(b, "  %u%% conditions", policytest_percent(r->parts_covered, r->parts));
	buf_put_u8(b, '\n');
}

static void
put_tap(struct running *r, struct buf *b)
{
	buf_printf(b, "1..%zu\n", r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];
		buf_printf(b, "%s %zu - ", x->ok ? "ok" : "not ok", i + 1);
		struct buf name;
		buf_init(&name, 1 << 20);
		escape_text(x->k->name, false, &name);
		for (size_t k = 0; k < name.n; k++) {
			/* A number sign would begin a directive. */
			if (name.p[k] == '#')
				buf_put_u8(b, '\\');
			buf_put_u8(b, name.p[k]);
		}
		buf_fini(&name);
		buf_put_u8(b, '\n');
		if (x->ok)
			continue;
		buf_printf(b, "# %s:%u\n# expected ", x->file->file, x->k->line);
		expected(x->k, b);
		buf_put_str(b, "\n# got ");
		escape_text(span_str(x->got), false, b);
		buf_put_u8(b, '\n');
	}
}

/* XML 1.0 has no way to write most control characters. */
static void
put_xml(span s, struct buf *b)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i];
		if (ch == '<' || ch == '>' || ch == '&' || ch == '"')
			buf_printf(b, "&#%u;", ch);
		else
			buf_put_u8(b, ch < 0x20 || ch == 0x7f ? ' ' : ch);
	}
}

static void
put_junit(struct running *r, struct buf *b)
{
	buf_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ambit policy test\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n", r->n, r->n - r->ok);
	for (size_t f = 0; f < r->file_n; f++) {
		size_t n = 0, bad = 0;
		for (size_t i = 0; i < r->n; i++)
			if (r->results[i].file == &r->files[f]) {
				n++;
				bad += !r->results[i].ok;
			}
		buf_put_str(b, "  <testsuite name=\"");
		put_xml(span_str(r->files[f].file), b);
		buf_printf(b, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", n, bad);
		for (size_t i = 0; i < r->n; i++) {
			const struct result *x = &r->results[i];
			if (x->file != &r->files[f])
				continue;
			buf_put_str(b, "    <testcase classname=\"");
			put_xml(span_str(x->file->file), b);
			buf_put_str(b, "\" name=\"");
			put_xml(x->k->name, b);
			buf_printf(b, "\" file=\"");
			put_xml(span_str(x->file->file), b);
			buf_printf(b, "\" line=\"%u\"", x->k->line);
			if (x->ok) {
				buf_put_str(b, "/>\n");
				continue;
			}
			struct buf want;
			buf_init(&want, 16384);
			expected(x->k, &want);
			buf_put_str(b, ">\n      <failure message=\"expected ");
			put_xml(buf_span(&want), b);
			buf_put_str(b, ", got ");
			put_xml(span_str(x->got), b);
			buf_put_str(b, "\">");
			put_xml(span_str(x->why), b);
			buf_put_str(b, "</failure>\n    </testcase>\n");
			buf_fini(&want);
		}
		buf_put_str(b, "  </testsuite>\n");
	}
	buf_put_str(b, "</testsuites>\n");
}

static void
put_json(struct running *r, struct buf *b)
{
	struct json_writer w = json_w(b);
	struct buf text;
	buf_init(&text, 65536);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];
		json_w_obj(&w);
		json_w_kstr(&w, "name", x->k->name);
		json_w_kcstr(&w, "file", x->file->file);
		json_w_kint(&w, "line", x->k->line);
		json_w_kbool(&w, "ok", x->ok);
		buf_reset(&text);
		expected(x->k, &text);
		json_w_kstr(&w, "expected", buf_span(&text));
		buf_reset(&text);
		escape_text(span_str(x->got), false, &text);
		json_w_kstr(&w, "got", buf_span(&text));
		if (x->why)
			json_w_kcstr(&w, "reason", x->why);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_kint(&w, "ok", (int64_t)r->ok);
	json_w_kint(&w, "fail", (int64_t)(r->n - r->ok));
	json_w_kobj(&w, "coverage");
	json_w_kint(&w, "rules", (int64_t)r->covered_n);
	json_w_kint(&w, "rules_covered", (int64_t)r->rules_covered);
	json_w_kint(&w, "rules_percent", policytest_percent(r->rules_covered, r->covered_n));
	json_w_kint(&w, "outcomes", (int64_t)r->parts);
	json_w_kint(&w, "outcomes_covered", (int64_t)r->parts_covered);
	json_w_kint(&w, "outcomes_percent", policytest_percent(r->parts_covered, r->parts));
	json_w_karr(&w, "policies");
	for (size_t i = 0; i < r->covered_n; i++) {
		const struct cedar_covered *v = &r->covered[i];
		json_w_obj(&w);
		json_w_kcstr(&w, "file", path_of(r, v->policy));
		json_w_kint(&w, "line", v->policy->pos.line);
		json_w_kstr(&w, "id", rule_name(v->policy));
		json_w_kint(&w, "applied", v->applied);
		json_w_kint(&w, "considered", v->considered);
		json_w_karr(&w, "conditions");
		for (uint32_t p = 0; p < v->part_n; p++) {
			json_w_obj(&w);
			json_w_kint(&w, "line", v->parts[p].at->pos.line);
			json_w_kint(&w, "column", v->parts[p].at->pos.col);
			json_w_kint(&w, "held", v->parts[p].held);
			json_w_kint(&w, "missed", v->parts[p].missed);
			json_w_kint(&w, "failed", v->parts[p].failed);
			json_w_obj_end(&w);
		}
		json_w_arr_end(&w);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	buf_fini(&text);
}

int
policytest_tell(struct running *r)
{
	struct cli *c = r->c;
	struct buf b;
	const struct json *v;
	int code = 0;
	buf_init(&b, 256 << 20);
	bool tap = c->form && strcmp(c->form, "tap") == 0, junit = c->form && strcmp(c->form, "junit") == 0;
	bool machine = !tap && !junit && (cli_json(c) || c->output == OUT_NAME || c->field);
	if (tap)
		put_tap(r, &b);
	else if (junit)
		put_junit(r, &b);
	else if (machine)
		put_json(r, &b);
	else
		put_people(r, &b);
	status s = buf_finish(&b);
	static const struct json_opts opts = { .max_bytes = 256 << 20, .max_nodes = 16 << 20 };
	if (!failed(s) && machine)
		s = json_parse(buf_span(&b), &opts, &c->arena, &v, NULL);
	if (failed(s))
		code = cli_fail(c, s.code, error_text(s.code), NULL, "the results cannot be told");
	else if (!machine || !out_machine(c, v, &code))
		code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}
