/* Every line is one schema and what the reference implementation says of it. */
#include "cedar/schema.h"
#include "tests/test.h"

static const struct {
	bool ok;
	const char *text;
} schemas[] = {
	{ false, "entity A in Action; action a;" },
	{ false, "entity A in B;" },
	{ false, "entity A {x: Action};" },
	{ true, "entity A {x: Action}; action a;" },
	{ true, "namespace N { entity A {x: Action}; } action a;" },
	{ true, "namespace N { action a; entity B {x:N::Action};} " },
	{ false, "namespace N { entity A in [Action]; action b; }" },
	{ true, "type T = Long; entity T;" },
	{ true, "entity A {x: T}; type T = Long; entity T {y: A};" },
	{ true, "entity ipaddr; type X = ipaddr;" },
	{ true, "type ipaddr = Long; entity A { x: ipaddr };" },
	{ false, "entity A { x: Boolean };" },
	{ true, "entity A { x: __cedar::Long };" },
	{ false, "entity A { x: __cedar::Set };" },
	{ false, "entity A { in: Long };" },
	{ true, "entity A { \"in\": Long, \"__cedar\": Long, \"\": Long };" },
	{ false, "entity A { if: Long };" },
	{ false, "entity A { principal: Long, context: Set };" },
	{ true, "entity A = { x: Long, x: String };" },
	{ true, "entity A = { x: Nope, y: Long, x: String, x: Bool };" },
	{ true, "type T = { x: T, x: Long };" },
	{ false, "entity A = { x: Long, x: Nope };" },
	{ false, "type A = {}; type A = {};" },
	{ true, "entity A {x: {y:Long,}} tags Set<Long>;" },
	{ false, "entity A,B; entity C,;" },
	{ false, "entity A in [A,];" },
	{ true, "action a,b; action \"c\" , d;" },
	{ false, "action a, a;" },
	{ false, "action a; action \"a\";" },
	{ false, "entity A; action a appliesTo {principal: A, principal: A, resource:A};" },
	{ false, "entity A; action a appliesTo {principal: A, resource:A, context: {}, context: {}};" },
	{ false, "entity A; action a appliesTo {principal: A};" },
	{ false, "entity A; action a appliesTo {context: {}};" },
	{ false, "entity A; action a appliesTo {};" },
	{ false, "entity A; type T = Long; action a appliesTo {principal: A, resource: A, context: T};" },
	{ true, "entity A; type T = {x: Long}; action a appliesTo {principal: A, resource: A, context: T};" },
	{ true, "entity A; action a appliesTo {principal: [A,A], resource: [A]};" },
	{ false, "action a in [];" },
	{ false, "action a in b;" },
	{ true, "action a in Action::\"b\"; action b;" },
	{ false, "action a in User::\"b\"; action b; " },
	{ true, "namespace N { action a in Action::\"b\"; } action b;" },
	{ true, "namespace N { action a in b; } action b;" },
	{ true, "namespace N { action a in \"b\"; } action b;" },
	{ true, "namespace N { action a in Action::\"b\"; action c; } action b;" },
	{ false, "namespace N { action b; } action b;" },
	{ false, "namespace N { entity A; } entity A;" },
	{ false, "namespace N { entity A; } type A = Long;" },
	{ false, "namespace N { type A = String; } entity A;" },
	{ true, "namespace N { entity A; } namespace N::M { entity A; }" },
	{ false, "namespace N { entity A; } namespace N { entity B; }" },
	{ false, "namespace N { entity A; } namespace M { entity B in N::A {x: N::T}; type T = Long; }" },
	{ false, "namespace N { entity A {x: M::T}; } namespace N::M { type T = Long; }" },
	{ true, "namespace N { entity A {x: M::T}; } namespace M { type T = Long; }" },
	{ true, "namespace Action { entity A; }" },
	{ false, "namespace N { entity Action; }" },
	{ true, "type Action = Long; " },
	{ true, "type Action = Long; action a;" },
	{ false, "type T = T2; type T2 = T;" },
	{ false, "type T = Set<T2>; type T2 = {x: T};" },
	{ true, "entity A { x: T }; type T = { x: A };" },
	{ false, "entity A { x: Set<> };" },
	{ true, "entity A enum [\"x\"]; entity B in A;" },
	{ false, "entity A enum [\"x\"] in B; entity B;" },
	{ false, "entity A enum [\"x\"] tags Long;" },
	{ false, "@a entity A; @a(\"x\") @b(\"y\") entity B; @a @a entity C;" },
	{ true, "@if(\"x\") entity A;" },
	{ false, "@a(x) entity A;" },
	{ true, "namespace N::M::O { }" },
	{ false, "namespace N { namespace M { } }" },
	{ false, "namespace in { }" },
	{ false, "namespace A::__cedar { }" },
	{ false, "namespace __cedar::B { }" },
	{ true, "entity __cedar_x;" },
	{ false, "entity A::B;" },
	{ false, "entity in; " },
	{ false, "entity true;" },
	{ true, "entity A tags { a?: Long };" },
	{ false, "entity A { x?: Set<A> } ; ;" },
	{ true, "entity Bool; entity X { b: Bool };" },
	{ true, "entity X { b: Bool, Bool: Long };" },
	{ true, "entity Bool; " },
	{ false, "type Long = Long;" },
	{ true, "type T = __cedar::Long;" },
	{ true, "type T = __cedar::ipaddr;" },
	{ false, "type T = __cedar::foo;" },
	{ true, "action a appliesTo {principal: Long, resource: Long}; entity Long;" },
	{ true, "entity E enum [\"a\"]; entity A {e: E}; action a appliesTo {principal: E, resource: E};" },
	{ true, "entity A {\"\\u{41}\": Long, \"a\\\"b\": Long};" },
	{ false, "entity A {\"a\\qb\": Long};" },
	{ false, "entity \"A\";" },
	{ false, "type \"A\" = Long;" },
	{ false, "action in;" },
	{ false, "action \"in\" in \"in2\", x; action in2;" },
	{ true, "action x in [x2, \"y y\", Action::\"z\"]; action x2, \"y y\", z;" },
	{ true, "action x appliesTo {principal: A, resource: A,}; entity A;" },
	{ false, "action x appliesTo {principal: A resource: A}; entity A;" },
	{ false, "action x appliesTo {principal: A, resource: A} attributes { x: Long }; entity A;" },
	{ true, "action x attributes {};" },
	{ true, "@a(\"1\")namespace N{}" },
	{ false, "entity A { @doc(\"x\") @doc(\"y\") x: Long };" },
	{ false, "entity A in Long; " },
	{ false, "entity A; entity B in __cedar::Long;" },
	{ false, "type T = decimal; type U = datetime; type V = duration; type W = ip;" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{},\"additionalAttributes\":true}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{},\"additionalAttributes\":false}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"attributes\":{}}}}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"attributes\":null}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"attributes\":{\"x\":1}}}}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":null}}}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[]}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":null}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":null}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":null}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"enum\":null}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"],\"memberOfTypes\":[]}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"],\"annotations\":{\"x\":\"y\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"enum\":[\"a\"],\"shape\":{\"type\":\"Record\",\"attributes\":{}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"foo\":1}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{},\"foo\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Long\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"T\"}}},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"T\"}}},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Long\"}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"EntityOrCommon\",\"name\":\"T\"}}},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Record\",\"attributes\":{}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Entity\",\"name\":\"A\"},\"y\":{\"type\":\"A\"}}}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Entity\",\"name\":\"A\",\"required\":false}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"name\":\"A\"}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"element\":{\"type\":\"Long\"}}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"required\":\"yes\"}}}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"required\":true,\"annotations\":{\"d\":\"x\"}}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"Long\",\"foo\":true}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"required\":true,\"attributes\":{}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"annotations\":{},\"attributes\":{}}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Long\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Set\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Set\",\"element\":{\"type\":\"Long\"}}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Extension\",\"name\":\"ipaddr\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Extension\",\"name\":\"foo\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"ipaddr\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Bool\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"__cedar::Bool\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"__cedar::Boolean\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"EntityOrCommon\",\"name\":\"Long\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"EntityOrCommon\",\"name\":\"Boolean\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"EntityOrCommon\",\"name\":\"A :: B\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Entity\",\"name\":\"Action\"}}},\"actions\":{\"a\":{}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[],\"resourceTypes\":[\"A\"]}}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"]}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"]}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":null,\"resourceTypes\":[\"A\"]}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"],\"context\":null}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"],\"context\":{\"type\":\"Long\"}}}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"],\"context\":{\"type\":\"Record\",\"attributes\":{}}}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"],\"foo\":1}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"A\",\"x\":1}]},\"b\":{}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":null}]},\"b\":{}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"__entity\":{\"id\":\"b\",\"type\":\"Action\"}}]},\"b\":{}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}}}}" },
	{ false, "{\"\":{\"actions\":{}}}" },
	{ false, "{\"A B\":{\"entityTypes\":{},\"actions\":{}}}" },
	{ true, "{\"A::B\":{\"entityTypes\":{},\"actions\":{}}}" },
	{ false, "{\"A:: B\":{\"entityTypes\":{},\"actions\":{}}}" },
	{ false, "{\"in\":{\"entityTypes\":{},\"actions\":{}}}" },
	{ false, "{\"__cedar\":{\"entityTypes\":{},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"in\":{}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\" A\":{}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"__cedar\":{}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"Action\":{}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Long\",\"annotations\":{\"a\":\"b\"}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Long\",\"annotations\":{\"a b\":\"b\"}}}}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"T\":{\"type\":\"Long\",\"annotations\":{\"a\":null}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"annotations\":{\"a\":\"x\"}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"annotations\":null}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":null}}" },
	{ true, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"annotations\":{\"x\":\"\"}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":null}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":null},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A::B\":{\"type\":\"Long\"}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"Long\",\"required\":true}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"Record\",\"attributes\":{\"x\":{\"type\":\"EntityOrCommon\",\"name\":\"Zed\"}}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"Foo\"}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"Bool\":{\"type\":\"Long\"}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"Set\",\"element\":{\"type\":\"Long\"},\"attributes\":{}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"attributes\":{}}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"T\",\"attributes\":{}},\"T\":{\"type\":\"Long\"}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"T\",\"element\":{}},\"T\":{\"type\":\"Long\"}}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{},\"commonTypes\":{\"A\":{\"type\":\"in\"}}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"E\":{\"enum\":[\"a\"]},\"B\":{\"memberOfTypes\":[\"E\",\"E\"]}},\"actions\":{}}}" },
	{ false, "{\"N\":{\"entityTypes\":{\"E\":{}},\"actions\":{}},\"\":{\"entityTypes\":{\"B\":{\"memberOfTypes\":[\"E\"]}},\"actions\":{}}}" },
	{ true, "{\"N\":{\"entityTypes\":{\"E\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\"}]}}},\"\":{\"entityTypes\":{},\"actions\":{\"b\":{}}}}" },
	{ true, "{\"N\":{\"entityTypes\":{\"E\":{}},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"Action\"}]}}},\"\":{\"entityTypes\":{},\"actions\":{\"b\":{}}}}" },
	{ true, "entity A { __cedar: Long };" },
	{ true, "entity A { __cedar_x: Long };" },
	{ true, "action __cedar;" },
	{ true, "action __cedar_y;" },
	{ true, "@__cedar entity A;" },
	{ true, "@__cedar_d entity A;" },
	{ false, "entity A { x: __cedar };" },
	{ false, "entity A { x: __cedar::__cedar::Long };" },
	{ false, "entity A { x: A::__cedar::Long };" },
	{ true, "entity A { x: __cedar_p::B }; namespace __cedar_p { entity B; }" },
	{ false, "entity A in __cedar::B;" },
	{ false, "action a in __cedar::Action::\"x\";" },
	{ true, "entity A {x: Set}; entity Set;" },
	{ true, "entity A {x: Set::B}; namespace Set { entity B; }" },
	{ true, "entity E enum [\"x\"]; entity F { e: Set<E> } tags E;" },
	{ true, "namespace A { action x; } namespace B { action y in A::Action::\"x\"; }" },
	{ true, "namespace A { action x; } namespace B { action y in [A::Action::\"x\", \"z\"]; action z; }" },
	{ false, "action a in a2; action a2 in a3; action a3 in a;" },
	{ false, "action a appliesTo {principal: A, resource: A, context: Set<Long>}; entity A;" },
	{ false, "action a appliesTo {principal: A, resource: A, context: __cedar::Long}; entity A;" },
	{ false, "entity A {x : Long,,};" },
	{ false, "entity A {,};" },
	{ false, "entity A = Long;" },
	{ false, "entity A = ;" },
	{ true, "entity A = {} tags Long;" },
	{ false, "entity A tags Long = {};" },
	{ false, "entity A tags Long in B; entity B;" },
	{ true, "{\"\":{\"entityTypes\":{\"__cedar_x\":{}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"annotations\":{\"__cedar\":\"x\"}}},\"actions\":{}}}" },
	{ true, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Record\",\"attributes\":{\"__cedar\":{\"type\":\"Long\"}}}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"__cedar\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"tags\":{\"type\":\"Entity\",\"name\":\"__cedar::Long\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{},\"actions\":{\"a\":{\"memberOf\":[{\"id\":\"b\",\"type\":\"__cedar::Action\"}]},\"b\":{}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"memberOfTypes\":[\"__cedar::A\"]}},\"actions\":{}}}" },
	{ false, "action a appliesTo {principal: [], resource: [A], context: Long}; entity A;" },
	{ false, "entity A; action a appliesTo {principal: A, resource: A, context: E}; entity E;" },
	{ false, "entity A; action a appliesTo {principal: A, resource: A, context: E}; entity E {x: Long};" },
	{ false, "entity A {x: Long}; action a appliesTo {principal: A, resource: A, context: A};" },
	{ false, "entity A enum [\"x\"]; action a appliesTo {principal: A, resource: A, context: A};" },
	{ false, "entity A; action a appliesTo {principal: A, resource: A, context: Action};" },
	{ false, "namespace N { entity E; entity A; action a appliesTo {principal: A, resource: A, context: E}; }" },
	{ false, "entity A; action a appliesTo {principal: A, resource: A, context: T}; type T = A;" },
	{ true, "entity A; entity Rec; action a appliesTo {principal: A, resource: A, context: T}; type T = Rec; type Rec = {};" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"Entity\",\"name\":\"A\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"EntityOrCommon\",\"name\":\"A\"}}},\"actions\":{}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{\"shape\":{\"type\":\"EntityOrCommon\",\"name\":\"Action\"}}},\"actions\":{\"a\":{}}}}" },
	{ false, "{\"\":{\"entityTypes\":{\"A\":{}},\"actions\":{\"a\":{\"appliesTo\":{\"principalTypes\":[\"A\"],\"resourceTypes\":[\"A\"],\"context\":{\"type\":\"Entity\",\"name\":\"A\"}}}}}}" },
	{ true, "entity C; type Action = T; type T = {a: Long}; namespace N { action x appliesTo {principal: C, resource: C, context: Action}; }" },
};

