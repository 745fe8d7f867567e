/* policy replay: recorded decisions under a candidate set of policies. Everything is asked of the server first; the evaluation is this process's own, so it can take its time
 * and be stopped at any moment without the server noticing. */
#include "escape.h"
#include "fixture.h"
#include "serverset.h"
#include "text/time.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { REPLAY_LIST = 200, REPLAY_REASONS = 64, REPLAY_TASKS = 200000 };

/* Verdicts as they are counted; ORDER words. */
enum { WAS_ALLOW, WAS_DENY, WAS_PENDING, WAS_COUNT };
static const char *const words[] = { "allow", "deny", "approval required", "open" };

struct task_facts {
	struct task_facts *next;
	span id, purpose, workflow;
	int64_t created, depth;          /* created: ns */
	bool known;
};

struct change {
	const struct json *event;
	uint8_t was, now;
	const char *rules;
};

struct reason {
	const char *text;
	size_t n;
};

struct replaying {
	struct cli *c;
	struct policyset set;
	struct catalogue tools;
	const struct json *resources;
	struct trial *trial;
	size_t table[WAS_COUNT][TRIAL_OPEN + 1];
	struct change *changes;
	size_t calls, change_n, kept, elsewhere;
	struct reason skipped[REPLAY_REASONS], open[REPLAY_REASONS];
	size_t skipped_n, open_n;
	struct task_facts *tasks[1024];
	size_t task_n;
	bool oom;
};

static void
tally(struct replaying *r, struct reason *list, size_t *n, const char *text)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(list[i].text, text) == 0) {
			list[i].n++;
			return;
		}
	/* The last place counts everything that finds no other. */
	size_t at = *n < REPLAY_REASONS ? (*n)++ : REPLAY_REASONS - 1;
	const char *copy = arena_cstr(&r->c->arena, span_str(text));
	r->oom |= !copy;
	list[at] = (struct reason){ copy ? copy : "", list[at].n + 1 };
}

static span
str_of(const struct json *v, const char *key)
{
	span s = { 0 };
	IGNORE(json_opt_str(v, key, &s, NULL));          /* absent is empty */
	return s;
}

static int64_t
moment(span s)
{
	int64_t ns;
	return time_parse(s, &ns) ? ns : 0;
}

/* ---- what the task was ---- */

static size_t
slot(span id)
{
	size_t h = 5381;
	for (size_t i = 0; i < id.n; i++)
		h = h * 33 + id.p[i];
	return h % 1024;
}

static bool
ask_task(struct replaying *r, struct task_facts *t, int *ret_exit)
{
	struct buf b;
	struct answer a;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kstr(&w, "task", t->id);
	json_w_kint(&w, "from", 1);
	json_w_kint(&w, "limit", 1);
	json_w_obj_end(&w);
	bool ok = cli_get(r->c, PEER_PEOPLE, "audit/list", buf_span(&b), &a, ret_exit);
	buf_fini(&b);
	if (!ok)
		return false;
	const struct json *e = json_path(a.json, "items.0");
	span type = str_of(e, "type");
	if (!span_is(type, "task.requested") && !span_is(type, "task.delegated"))
		return true;
	t->known = true;
	t->purpose = str_of(e, "purpose");
	t->workflow = str_of(e, "workflow");
	t->depth = int_at(e, "depth", 0);
	t->created = moment(str_of(e, "time"));
	return true;
}

/* Asked once a task. NULL: it cannot be asked, and *ret_exit is set. */
static const struct task_facts *
facts(struct replaying *r, span id, int *ret_exit)
{
	for (struct task_facts *t = r->tasks[slot(id)]; t; t = t->next)
		if (span_eq(t->id, id))
			return t;
	struct task_facts *t = ARENA_NEW(&r->c->arena, struct task_facts);
	if (!t || r->task_n++ > REPLAY_TASKS) {
		*ret_exit = cli_fail(r->c, E_NO_MEMORY, NULL, "a shorter --since", "too many tasks to look at");
		return NULL;
	}
	t->id = id;
	if (!ask_task(r, t, ret_exit))
		return NULL;
	t->next = r->tasks[slot(id)];
	r->tasks[slot(id)] = t;
	return t;
}

/* ---- one decision ---- */

static bool
by_policy(span code)
{
	static const char *const codes[] = { "policy_denied", "no_permit", "policy_error", "approval_rejected" };
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (span_is(code, codes[i]))
			return true;
	return false;
}

