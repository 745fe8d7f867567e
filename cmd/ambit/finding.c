#include "finding.h"

#include "escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct rule_help rule_helps[RULE_COUNT] = {
#define R(name, text, level, title, why, bad, good) [RULE_##name] = { text, level, title, why, bad, good },
#include "rules.def"
#undef R
};

const char *level_name(enum level l) { return l == LEVEL_ERROR ? "error" : l == LEVEL_WARNING ? "warning" : "note"; }

enum rule_id
rule_from(const char *id)
{
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (strcmp(rule_helps[i].id, id) == 0)
			return (enum rule_id)i;
	return RULE_COUNT;
}

static void
put_example(const char *label, const char *text, struct buf *b)
{
	buf_printf(b, "\n%s\n", label);
	for (const char *s = text; *s;) {
		size_t n = strcspn(s, "\n");
		buf_printf(b, "    %.*s\n", (int)n, s);
		s += n + (s[n] == '\n');
	}
}

void
rule_page(enum rule_id r, struct buf *b)
{
	const struct rule_help *h = &rule_helps[r];
	buf_printf(b, "%s (%s): %s\n\n%s\n", h->id, level_name(h->level), h->title, h->why);
	put_example("Found:", h->bad, b);
	put_example("Meant:", h->good, b);
}

/* ---- collecting ---- */

void
findings_fini(struct findings *f)
{
	free(f->items);
	*f = (struct findings){ 0 };
}

void
findings_add(struct findings *f, enum rule_id r, const struct source_text *src, const struct cedar_policy *p, const struct cedar_diag *d)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct finding *items = realloc(f->items, cap * sizeof *items);
		if (!items) {
			f->oom = true;
			return;
		}
		f->items = items;
		f->cap = cap;
	}
	f->items[f->n++] = (struct finding){ r, rule_helps[r].level, src, *d, p };
}

void
finding_at(struct findings *f, enum rule_id r, const struct source_text *src, const struct cedar_policy *p, struct cedar_pos pos, uint32_t end,
           const char *hint, const char *fmt, ...)
{
	struct cedar_diag d;
	char what[sizeof d.what];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	IGNORE(cedar_diag_set(&d, E_BAD_POLICY, pos, hint, "%s", what)); /* the words are what is wanted */
	d.end = end > pos.offset ? end : pos.offset;
	findings_add(f, r, src, p, &d);
}

static int
by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	if (x->source->order != y->source->order)
		return x->source->order < y->source->order ? -1 : 1;
	if (x->at.offset != y->at.offset)
		return x->at.offset < y->at.offset ? -1 : 1;
	return (int)x->rule - (int)y->rule;
}

static size_t
count(const struct findings *f, enum level l)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += f->items[i].level == l;
	return n;
}

/* ---- for people ---- */

static const char *
path_of(const struct finding *f)
{
	return strcmp(f->source->path, "-") == 0 ? "standard input" : f->source->path;
}

/* The line of the place, and under it carets as far as the finding goes on that line. */
static void
put_excerpt(const struct finding *f, struct buf *b)
{
	span text = f->source->text;
	if (!f->at.line || f->at.offset > text.n)
		return;
	size_t from = f->at.offset, end = f->at.offset;
	while (from > 0 && text.p[from - 1] != '\n')
		from--;
	while (end < text.n && text.p[end] != '\n')
		end++;
	size_t stop = f->at.end <= f->at.offset ? f->at.offset : f->at.end < end ? f->at.end : end;
	char number[16];
	int width = snprintf(number, sizeof number, "%u", f->at.line);
	buf_printf(b, " %s | ", number);
	escape_text(span_sub(text, from, end - from), true, b);
	buf_printf(b, "\n %*s | ", width, "");
	for (size_t i = from; i < f->at.offset; i++)
		if (text.p[i] == '\t')
			buf_put_u8(b, '\t');
		else if ((text.p[i] & 0xc0) != 0x80)
			buf_put_u8(b, ' ');
	size_t carets = stop > f->at.offset ? escape_width(span_sub(text, f->at.offset, stop - f->at.offset)) : 1;
	for (size_t i = 0; i < carets; i++)
		buf_put_u8(b, '^');
	buf_put_u8(b, '\n');
}

