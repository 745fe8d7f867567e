/* Declarations back to text, in both syntaxes. What is written is what was declared, not what it resolved to, so common
 * types and annotations survive. */
#include "cedar/quote.h"
#include "cedar/schema_priv.h"
#include "text/json.h"

#include <stdlib.h>

/* ---- JSON ---- */

static void
S_json_annotations(struct json_writer *w, const struct raw_annotation *a)
{
	if (!a)
		return;
	json_w_kobj(w, "annotations");
	for (; a; a = a->next) {
		json_w_key(w, a->key);
		/* the reference writes @a without a value as the empty string */
		json_w_str(w, a->value);
	}
	json_w_obj_end(w);
}

static void S_json_type_members(struct json_writer *, const struct raw_type *);

static void
S_json_type(struct json_writer *w, const struct raw_type *t)
{
	json_w_obj(w);
	S_json_type_members(w, t);
	json_w_obj_end(w);
}

static void
S_json_attrs(struct json_writer *w, const struct raw_attr *attrs)
{
	json_w_kobj(w, "attributes");
	for (const struct raw_attr *a = attrs; a; a = a->next) {
		json_w_key(w, a->name);
		json_w_obj(w);
		S_json_type_members(w, a->type);
		if (!a->required)
			json_w_kbool(w, "required", false);
		S_json_annotations(w, a->annotations);
		json_w_obj_end(w);
	}
	json_w_obj_end(w);
}

static void
S_json_type_members(struct json_writer *w, const struct raw_type *t)
{
	switch (t->kind) {
	case RAW_NAME:
		json_w_kcstr(w, "type", "EntityOrCommon");
		json_w_kstr(w, "name", t->name);
		return;
	case RAW_ENTITY:
		json_w_kcstr(w, "type", "Entity");
		json_w_kstr(w, "name", t->name);
		return;
	case RAW_COMMON:
		json_w_kstr(w, "type", t->name);
		return;
	case RAW_BASIC:
		if (cedar_type_is_ext(t->basic)) {
			json_w_kcstr(w, "type", "Extension");
			json_w_kcstr(w, "name", cedar_type_name(t->basic->kind));
		} else {
			json_w_kcstr(w, "type", t->basic->kind == CEDAR_TYPE_BOOL ? "Boolean" : cedar_type_name(t->basic->kind));
		}
		return;
	case RAW_SET:
		json_w_kcstr(w, "type", "Set");
		json_w_key(w, SPAN("element"));
		S_json_type(w, t->elem);
		return;
	case RAW_RECORD:
		json_w_kcstr(w, "type", "Record");
		S_json_attrs(w, t->attrs);
		return;
	}
}

static void
S_json_names(struct json_writer *w, const char *key, const struct raw_ref *f, bool types)
{
	json_w_karr(w, key);
	for (; f; f = f->next)
		json_w_str(w, types ? f->type : f->id);
	json_w_arr_end(w);
}

static void
S_json_entity(struct json_writer *w, const struct raw_entity *e)
{
	json_w_key(w, e->name);
	json_w_obj(w);
	if (e->is_enum) {
		S_json_names(w, "enum", e->ids, false);
	} else {
		if (e->parents)
			S_json_names(w, "memberOfTypes", e->parents, true);
		if (e->shape) {
			json_w_key(w, SPAN("shape"));
			S_json_type(w, e->shape);
		}
		if (e->tags) {
			json_w_key(w, SPAN("tags"));
			S_json_type(w, e->tags);
		}
	}
	S_json_annotations(w, e->annotations);
	json_w_obj_end(w);
}

static void
S_json_action(struct json_writer *w, const struct raw_action *a)
{
	json_w_key(w, a->id);
	json_w_obj(w);
	if (a->parents) {
		json_w_karr(w, "memberOf");
		for (const struct raw_ref *f = a->parents; f; f = f->next) {
			json_w_obj(w);
			json_w_kstr(w, "id", f->id);
			if (!span_empty(f->type))
				json_w_kstr(w, "type", f->type);
			json_w_obj_end(w);
		}
		json_w_arr_end(w);
	}
	if (a->applies) {
		json_w_kobj(w, "appliesTo");
		S_json_names(w, "principalTypes", a->principals, true);
		S_json_names(w, "resourceTypes", a->resources, true);
		if (a->context) {
			json_w_key(w, SPAN("context"));
			S_json_type(w, a->context);
		}
		json_w_obj_end(w);
	}
	S_json_annotations(w, a->annotations);
	json_w_obj_end(w);
}