static bool
was(const struct json *e, uint8_t *ret)
{
	span type = str_of(e, "type"), code = str_of(e, "code");
	bool human = str_of(e, "approval").n || span_is(code, "approval_rejected");
	*ret = human || span_is(type, "decision.pending") ? WAS_PENDING : span_is(type, "decision.allowed") ? WAS_ALLOW : WAS_DENY;
	return !span_is(type, "decision.denied") || by_policy(code);
}

static void
record_of(const struct json *e, const struct task_facts *t, struct trial_record *rec, struct trial_task *task, span *labels)
{
	span resource = str_of(e, "resource"), channel = str_of(e, "channel");
	enum sensitivity s;
	size_t at = 0;
	*rec = (struct trial_record){ .q = { .agent = str_of(e, "agent_name"), .tool = str_of(e, "tool"), .environment = str_of(e, "environment"), .task = task } };
	while (at + 1 < resource.n && !(resource.p[at] == ':' && resource.p[at + 1] == ':'))
		at++;
	if (at + 1 < resource.n) {
		rec->q.resource_type = span_sub(resource, 0, at);
		rec->q.resource_id = span_sub(resource, at + 2, resource.n);
	}
	/* A local peer is always attested; of others the record does not say. */
	rec->channel_known = span_is(channel, "local");
	rec->q.channel = rec->channel_known ? "local" : "tls";
	rec->q.at = moment(str_of(e, "time"));
	*task = (struct trial_task){ .id = str_of(e, "task"), .user = str_of(e, "user"), .user_proven = str_of(e, "user").n > 0 };
	if (sensitivity_from(str_of(e, "high_water"), &s))
		task->sensitivity = (uint8_t)s;
	if (!t)
		return;
	task->purpose = t->purpose;
	task->workflow = t->workflow;
	task->depth = t->depth <= TRIAL_DEPTH_MAX ? t->depth : TRIAL_DEPTH_MAX;
	task->age_seconds = (rec->q.at - t->created) / 1000000000;
	task->calls = int_at(e, "count", -1);
	json_for_items(it, json_gets(e, "labels"))
		if (json_is_str(it) && task->label_n < TRIAL_LABELS_MAX)
			labels[task->label_n++] = it->str;
	task->labels = labels;
	rec->task_known = t->known && task->calls >= 0;
	if (task->calls < 0)
		task->calls = 0;
}

static const char *
rules_text(struct replaying *r, const struct trial_outcome *o)
{
	struct buf b;
	buf_init(&b, 16384);
	for (uint8_t i = 0; i < o->rule_n; i++)
		buf_printf(&b, "%s%.*s (%.*s:%u)", i ? ", " : "", SPAN_ARG(o->rules[i]->id), SPAN_ARG(o->rules[i]->file), o->rules[i]->line);
	const char *s = arena_cstr(&r->c->arena, buf_span(&b));
	r->oom |= !s;
	buf_fini(&b);
	return s ? s : "";
}

static bool
replay_one(struct replaying *r, const struct json *e, int *ret_exit)
{
	struct trial_record rec;
	struct trial_task task;
	struct trial_outcome o;
	const struct task_facts *t = NULL;
	span labels[TRIAL_LABELS_MAX];
	uint8_t old;
	r->calls++;
	if (!was(e, &old)) {
		r->elsewhere++;
		return true;
	}
	if (str_of(e, "task").n && !(t = facts(r, str_of(e, "task"), ret_exit)))
		return false;
	record_of(e, t, &rec, &task, labels);
	status s = trial_replay(r->trial, &rec, &o);
	if (s.code == E_NO_MEMORY) {
		r->oom = true;
	} else if (failed(s)) {
		tally(r, r->skipped, &r->skipped_n, s.code == E_AGENT_UNKNOWN ? "the agent is gone" : s.code == E_TOOL_UNKNOWN ? "the tool is gone" :
		                                    s.code == E_BAD_ARGUMENTS ? "the tool's resource mapping has changed" : error_text(s.code));
	} else {
		r->table[old][o.kind]++;
		if (o.kind == TRIAL_OPEN)
			tally(r, r->open, &r->open_n, rules_text(r, &o));
		else if ((old == WAS_ALLOW) != (o.kind == TRIAL_ALLOW) || (old == WAS_DENY) != (o.kind == TRIAL_DENY)) {
			r->change_n++;
			if (r->kept < REPLAY_LIST)
				r->changes[r->kept++] = (struct change){ e, old, o.kind, rules_text(r, &o) };
		}
	}
	return true;
}