static void
put_people(struct cli *c, const struct findings *f, struct buf *b)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		escape_text(span_str(path_of(x)), false, b);
		if (x->at.line)
			buf_printf(b, ":%u:%u", x->at.line, x->at.col);
		const char *colour = x->level == LEVEL_ERROR ? "\033[31m" : x->level == LEVEL_WARNING ? "\033[33m" : "";
		buf_printf(b, ": %s%s%s: ", c->colour ? colour : "", level_name(x->level), c->colour && *colour ? "\033[0m" : "");
		escape_text(span_str(x->at.what), false, b);
		buf_printf(b, " [%s]\n", rule_helps[x->rule].id);
		put_excerpt(x, b);
		if (x->at.hint[0]) {
			buf_put_str(b, "   = ");
			escape_text(span_str(x->at.hint), false, b);
			buf_put_u8(b, '\n');
		}
	}
	size_t e = count(f, LEVEL_ERROR), w = count(f, LEVEL_WARNING), n = count(f, LEVEL_NOTE);
	buf_printf(b, "%zu file%s  %zu polic%s  ", f->files, f->files == 1 ? "" : "s", f->policies, f->policies == 1 ? "y" : "ies");
	if (!f->n)
		buf_put_str(b, "no findings");
	else
		buf_printf(b, "%zu error%s  %zu warning%s", e, e == 1 ? "" : "s", w, w == 1 ? "" : "s");
	if (n)
		buf_printf(b, "  %zu note%s", n, n == 1 ? "" : "s");
	buf_put_u8(b, '\n');
}

/* ---- for programs ---- */

/* Where the finding ends, counted like its beginning. */
static void
end_place(const struct finding *f, uint32_t *line, uint32_t *col)
{
	*line = f->at.line;
	*col = f->at.col;
	for (size_t i = f->at.offset; i < f->at.end && i < f->source->text.n; i++) {
		uint8_t ch = f->source->text.p[i];
		if (ch == '\n') {
			++*line;
			*col = 1;
		} else if ((ch & 0xc0) != 0x80) {
			++*col;
		}
	}
}

/* The @id, or the empty span. */
static span
name_of(const struct cedar_policy *p)
{
	span id = { 0 };
	if (p)
		cedar_policy_annotation(p, SPAN("id"), &id);
	return id;
}

static void
put_json(const struct findings *f, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_karr(&w, "items");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->items[i];
		char place[64];
		uint32_t line, col;
		end_place(x, &line, &col);
		json_w_obj(&w);
		json_w_kcstr(&w, "rule", rule_helps[x->rule].id);
		json_w_kcstr(&w, "level", level_name(x->level));
		json_w_kcstr(&w, "file", path_of(x));
		json_w_kint(&w, "line", x->at.line);
		json_w_kint(&w, "column", x->at.col);
		json_w_kint(&w, "end_line", line);
		json_w_kint(&w, "end_column", col);
		struct buf p;
		buf_init(&p, 8192);
		buf_put_str(&p, path_of(x));
		snprintf(place, sizeof place, ":%u:%u", x->at.line, x->at.col);
		buf_put_str(&p, place);
		json_w_kstr(&w, "place", buf_span(&p));
		buf_fini(&p);
		json_w_kcstr(&w, "message", x->at.what);
		if (x->at.hint[0])
			json_w_kcstr(&w, "hint", x->at.hint);
		if (name_of(x->policy).n)
			json_w_kstr(&w, "id", name_of(x->policy));
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_kint(&w, "files", (int64_t)f->files);
	json_w_kint(&w, "policies", (int64_t)f->policies);
	json_w_kint(&w, "errors", (int64_t)count(f, LEVEL_ERROR));
	json_w_kint(&w, "warnings", (int64_t)count(f, LEVEL_WARNING));
	json_w_kint(&w, "notes", (int64_t)count(f, LEVEL_NOTE));
	json_w_obj_end(&w);
}

static void
sarif_text(struct json_writer *w, const char *key, const char *text)
{
	json_w_kobj(w, key);
	json_w_kcstr(w, "text", text);
	json_w_obj_end(w);
}

/* A path as a URI reference (RFC 3986): everything but its own characters percent-encoded. */
static void
sarif_uri(struct json_writer *w, const char *path)
{
	struct buf b;
	buf_init(&b, 32768);
	if (path[0] == '/')
		buf_put_str(&b, "file://");
	for (const char *s = path; *s; s++) {
		unsigned char ch = (unsigned char)*s;
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || strchr("-._~/", ch);
		if (plain)
			buf_put_u8(&b, ch);
		else
			buf_printf(&b, "%%%02X", ch);
	}
	json_w_kstr(w, "uri", buf_span(&b));
	buf_fini(&b);
}