static void
S_json_namespace(struct json_writer *w, const struct raw_namespace *n)
{
	json_w_key(w, n->name);
	json_w_obj(w);
	if (n->commons) {
		json_w_kobj(w, "commonTypes");
		for (const struct raw_common *c = n->commons; c; c = c->next) {
			json_w_key(w, c->name);
			json_w_obj(w);
			S_json_type_members(w, c->type);
			S_json_annotations(w, c->annotations);
			json_w_obj_end(w);
		}
		json_w_obj_end(w);
	}
	json_w_kobj(w, "entityTypes");
	for (const struct raw_entity *e = n->entities; e; e = e->next)
		S_json_entity(w, e);
	json_w_obj_end(w);
	json_w_kobj(w, "actions");
	for (const struct raw_action *a = n->actions; a; a = a->next)
		S_json_action(w, a);
	json_w_obj_end(w);
	S_json_annotations(w, n->annotations);
	json_w_obj_end(w);
}

void
cedar_schema_to_json(const struct cedar_schema *s, struct buf *b)
{
	struct json_writer w = json_w_pretty(b);
	json_w_obj(&w);
	for (const struct raw_namespace *n = s->raw.namespaces; n; n = n->next)
		S_json_namespace(&w, n);
	json_w_obj_end(&w);
}

/* ---- Cedar ---- */

struct cedar_out {
	struct buf *b;
	const struct cedar_schema *s;
	const struct raw_namespace *ns;
	unsigned indent;
	struct buf name;       /* scratch for a qualified name */
	bool lossy;            /* something can not be said in this syntax */
};

static void
S_indent(struct cedar_out *o)
{
	for (unsigned i = 0; i < o->indent; i++)
		buf_put_str(o->b, "  ");
}

static void
S_annotations(struct cedar_out *o, const struct raw_annotation *a)
{
	for (; a; a = a->next) {
		S_indent(o);
		buf_put_u8(o->b, '@');
		buf_put(o->b, a->key);
		if (a->has_value) {
			buf_put_u8(o->b, '(');
			cedar_put_quoted(o->b, a->value);
			buf_put_u8(o->b, ')');
		}
		buf_put_u8(o->b, '\n');
	}
}

static int
S_cmp_spans(const void *a, const void *b)
{
	return span_cmp(*(const span *)a, *(const span *)b);
}

/* What `name` could mean here: bit 1, a common type; bit 2, an entity type. */
static int
S_declared(struct cedar_out *o, span name)
{
	span tries[2] = { name, name };
	buf_reset(&o->name);
	if (!span_empty(o->ns->name)) {
		buf_put(&o->name, o->ns->name);
		buf_put_str(&o->name, "::");
	}
	buf_put(&o->name, name);
	tries[0] = buf_span(&o->name);
	for (size_t i = 0; i < 2; i++) {
		int found = (o->s->n_commons && bsearch(&tries[i], o->s->commons, o->s->n_commons, sizeof(span), S_cmp_spans) ? 1 : 0)
		          | (cedar_schema_entity_type(o->s, tries[i]) ? 2 : 0);
		if (found)
			return found;
	}
	return 0;
}

/* A builtin's name; `__cedar::` in front where a declaration hides it. */
static void
S_builtin(struct cedar_out *o, span name)
{
	if (S_declared(o, name))
		buf_put_str(o->b, "__cedar::");
	buf_put(o->b, name);
}

/* In this syntax a name means a common type before an entity type; JSON can point past it. */
static void
S_entity_name(struct cedar_out *o, span name)
{
	o->lossy |= S_declared(o, name) == 3;
	buf_put(o->b, name);
}

static void S_type(struct cedar_out *, const struct raw_type *);

