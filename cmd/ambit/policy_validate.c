/* policy validate: policies held against a schema: a file's, or the one that follows from the tools there are. */
#include "catalogue.h"
#include "cedar/schema.h"
#include "cedar/validate.h"

#include <stdio.h>
#include <unistd.h>

struct against {
	struct cedar_schema *schema;     /* of a schema file, else that of `tools` */
	struct cedar_toolschema *tools;
};

static enum rule_id
rule_of(enum cedar_finding_kind k)
{
	switch (k) {
	case CEDAR_FIND_UNKNOWN_TYPE: case CEDAR_FIND_UNKNOWN_ACTION: case CEDAR_FIND_UNKNOWN_ID:
		return RULE_UNKNOWN_NAME;
	case CEDAR_FIND_INAPPLICABLE: case CEDAR_FIND_IMPOSSIBLE:
		return RULE_IMPOSSIBLE;
	case CEDAR_FIND_TYPE: case CEDAR_FIND_INCOMPATIBLE: case CEDAR_FIND_UNKNOWN_ATTR: case CEDAR_FIND_UNSAFE_ATTR: case CEDAR_FIND_UNSAFE_TAG: case CEDAR_FIND_EMPTY_SET:
	case CEDAR_FIND_CALL: case CEDAR_FIND_LEVEL: case CEDAR_FIND_COUNT:
		return RULE_VALIDATION;
	}
	return RULE_VALIDATION;
}

/* A schema text: Cedar's own syntax, or JSON. */
static bool
read_schema(struct cli *c, const char *path, struct against *a, struct findings *f, int *ret_exit)
{
	span text;
	struct cedar_diag d = { 0 };
	status s = walk_read(&c->arena, path, CEDAR_SCHEMA_MAX, &text);
	if (failed(s)) {
		*ret_exit = cli_fail(c, s.code, s.code == E_NOT_FOUND ? "no such file" : error_text(s.code), NULL, "%s cannot be read", path);
		return false;
	}
	size_t i = 0;
	while (i < text.n && (text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\t'))
		i++;
	/* A Cedar schema never begins with a brace. */
	s = i < text.n && text.p[i] == '{' ? cedar_schema_parse_json(text, &d, &a->schema) : cedar_schema_parse(text, &d, &a->schema);
	if (failed(s) && s.code != E_NO_MEMORY) {
		struct source_text *src = ARENA_NEW(&c->arena, struct source_text);
		if (src) {
			*src = (struct source_text){ path, text, SIZE_MAX };
			findings_add(f, RULE_SYNTAX, src, NULL, &d);
			*ret_exit = findings_tell(c, f);
			return false;
		}
	}
	if (failed(s))
		*ret_exit = cli_fail(c, s.code, NULL, NULL, "the schema cannot be read");
	return !failed(s);
}

static bool
read_tools(struct cli *c, const struct policyset *set, struct against *a, int *ret_exit)
{
	struct catalogue k = { 0 };
	struct cedar_diag d = { 0 };
	struct buf err;
	const char *path, *why = "";
	status s = OK;
	buf_init(&err, 65536);
	if (args_has(&c->args, "server") && !catalogue_ask(c, &k, ret_exit))
		return false;
	for (size_t i = 0; !failed(s) && (path = args_next(&c->args, "tools", &i));)
		s = catalogue_file(c, &k, path, &err);
	/* Tools files first: they say more. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < set->other_n && !failed(s); i++)
			if (set->others[i].kind == (pass ? FILE_RESOURCES : FILE_TOOLS))
				s = catalogue_file(c, &k, set->others[i].path, &err);
	catalogue_settle(&k);
	if (!failed(s) && !k.n)
		*ret_exit = cli_fail(c, E_BAD_REQUEST, "no --schema, no --tools, no --server, and no tools in the folder",
		    "ambit tool catalogue > policies/all_tools.json, then ambit policy validate policies/", "against which schema?");
	if (!failed(s) && k.n)
		s = catalogue_schema(c, &k, &d, &a->tools);
	if (failed(s)) {
		IGNORE(buf_finish_str(&err, &why));
		*ret_exit = d.what[0] ? cli_fail(c, s.code, d.hint[0] ? d.hint : NULL, NULL, "%s", d.what) : cli_fail(c, s.code, error_text(s.code), NULL, "%.*s", (int)strcspn(why, "\n"), why);
	} else if (k.n && k.bare && !c->quiet && !cli_json(c)) {
		dprintf(STDERR_FILENO, "ambit: the arguments of %zu tool%s are not known, so nothing of `context.input` is; `ambit tool catalogue` writes what a server knows\n", k.bare, k.bare == 1 ? "" : "s");
	}
	buf_fini(&err);
	if (a->tools)
		a->schema = cedar_schema_ref(cedar_toolschema_schema(a->tools));
	return a->schema != NULL;
}

static status
judge(const struct against *a, const struct policyset *set, struct findings *f)
{
	static const struct cedar_validate_opts opts = { .inapplicable_warns = true };
	for (size_t i = 0; i < set->n; i++) {
		CLEANUP(cedar_report_fini) struct cedar_report r;
		if (!set->texts[i]->ast)
			continue;
		cedar_report_init(&r, 1000);
		TRY(cedar_validate(a->schema, set->texts[i]->ast, &opts, &r));
		ENSURE(!r.oom, E_NO_MEMORY);
		for (uint32_t k = 0; k < r.n; k++) {
			findings_add(f, rule_of(r.items[k].kind), &set->texts[i]->source, r.items[k].policy, &r.items[k].diag);
			if (r.items[k].warning && f->n)
				f->items[f->n - 1].level = LEVEL_WARNING;
		}
	}
	return OK;
}

int
policy_validate_run(struct cli *c)
{
	struct findings f = { 0 };
	struct policyset set;
	struct against a = { 0 };
	const char *schema = args_str(&c->args, "schema");
	int code;
	if (policyset_read(c, c->args.pos, c->args.n_pos, &set, &f, &code)) {
		bool ready = schema ? read_schema(c, schema, &a, &f, &code) : read_tools(c, &set, &a, &code);
		if (ready) {
			status s = judge(&a, &set, &f);
			code = failed(s) ? cli_fail(c, s.code, error_text(s.code), NULL, "the policies cannot be held against the schema") : findings_tell(c, &f);
		}
		policyset_fini(&set);
	}
	cedar_schema_unref(a.schema);
	cedar_toolschema_unref(a.tools);
	findings_fini(&f);
	return code;
}
