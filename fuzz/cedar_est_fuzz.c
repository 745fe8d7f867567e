/* Policies in JSON: what is accepted is written, read again and written again the same, and compiles. */
#include "cedar/cedar.h"
#include "cedar/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
write(const struct cedar_ast *ast, struct buf *b)
{
	struct json_writer w = json_w(b);
	cedar_policies_to_json(ast, &w);
	must(!failed(buf_finish(b)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct cedar_ast *ast, *back;
	struct cedar_diag d = { 0 };
	status s = cedar_parse_policies_json(span_make(p, n), SPAN("fuzz.json"), NULL, &ast, &d);
	if (failed(s)) {
		must(s.code == E_NO_MEMORY || (d.what[0] && d.offset <= n));
		return 0;
	}
	struct buf one, two;
	const struct cedar_policies *set;
	buf_init(&one, 64u << 20);
	buf_init(&two, 64u << 20);
	write(ast, &one);
	/* Sets and records inside a Value become nodes, which nest twice as deep: too deep, at worst. */
	s = cedar_parse_policies_json(buf_span(&one), SPAN("fuzz.json"), &(struct cedar_limits){ .text = 64u << 20 }, &back, &d);
	must(!failed(s) || s.code == E_LIMIT || s.code == E_NO_MEMORY);
	if (!failed(s)) {
		write(back, &two);
		must(span_eq(buf_span(&one), buf_span(&two)));
		cedar_ast_unref(back);
	}
	must(!failed(cedar_policies_new(&ast, 1, &set, &d)));
	cedar_policies_unref(set);
	cedar_ast_unref(ast);
	buf_fini(&one);
	buf_fini(&two);
	return 0;
}