static void
S_record(struct cedar_out *o, const struct raw_attr *attrs)
{
	if (!attrs) {
		buf_put_str(o->b, "{}");
		return;
	}
	buf_put_str(o->b, "{\n");
	o->indent++;
	for (const struct raw_attr *a = attrs; a; a = a->next) {
		S_annotations(o, a->annotations);
		S_indent(o);
		cedar_put_key(o->b, a->name);
		buf_put_str(o->b, a->required ? ": " : "?: ");
		S_type(o, a->type);
		buf_put_str(o->b, a->next ? ",\n" : "\n");
	}
	o->indent--;
	S_indent(o);
	buf_put_str(o->b, "}");
}

static void
S_type(struct cedar_out *o, const struct raw_type *t)
{
	switch (t->kind) {
	case RAW_NAME: case RAW_COMMON:
		buf_put(o->b, t->name);
		return;
	case RAW_ENTITY:
		S_entity_name(o, t->name);
		return;
	case RAW_BASIC:
		S_builtin(o, span_str(cedar_type_name(t->basic->kind)));
		return;
	case RAW_SET:
		buf_put_str(o->b, "Set<");
		S_type(o, t->elem);
		buf_put_str(o->b, ">");
		return;
	case RAW_RECORD:
		S_record(o, t->attrs);
		return;
	}
}

/* ---- a shape that names a common type: here it must be written out, as it was resolved ---- */

static void S_resolved(struct cedar_out *, const struct cedar_type *);

static void
S_resolved_record(struct cedar_out *o, const struct cedar_attr *attrs, uint32_t n)
{
	buf_put_str(o->b, "{\n");
	o->indent++;
	for (uint32_t i = 0; i < n; i++) {
		S_indent(o);
		cedar_put_key(o->b, attrs[i].name);
		buf_put_str(o->b, attrs[i].required ? ": " : "?: ");
		S_resolved(o, attrs[i].type);
		buf_put_str(o->b, i + 1 < n ? ",\n" : "\n");
	}
	o->indent--;
	S_indent(o);
	buf_put_str(o->b, "}");
}

/* A full name, which must not mean something within the namespace. */
static void
S_full_name(struct cedar_out *o, span name)
{
	buf_reset(&o->name);
	buf_put(&o->name, o->ns->name);
	buf_put_str(&o->name, "::");
	buf_put(&o->name, name);
	span inner = buf_span(&o->name);
	o->lossy |= !span_empty(o->ns->name) && (cedar_schema_entity_type(o->s, inner) ||
	            (o->s->n_commons && bsearch(&inner, o->s->commons, o->s->n_commons, sizeof(span), S_cmp_spans)));
	S_entity_name(o, name);
}

static void
S_resolved(struct cedar_out *o, const struct cedar_type *t)
{
	switch (t->kind) {
	case CEDAR_TYPE_ENTITY:
		S_full_name(o, t->ents[0]->name);
		return;
	case CEDAR_TYPE_SET:
		buf_put_str(o->b, "Set<");
		S_resolved(o, t->elem);
		buf_put_str(o->b, ">");
		return;
	case CEDAR_TYPE_RECORD:
		S_resolved_record(o, t->attrs, t->n);
		return;
	default:
		S_builtin(o, span_str(cedar_type_name(t->kind)));
		return;
	}
}

static void
S_named_shape(struct cedar_out *o, span name)
{
	buf_reset(&o->name);
	buf_put(&o->name, o->ns->name);
	buf_put_str(&o->name, span_empty(o->ns->name) ? "" : "::");
	buf_put(&o->name, name);
	const struct cedar_entity_type *t = cedar_schema_entity_type(o->s, buf_span(&o->name));
	if (t && t->n_attrs) {
		buf_put_u8(o->b, ' ');
		S_resolved_record(o, t->attrs, t->n_attrs);
	}
}

static void
S_types(struct cedar_out *o, const struct raw_ref *f)
{
	bool list = f && f->next;
	buf_put_str(o->b, list ? "[" : "");
	for (const struct raw_ref *r = f; r; r = r->next) {
		buf_put(o->b, r->type);
		buf_put_str(o->b, r->next ? ", " : "");
	}
	buf_put_str(o->b, list ? "]" : "");
}