static void
sarif_rules(struct json_writer *w)
{
	json_w_karr(w, "rules");
	for (unsigned i = 0; i < RULE_COUNT; i++) {
		const struct rule_help *h = &rule_helps[i];
		json_w_obj(w);
		json_w_kcstr(w, "id", h->id);
		sarif_text(w, "shortDescription", h->title);
		sarif_text(w, "fullDescription", h->why);
		struct buf b;
		buf_init(&b, 16384);
		rule_page((enum rule_id)i, &b);
		json_w_kobj(w, "help");
		json_w_kstr(w, "text", buf_span(&b));
		json_w_obj_end(w);
		buf_fini(&b);
		json_w_kobj(w, "defaultConfiguration");
		json_w_kcstr(w, "level", level_name(h->level));
		json_w_obj_end(w);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
sarif_result(struct json_writer *w, const struct finding *x)
{
	uint32_t line, col;
	char text[sizeof x->at.what + sizeof x->at.hint + 8];
	end_place(x, &line, &col);
	snprintf(text, sizeof text, "%s%s%s", x->at.what, x->at.hint[0] ? "; " : "", x->at.hint);
	json_w_obj(w);
	json_w_kcstr(w, "ruleId", rule_helps[x->rule].id);
	json_w_kint(w, "ruleIndex", x->rule);
	json_w_kcstr(w, "level", level_name(x->level));
	sarif_text(w, "message", text);
	json_w_karr(w, "locations");
	json_w_obj(w);
	json_w_kobj(w, "physicalLocation");
	json_w_kobj(w, "artifactLocation");
	sarif_uri(w, strcmp(x->source->path, "-") == 0 ? "stdin.cedar" : x->source->path);
	json_w_obj_end(w);
	if (x->at.line) {
		json_w_kobj(w, "region");
		json_w_kint(w, "startLine", x->at.line);
		json_w_kint(w, "startColumn", x->at.col);
		json_w_kint(w, "endLine", line);
		json_w_kint(w, "endColumn", col);
		json_w_obj_end(w);
	}
	json_w_obj_end(w);
	json_w_obj_end(w);
	json_w_arr_end(w);
	json_w_obj_end(w);
}

static void
put_sarif(const struct findings *f, struct buf *b)
{
	struct json_writer w = json_w_pretty(b);
	json_w_obj(&w);
	json_w_kcstr(&w, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_w_kcstr(&w, "version", "2.1.0");
	json_w_karr(&w, "runs");
	json_w_obj(&w);
	json_w_kobj(&w, "tool");
	json_w_kobj(&w, "driver");
	json_w_kcstr(&w, "name", "ambit");
	json_w_kcstr(&w, "version", AMBIT_VERSION);
	sarif_rules(&w);
	json_w_obj_end(&w);
	json_w_obj_end(&w);
	json_w_kcstr(&w, "columnKind", "unicodeCodePoints");
	json_w_karr(&w, "results");
	for (size_t i = 0; i < f->n; i++)
		sarif_result(&w, &f->items[i]);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	buf_put_u8(b, '\n');
}

int
findings_tell(struct cli *c, struct findings *f)
{
	struct buf b;
	const struct json *v;
	buf_init(&b, 64 << 20);
	if (f->n)
		qsort(f->items, f->n, sizeof *f->items, by_place);
	bool sarif = c->form && strcmp(c->form, "sarif") == 0;
	int code = 0;
	status s;
	if (sarif)
		put_sarif(f, &b);
	else if (cli_json(c) || c->output == OUT_NAME || c->field)
		put_json(f, &b);
	else
		put_people(c, f, &b);
	s = f->oom ? FAIL(E_NO_MEMORY) : buf_finish(&b);
	bool machine = !sarif && (cli_json(c) || c->output == OUT_NAME || c->field);
	static const struct json_opts opts = { .max_bytes = 64 << 20, .max_nodes = 4 << 20 };
	if (!failed(s) && machine)
		s = json_parse(buf_span(&b), &opts, &c->arena, &v, NULL);
	if (failed(s))
		code = cli_fail(c, s.code == E_BAD_UTF8 ? E_BAD_UTF8 : E_NO_MEMORY, error_text(s.code), NULL, "the findings cannot be told");
	else if (!machine || !out_machine(c, v, &code))
		code = out_write(buf_span(&b));
	buf_fini(&b);
	bool found = false;
	for (size_t i = 0; i < f->n; i++)
		found |= f->items[i].level != LEVEL_NOTE;
	return code ? code : found ? error_exit(E_FINDINGS) : 0;
}