/* Page after page, so that nothing has to be held but what has changed. */
static bool
replay_type(struct replaying *r, const char *type, const char *since, int *ret_exit)
{
	const char *cursor = NULL;
	bool ok = true;
	do {
		struct answer a;
		struct buf b;
		buf_init(&b, 4096);
		buf_printf(&b, "{\"type\":\"%s\",\"since\":\"%s\",\"from\":1,\"limit\":1000", type, since);
		if (cursor)
			buf_printf(&b, ",\"cursor\":\"%s\"", cursor);
		buf_put_u8(&b, '}');
		ok = cli_get(r->c, PEER_PEOPLE, "audit/list", buf_span(&b), &a, ret_exit);
		buf_fini(&b);
		json_for_items(it, ok ? json_gets(a.json, "items") : NULL)
			if (ok && !r->oom)
				ok = replay_one(r, it, ret_exit);
		const struct json *next = ok ? json_gets(a.json, "next") : NULL;
		cursor = json_is_str(next) ? arena_cstr(&r->c->arena, next->str) : NULL;
	} while (ok && cursor && !r->oom);
	return ok;
}

/* ---- telling ---- */

static void
put_number(size_t n, struct buf *b)
{
	char t[32];
	int len = snprintf(t, sizeof t, "%zu", n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_put_u8(b, ' ');
		buf_put_u8(b, (uint8_t)t[i]);
	}
}

static void
put_people(struct replaying *r, const char *since, struct buf *b)
{
	struct cli *c = r->c;
	for (uint8_t old = 0; old < WAS_COUNT; old++)
		for (uint8_t now = 0; now < TRIAL_OPEN; now++) {
			if (old == now || !r->table[old][now])
				continue;
			put_number(r->table[old][now], b);
			buf_printf(b, " %s -> %s\n", words[old], words[now]);
			for (size_t i = 0; i < r->kept; i++) {
				const struct change *x = &r->changes[i];
				if (x->was != old || x->now != now)
					continue;
				buf_printf(b, "  %s  %s  %s  %s%s%s\n", text_at(c, x->event, "event"), text_at(c, x->event, "agent_name"), text_at(c, x->event, "tool"), text_at(c, x->event, "resource"),
				    *x->rules ? "  by " : "  no rule permits it", x->rules);
			}
		}
	put_number(r->calls, b);
	buf_printf(b, " calls since %s: ", since);
	put_number(r->change_n, b);
	buf_put_str(b, " change");
	size_t open = 0, skipped = 0;
	for (size_t i = 0; i < WAS_COUNT; i++)
		open += r->table[i][TRIAL_OPEN];
	for (size_t i = 0; i < r->skipped_n; i++)
		skipped += r->skipped[i].n;
	buf_printf(b, "; %zu allow -> deny, %zu deny -> allow\n", r->table[WAS_ALLOW][TRIAL_DENY], r->table[WAS_DENY][TRIAL_ALLOW]);
	if (r->elsewhere)
		buf_printf(b, "%zu were refused before or after policy was asked, and would be again\n", r->elsewhere);
	if (open)
		buf_printf(b, "%zu cannot be told: arguments are recorded as a digest only, and a rule looks at them\n", open);
	for (size_t i = 0; i < r->open_n; i++)
		buf_printf(b, "  %zu  %s\n", r->open[i].n, r->open[i].text);
	if (skipped)
		buf_printf(b, "%zu were not replayed\n", skipped);
	for (size_t i = 0; i < r->skipped_n; i++)
		buf_printf(b, "  %zu  %s\n", r->skipped[i].n, r->skipped[i].text);
}