static status
S_parse(span text, struct cedar_diag *d, struct cedar_schema **ret)
{
	return text.n && text.p[0] == '{' ? cedar_schema_parse_json(text, d, ret) : cedar_schema_parse(text, d, ret);
}

static void
accepts_and_refuses(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
		struct cedar_diag d = { 0 };
		CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
		status st = S_parse(span_str(schemas[i].text), &d, &s);
		if (failed(st) == schemas[i].ok)
			fail_msg("%s: %s (%s)", schemas[i].text, error_name(st.code), d.what);
		if (failed(st)) {
			assert_int_equal(st.code, E_BAD_SCHEMA);
			assert_true(d.what[0] != '\0' && d.line == 1 && d.col >= 1);
		}
	}
}

static void
S_same(const struct cedar_schema *a, const struct cedar_schema *b, const char *what)
{
	size_t na, nb;
	const struct cedar_entity_type *const *ta = cedar_schema_entity_types(a, &na), *const *tb = cedar_schema_entity_types(b, &nb);
	struct buf x, y;
	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	if (na != nb)
		fail_msg("%s: %zu and %zu types", what, na, nb);
	for (size_t i = 0; i < na; i++) {
		struct cedar_type ra = { .kind = CEDAR_TYPE_RECORD, .n = ta[i]->n_attrs, .attrs = ta[i]->attrs };
		struct cedar_type rb = { .kind = CEDAR_TYPE_RECORD, .n = tb[i]->n_attrs, .attrs = tb[i]->attrs };
		buf_put(&x, ta[i]->name);
		buf_put(&y, tb[i]->name);
		cedar_type_print(&x, &ra);
		cedar_type_print(&y, &rb);
		buf_printf(&x, " %u %u %d\n", ta[i]->n_ancestors, ta[i]->n_ids, ta[i]->is_enum);
		buf_printf(&y, " %u %u %d\n", tb[i]->n_ancestors, tb[i]->n_ids, tb[i]->is_enum);
	}
	const struct cedar_action *const *aa = cedar_schema_actions(a, &na), *const *ab = cedar_schema_actions(b, &nb);
	if (na != nb)
		fail_msg("%s: %zu and %zu actions", what, na, nb);
	for (size_t i = 0; i < na; i++) {
		buf_put(&x, aa[i]->id);
		buf_put(&y, ab[i]->id);
		cedar_type_print(&x, aa[i]->context);
		cedar_type_print(&y, ab[i]->context);
		buf_printf(&x, " %u %u\n", aa[i]->n_principals * aa[i]->n_resources, aa[i]->n_ancestors);
		buf_printf(&y, " %u %u\n", ab[i]->n_principals * ab[i]->n_resources, ab[i]->n_ancestors);
	}
	if (!span_eq(buf_span(&x), buf_span(&y)))
		fail_msg("%s: %.*s became %.*s", what, SPAN_ARG(buf_span(&x)), SPAN_ARG(buf_span(&y)));
	buf_fini(&x);
	buf_fini(&y);
}

