/* First byte: with or without a schema. What is accepted is written and read again, and is the same. */
#include "cedar/entities_json.h"
#include "cedar/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char schema_text[] =
	"entity G; entity E enum [\"x\", \"y\"];"
	"entity U in [G, U] { n?: Long, o?: String, ip?: ipaddr, u?: U, s?: Set<U>, r?: { d?: datetime, b?: Bool, t?: duration }, e?: E } tags decimal;"
	"action v in [grp] appliesTo { principal: U, resource: U, context: { ip?: ipaddr, u?: U } }; action grp;";

static void
write(const struct cedar_entities *s, struct buf *b)
{
	struct json_writer w = json_w(b);
	must(!failed(cedar_entities_to_json(s, &w)) && !failed(buf_finish(b)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct cedar_schema *schema;
	struct cedar_diag d = { 0 };
	if (n < 1)
		return 0;
	if (!schema)
		must(!failed(cedar_schema_parse(span_str(schema_text), &d, &schema)));
	const struct cedar_schema *use = p[0] & 1 ? schema : NULL;
	struct cedar_entities *s = cedar_entities_new(p[0]), *back = cedar_entities_new(1);
	status st = cedar_entities_parse(s, span_make(p + 1, n - 1), use, &d);
	if (failed(st)) {
		must(st.code == E_NO_MEMORY || (d.what[0] && d.offset <= n));
	} else {
		struct buf one, two;
		buf_init(&one, 64u << 20);
		buf_init(&two, 64u << 20);
		write(s, &one);
		must(!failed(cedar_entities_parse(back, buf_span(&one), use, &d)));
		write(back, &two);
		must(span_eq(buf_span(&one), buf_span(&two)));
		buf_fini(&one);
		buf_fini(&two);
	}
	cedar_entities_free(s);
	cedar_entities_free(back);
	return 0;
}
