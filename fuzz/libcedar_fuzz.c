/* The public library, as a program would drive it: the input is a script of calls, one a line, `c text`, with c saying which. Whatever comes, the
 * library refuses or answers; objects made on the way live on. */
#include <cedar/libcedar.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct world {
	struct cedar_schema *schema;
	struct cedar_draft *draft;
	struct cedar_policyset *set;
	struct cedar_store *store;
	struct cedar_session *session;
	struct cedar_query *query;
};

static bool
stop(void *arg, struct cedar_name_of action, enum cedar_prospect prospect)
{
	unsigned *left = arg;
	return action.id.size < 1000 && prospect <= CEDAR_DEPENDS && --*left > 0;
}

static void
set_replace(struct cedar_policyset **p, struct cedar_policyset *next)
{
	cedar_policyset_unref(*p);
	*p = next;
}

static void
ask(struct world *w, struct cedar_text line)
{
	struct cedar_authorization a, many[2];
	struct cedar_text why;
	struct cedar_outlook *o;
	const struct cedar_query *two[] = { w->query, w->query };
	const struct cedar_name_of resources[] = { { { "D", 1 }, line }, { { "D", 1 }, { "d", 1 } } };
	bool allow, each[2];
	unsigned left = 5;
	if (!w->set || !w->query || cedar_session_authorize(w->session, w->set, w->store, w->query, &a, NULL) != CEDAR_OK)
		return;
	bool want = a.allow;
	uint32_t reasons = a.reason_n;
	if (cedar_session_decide(w->session, w->set, w->store, w->query, &allow, NULL) != CEDAR_OK || allow != want)
		abort();
	if (cedar_session_authorize_many(w->session, w->set, w->store, two, 2, many, NULL) != CEDAR_OK || many[1].allow != want || many[1].reason_n != reasons)
		abort();
	(void)!cedar_session_filter(w->session, w->set, w->store, w->query, resources, 2, each, NULL);
	(void)!cedar_session_explain(w->session, w->set, w->store, w->query, 3, &why, NULL);
	if (!w->schema || cedar_outlook_new(w->set, w->schema, &o, NULL) != CEDAR_OK)
		return;
	(void)!cedar_outlook_actions(o, w->session, w->store, cedar_entity_name("U", "a"), stop, &left, NULL);
	cedar_outlook_free(o);
}

static void
check(struct world *w, struct cedar_text line)
{
	struct cedar_problems *p;
	struct cedar_validation v = { .check_level = line.size & 1, .level = (uint32_t)line.size % 4, .permissive = line.size & 2, .max_steps = 100000 };
	if (!w->set || !w->schema || cedar_policyset_check(w->set, w->schema, &v, &p, NULL) != CEDAR_OK)
		return;
	for (size_t i = 0; i < cedar_problems_count(p); i++)
		if (!cedar_problems_at(p, i).where.message[0])
			abort();
	cedar_problems_free(p);
}

static void
give(char **text, enum cedar_code code)
{
	if (code == CEDAR_OK)
		cedar_text_free(*text);
}

static void
write_all(struct world *w)
{
	char *text;
	if (w->schema) {
		give(&text, cedar_schema_write_json(w->schema, &text, NULL));
		give(&text, cedar_schema_write_text(w->schema, &text, NULL));
	}
	for (size_t i = 0; w->set && i < cedar_policyset_count(w->set) && i < 8; i++)
		give(&text, cedar_policyset_write_json(w->set, i, &text, NULL));
	give(&text, cedar_store_write_json(w->store, &text, NULL));
}

static void
step(struct world *w, char c, struct cedar_text line)
{
	struct cedar_error e = { .message = "" };
	struct cedar_schema *schema;
	struct cedar_policyset *set;
	struct cedar_query *q;
	struct cedar_name_of u = { { "U", 1 }, line }, d = { { "D", 1 }, line };
	enum cedar_code code = CEDAR_OK;
	char *text;
	switch (c) {
	case 's': case 'S':
		code = c == 's' ? cedar_schema_from_text(line, &schema, &e) : cedar_schema_from_json(line, &schema, &e);
		if (code == CEDAR_OK) {
			if (w->schema)
				cedar_schema_release(w->schema);
			w->schema = schema;
		}
		break;
	case 'p': code = cedar_draft_add_text(w->draft, line, cedar_str("f"), line.size & 1, &e); break;
	case 'P': code = cedar_draft_add_json(w->draft, line, cedar_str("f"), &e); break;
	case 'l': code = cedar_draft_link(w->draft, w->set, line, cedar_str("link"), &u, NULL, &e); break;
	case 'L': code = cedar_draft_link(w->draft, w->set, cedar_str("policy0"), line, &u, &d, &e); break;
	case 'c':
		if ((code = cedar_policyset_new(w->draft, &set, &e)) == CEDAR_OK)
			set_replace(&w->set, set);
		break;
	case 'e': case 'd':
		if (w->set && (code = cedar_policyset_edit(w->set, &line, 1, c == 'e' ? w->draft : NULL, &set, &e)) == CEDAR_OK)
			set_replace(&w->set, set);
		break;
	case 'n':
		cedar_draft_free(w->draft);
		if (!(w->draft = cedar_draft_new()))
			abort();
		break;
	case 'j': code = cedar_store_load_json(w->store, line, line.size & 1 ? w->schema : NULL, &e); break;
	case 'J': code = cedar_store_put_json(w->store, line, line.size & 1 ? w->schema : NULL, &e); break;
	case 'r': code = cedar_store_remove(w->store, u, &e); break;
	case 'q': case 'Q':
		code = c == 'q' ? cedar_query_new(cedar_entity_name("U", "a"), cedar_entity_name("Action", "v"), cedar_entity_name("D", "d"), line, w->schema, &q, &e)
		                : cedar_query_from_json(line, w->schema, &q, &e);
		if (code == CEDAR_OK) {
			cedar_query_free(w->query);
			w->query = q;
		}
		break;
	case 'f': give(&text, code = cedar_format_text(line, &text, &e)); break;
	case 'v': check(w, line); break;
	case 'w': write_all(w); break;
	default: ask(w, line); break;
	}
	if (code != CEDAR_OK && !e.message[0])
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct world w = { .draft = cedar_draft_new(), .store = cedar_store_new(), .session = cedar_session_new(1u << 24) };
	const uint8_t *end = p + n;
	if (!w.draft || !w.store || !w.session)
		abort();
	for (unsigned steps = 0; p < end && steps < 40; steps++) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		const uint8_t *stop_at = nl ? nl : end;
		if (stop_at > p)
			step(&w, (char)*p, cedar_text_make((const char *)p + 1, (size_t)(stop_at - p) - 1));
		p = nl ? nl + 1 : end;
	}
	cedar_query_free(w.query);
	cedar_session_free(w.session);
	cedar_store_free(w.store);
	cedar_policyset_unref(w.set);
	cedar_draft_free(w.draft);
	if (w.schema)
		cedar_schema_release(w.schema);
	return 0;
}