static void
writes_what_it_read(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
		CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL, *again = NULL, *third = NULL;
		if (!schemas[i].ok)
			continue;
		struct buf b;
		buf_init(&b, 1 << 20);
		assert_ok(S_parse(span_str(schemas[i].text), NULL, &s));
		cedar_schema_to_json(s, &b);
		assert_ok(buf_finish(&b));
		assert_ok(cedar_schema_parse_json(buf_span(&b), NULL, &again));
		S_same(s, again, schemas[i].text);
		buf_reset(&b);
		status st = cedar_schema_to_cedar(s, &b);
		if (st.code != E_NOT_IMPLEMENTED) {
			assert_ok(st);
			assert_ok(cedar_schema_parse(buf_span(&b), NULL, &third));
			S_same(s, third, schemas[i].text);
		}
		buf_fini(&b);
	}
}

static void
resolves(void **)
{
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	assert_ok(cedar_schema_parse(SPAN(
		"type Addr = { street: String, zip?: Long };"
		"entity Org; entity Team in Org; entity User in [Team] { home: Addr, friends: Set<User> } tags Set<String>;"
		"entity Color enum [\"red\", \"blue\"];"
		"action all; action read, write in [all] appliesTo { principal: User, resource: [Team, Org, Team], context: { via: ipaddr } };"
		"namespace N { entity X { a: Addr, c: Color }; action go in Action::\"all\"; }"), NULL, &s));
	const struct cedar_entity_type *user = cedar_schema_entity_type(s, SPAN("User")), *org = cedar_schema_entity_type(s, SPAN("Org"));
	const struct cedar_entity_type *x = cedar_schema_entity_type(s, SPAN("N::X")), *color = cedar_schema_entity_type(s, SPAN("Color"));
	assert_non_null(user);
	assert_non_null(x);
	assert_true(cedar_entity_type_in(user, org));
	assert_false(cedar_entity_type_in(org, user));
	assert_true(cedar_entity_type_in(org, org));
	assert_ptr_equal(user->attrs[1].type, x->attrs[0].type);
	assert_int_equal(user->tags->kind, CEDAR_TYPE_SET);
	assert_true(cedar_entity_type_has_id(color, SPAN("red")));
	assert_false(cedar_entity_type_has_id(color, SPAN("green")));
	assert_true(cedar_entity_type_has_id(user, SPAN("green")));
	const struct cedar_action *read = cedar_schema_action(s, SPAN("Action"), SPAN("read")), *all = cedar_schema_action(s, SPAN("Action"), SPAN("all"));
	const struct cedar_action *go = cedar_schema_action(s, SPAN("N::Action"), SPAN("go"));
	assert_int_equal(read->n_resources, 2);
	assert_true(cedar_action_in(read, all));
	assert_true(cedar_action_in(go, all));
	assert_false(cedar_action_in(all, go));
	assert_false(all->applies);
	assert_null(cedar_schema_action(s, SPAN("Action"), SPAN("go")));
	assert_span(cedar_schema_nearest_type(s, SPAN("Usr")), "User");
	assert_ptr_equal(cedar_schema_nearest_action(s, SPAN("reed")), read);
}