static void
S_entity(struct cedar_out *o, const struct raw_entity *e)
{
	S_annotations(o, e->annotations);
	S_indent(o);
	buf_put_str(o->b, "entity ");
	buf_put(o->b, e->name);
	if (e->is_enum) {
		buf_put_str(o->b, " enum [");
		for (const struct raw_ref *f = e->ids; f; f = f->next) {
			cedar_put_quoted(o->b, f->id);
			buf_put_str(o->b, f->next ? ", " : "]");
		}
	} else {
		if (e->parents) {
			buf_put_str(o->b, " in ");
			S_types(o, e->parents);
		}
		if (e->shape && e->shape->kind == RAW_RECORD) {
			if (e->shape->attrs) {
				buf_put_u8(o->b, ' ');
				S_record(o, e->shape->attrs);
			}
		} else if (e->shape) {
			S_named_shape(o, e->name);
		}
		if (e->tags) {
			buf_put_str(o->b, " tags ");
			S_type(o, e->tags);
		}
	}
	buf_put_str(o->b, ";\n");
}

static void
S_action_ref(struct cedar_out *o, const struct raw_ref *f)
{
	if (!span_empty(f->type)) {
		buf_put(o->b, f->type);
		buf_put_str(o->b, "::");
	}
	cedar_put_quoted(o->b, f->id);
}

static void
S_action(struct cedar_out *o, const struct raw_action *a)
{
	S_annotations(o, a->annotations);
	S_indent(o);
	buf_put_str(o->b, "action ");
	cedar_put_quoted(o->b, a->id);
	if (a->parents) {
		buf_put_str(o->b, " in [");
		for (const struct raw_ref *f = a->parents; f; f = f->next) {
			S_action_ref(o, f);
			buf_put_str(o->b, f->next ? ", " : "]");
		}
	}
	/* JSON may apply an action to no types at all, which is what leaving `appliesTo` out says here */
	if (a->applies && a->principals && a->resources) {
		buf_put_str(o->b, " appliesTo {\n");
		o->indent++;
		S_indent(o);
		buf_put_str(o->b, "principal: ");
		S_types(o, a->principals);
		buf_put_str(o->b, ",\n");
		S_indent(o);
		buf_put_str(o->b, "resource: ");
		S_types(o, a->resources);
		if (a->context) {
			buf_put_str(o->b, ",\n");
			S_indent(o);
			buf_put_str(o->b, "context: ");
			S_type(o, a->context);
		}
		buf_put_str(o->b, "\n");
		o->indent--;
		S_indent(o);
		buf_put_str(o->b, "}");
	}
	buf_put_str(o->b, ";\n");
}

static void
S_namespace(struct cedar_out *o, const struct raw_namespace *n)
{
	o->ns = n;
	if (!span_empty(n->name)) {
		S_annotations(o, n->annotations);
		buf_put_str(o->b, "namespace ");
		buf_put(o->b, n->name);
		buf_put_str(o->b, " {\n");
		o->indent++;
	}
	for (const struct raw_common *c = n->commons; c; c = c->next) {
		S_annotations(o, c->annotations);
		S_indent(o);
		buf_put_str(o->b, "type ");
		buf_put(o->b, c->name);
		buf_put_str(o->b, " = ");
		S_type(o, c->type);
		buf_put_str(o->b, ";\n");
	}
	for (const struct raw_entity *e = n->entities; e; e = e->next)
		S_entity(o, e);
	for (const struct raw_action *a = n->actions; a; a = a->next)
		S_action(o, a);
	if (!span_empty(n->name)) {
		o->indent--;
		buf_put_str(o->b, "}\n");
	}
}

status
cedar_schema_to_cedar(const struct cedar_schema *s, struct buf *b)
{
	struct cedar_out o = { .b = b, .s = s };
	buf_init(&o.name, CEDAR_SCHEMA_MAX);
	for (const struct raw_namespace *n = s->raw.namespaces; n; n = n->next)
		S_namespace(&o, n);
	buf_fini(&o.name);
	ENSURE(!o.lossy, E_NOT_IMPLEMENTED);
	return buf_finish(b);
}