static void
json_reasons(struct json_writer *w, const char *key, const struct reason *list, size_t n)
{
	json_w_karr(w, key);
	for (size_t i = 0; i < n; i++) {
		json_w_obj(w);
		json_w_kcstr(w, "reason", list[i].text);
		json_w_kint(w, "calls", (int64_t)list[i].n);
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

static void
put_json(struct replaying *r, const char *since, struct buf *b)
{
	struct json_writer w = json_w(b);
	size_t same = 0;
	json_w_obj(&w);
	json_w_karr(&w, "items");
	for (size_t i = 0; i < r->kept; i++) {
		const struct change *x = &r->changes[i];
		json_w_obj(&w);
		static const char *const keep[] = { "event", "time", "task", "agent_name", "tool", "resource" };
		for (size_t k = 0; k < ARRAY_LEN(keep); k++)
			if (json_gets(x->event, keep[k])) {
				json_w_key(&w, span_str(keep[k]));
				json_w_value(&w, json_gets(x->event, keep[k]));
			}
		json_w_kcstr(&w, "was", words[x->was]);
		json_w_kcstr(&w, "now", words[x->now]);
		json_w_kcstr(&w, "rules", x->rules);
		json_w_obj_end(&w);
	}
	json_w_arr_end(&w);
	json_w_kcstr(&w, "since", since);
	json_w_kint(&w, "calls", (int64_t)r->calls);
	json_w_kint(&w, "changes", (int64_t)r->change_n);
	json_w_kobj(&w, "table");
	for (uint8_t old = 0; old < WAS_COUNT; old++) {
		json_w_kobj(&w, words[old]);
		for (uint8_t now = 0; now <= TRIAL_OPEN; now++)
			json_w_kint(&w, words[now], (int64_t)r->table[old][now]);
		json_w_obj_end(&w);
		same += r->table[old][old];
	}
	json_w_obj_end(&w);
	json_w_kint(&w, "same", (int64_t)same);
	json_w_kint(&w, "not_by_policy", (int64_t)r->elsewhere);
	json_reasons(&w, "open", r->open, r->open_n);
	json_reasons(&w, "skipped", r->skipped, r->skipped_n);
	json_w_obj_end(&w);
}

static int
tell(struct replaying *r, const char *since)
{
	struct cli *c = r->c;
	struct buf b;
	const struct json *v;
	int code = 0;
	bool machine = cli_json(c) || c->output == OUT_NAME || c->field;
	buf_init(&b, 64 << 20);
	if (machine)
		put_json(r, since, &b);
	else
		put_people(r, since, &b);
	status s = buf_finish(&b);
	if (!failed(s) && machine)
		s = json_parse(buf_span(&b), &(struct json_opts){ .max_bytes = 64 << 20, .max_nodes = 4 << 20 }, &c->arena, &v, NULL);
	if (failed(s))
		code = cli_fail(c, s.code, error_text(s.code), NULL, "the outcome cannot be told");
	else if (!machine || !out_machine(c, v, &code))
		code = out_write(buf_span(&b));
	buf_fini(&b);
	return code ? code : r->change_n ? 11 : 0;
}

static int
run(struct replaying *r)
{
	static const char *const types[] = { "decision.allowed", "decision.denied", "decision.pending" };
	struct cli *c = r->c;
	char since[24];
	const char *why = "";
	int code = 0;
	const struct arg *given = args_get(&c->args, "since");
	format_time(given ? given->number : (int64_t)time(NULL) - 7 * 86400, since);
	if (!catalogue_ask(c, &r->tools, &code) || !serverset_resources(c, &r->resources, &code))
		return code;
	struct fixture_extra extra = { .where = "the server", .server_resources = r->resources, .server_tools = &r->tools };
	status s = fixture_new(c, &r->set, &extra, &r->trial, &why);
	if (failed(s))
		return cli_fail(c, s.code, NULL, s.code == E_BAD_POLICY ? "ambit policy validate --server" : NULL, "%s", why);
	r->changes = arena_array(&c->arena, REPLAY_LIST, sizeof *r->changes);
	if (!r->changes)
		return cli_fail(c, E_NO_MEMORY, NULL, NULL, "out of memory");
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!replay_type(r, types[i], since, &code))
			return code;
	if (r->oom)
		return cli_fail(c, E_NO_MEMORY, NULL, "a shorter --since", "too much to replay at once");
	return tell(r, since);
}

int
policy_replay_run(struct cli *c)
{
	struct replaying *r = ARENA_NEW(&c->arena, struct replaying);
	struct findings f = { 0 };
	int code;
	if (!r)
		return cli_fail(c, E_NO_MEMORY, NULL, NULL, "out of memory");
	r->c = c;
	if (policyset_read(c, c->args.pos, c->args.n_pos, &r->set, &f, &code)) {
		code = f.n ? findings_tell(c, &f) : run(r);
		policyset_fini(&r->set);
	}
	trial_free(r->trial);
	findings_fini(&f);
	return code;
}