static void
refuses_what_is_too_much(void **)
{
	struct buf b;
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL;
	buf_init(&b, 1 << 22);
	buf_put_str(&b, "type T = ");
	for (int i = 0; i < 500000; i++)
		buf_put_str(&b, "Set<");
	assert_fails(cedar_schema_parse(buf_span(&b), NULL, &s), E_BAD_SCHEMA);
	/* deep by references: each declaration is shallow */
	for (int direction = 0; direction < 2; direction++) {
		buf_reset(&b);
		for (int i = 0; i < 3000; i++)
			buf_printf(&b, "type T%04d = Set<T%04d>;\n", direction ? i + 1 : i, direction ? i : i + 1);
		buf_printf(&b, "type T%04d = Long;\n", direction ? 0 : 3000);
		assert_fails(cedar_schema_parse(buf_span(&b), NULL, &s), E_BAD_SCHEMA);
	}
	/* a chain of names has no depth of its own, and still an end */
	buf_reset(&b);
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "type T%04d = T%04d;\n", i, i + 1);
	buf_put_str(&b, "type T3000 = Long;\n");
	assert_fails(cedar_schema_parse(buf_span(&b), NULL, &s), E_BAD_SCHEMA);
	/* wide by sharing: 2^60 leaves in 60 lines are no work at all */
	buf_reset(&b);
	for (int i = 0; i < 60; i++)
		buf_printf(&b, "type T%d = { a: T%d, b: T%d };\n", i, i + 1, i + 1);
	buf_put_str(&b, "type T60 = Long;\n");
	assert_ok(cedar_schema_parse(buf_span(&b), NULL, &s));
	/* a dense hierarchy of types: closure work is bounded */
	s = cedar_schema_unref(s);
	buf_reset(&b);
	for (int i = 0; i < 6000; i++)
		buf_printf(&b, "entity E%d in [E%d, E%d];\n", i, (i + 1) % 6000, (i * 7 + 1) % 6000);
	assert_fails(cedar_schema_parse(buf_span(&b), NULL, &s), E_LIMIT);
	buf_fini(&b);
}

/* Only JSON can name a common type as a shape; in the other syntax it is written out. */
static void
writes_named_shapes(void **)
{
	static const char json[] = "{\"N\":{\"commonTypes\":{\"R\":{\"type\":\"Record\",\"attributes\":{\"n\":{\"type\":\"Long\"},\"x y\":{\"type\":\"Set\",\"element\":{\"type\":\"Entity\",\"name\":\"U\"},"
	                           "\"required\":false},\"r\":{\"type\":\"Record\",\"attributes\":{}}}},\"E\":{\"type\":\"Record\",\"attributes\":{}}},"
	                           "\"entityTypes\":{\"U\":{\"shape\":{\"type\":\"R\"}},\"V\":{\"shape\":{\"type\":\"E\"},\"memberOfTypes\":[\"U\"]}},\"actions\":{}}}";
	CLEANUP(cedar_schema_unrefp) struct cedar_schema *s = NULL, *again = NULL;
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_ok(cedar_schema_parse_json(span_str(json), NULL, &s));
	assert_ok(cedar_schema_to_cedar(s, &b));
	assert_ok(buf_finish(&b));
	assert_ok(cedar_schema_parse(buf_span(&b), NULL, &again));
	S_same(s, again, json);
	assert_int_equal(cedar_schema_entity_type(again, SPAN("N::U"))->n_attrs, 3);
	buf_fini(&b);
}

TEST_MAIN(T(writes_named_shapes), T(accepts_and_refuses), T(writes_what_it_read), T(resolves), T(refuses_what_is_too_much))
