/* The command table, its parser, and what reaches a terminal. */
#include "cli.h"
#include "bridge.h"
#include "diff.h"
#include "escape.h"
#include "exits.h"
#include "help.h"
#include "jsonedit.h"
#include "lines.h"
#include "tests/test.h"

static struct cli C;

static void
reset(void)
{
	arena_fini(&C.arena);
	memset(&C, 0, sizeof C);
	arena_init(&C.arena, 16 << 20);
}

/* ---- the table ---- */

static bool
has_code(const char *exits, int code)
{
	for (const char *s = exits; *s;) {
		char *end;
		if (strtol(s, &end, 10) == code)
			return true;
		s = *end ? end + 1 : end;
	}
	return false;
}

static void
every_command_is_complete(void **)
{
	size_t n;
	const struct command *t = commands(&n);
	assert_true(n > 40);
	for (size_t i = 0; i < n; i++) {
		const struct command *c = &t[i];
		struct buf name;
		const char *text;
		buf_init(&name, 256);
		command_name(c, &name);
		assert_ok(buf_finish_str(&name, &text));
		if (!c->summary || !*c->summary || c->summary[strlen(c->summary) - 1] == '.')
			fail_msg("%s: summary", text);
		if (!c->examples[0] || !c->exits || !has_code(c->exits, 0) || (!c->hidden && !has_code(c->exits, 2)))
			fail_msg("%s: examples or exit codes", text);
		if (!c->hidden && !c->group)
			fail_msg("%s: no group", text);
		if (!c->run && !c->op)
			fail_msg("%s: does nothing", text);
		for (const char *s = c->exits; *s;) {
			char *end;
			if (strcmp(exit_text((int)strtol(s, &end, 10)), "?") == 0)
				fail_msg("%s: exit code without a meaning in \"%s\"", text, c->exits);
			s = *end ? end + 1 : end;
		}
		for (size_t k = 0; k < COMMAND_MAX_FLAGS && c->flags[k].name; k++)
			if (!c->flags[k].help || (c->flags[k].kind != FLAG_BOOL && !c->flags[k].arg) || (c->flags[k].complete == COMP_WORDS && !c->flags[k].words))
				fail_msg("%s --%s: incomplete", text, c->flags[k].name);
		buf_fini(&name);
	}
}

static void
no_name_or_letter_twice(void **)
{
	size_t n;
	const struct command *t = commands(&n);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			bool same = strcmp(t[i].noun, t[j].noun) == 0 && strcmp(t[i].verb ? t[i].verb : "", t[j].verb ? t[j].verb : "") == 0;
			if (same || (t[i].alias && t[j].alias && strcmp(t[i].alias, t[j].alias) == 0))
				fail_msg("%s %s is there twice", t[i].noun, t[i].verb ? t[i].verb : "");
		}
		const struct flag *all[128];
		size_t k = 0;
		for (size_t f = 0; f < COMMAND_MAX_FLAGS && t[i].flags[f].name; f++)
			all[k++] = &t[i].flags[f];
		/* A command with forms of output of its own has an --output of its own, which keeps the words of everybody's. */
		const struct flag *own = NULL;
		for (size_t f = 0; f < k; f++)
			if (strcmp(all[f]->name, "output") == 0)
				own = all[f];
		if (own && (own->letter != 'o' || strncmp(own->words, global_flags->words, strlen(global_flags->words)) != 0))
			fail_msg("%s %s: its --output is another", t[i].noun, t[i].verb ? t[i].verb : "");
		for (const struct flag *f = global_flags; f->name; f++)
			if (!own || f != global_flags)
				all[k++] = f;
		for (size_t a = 0; a < k; a++)
			for (size_t b = a + 1; b < k; b++)
				if (strcmp(all[a]->name, all[b]->name) == 0 || (all[a]->letter && all[a]->letter == all[b]->letter))
					fail_msg("%s %s: --%s and --%s", t[i].noun, t[i].verb ? t[i].verb : "", all[a]->name, all[b]->name);
	}
}

/* Each example is read by the parser of the command that it shows. */
static void
examples_parse(void **)
{
	size_t n;
	const struct command *t = commands(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < COMMAND_MAX_EXAMPLES && t[i].examples[k]; k++) {
			reset();
			char *text = arena_cstr(&C.arena, span_str(t[i].examples[k])), *argv[64], *out = text;
			int argc = 0;
			char quote = 0;
			bool in = false;
			for (char *s = text; *s; s++) {
				if (!quote && strchr("|<>", *s))
					break;
				if (quote ? *s == quote : *s == '\'') {
					quote = quote ? 0 : *s;
					continue;
				}
				if (*s == ' ' && !quote) {
					if (in)
						*out++ = 0;
					in = false;
					continue;
				}
				if (!in)
					argv[argc++] = out;
				in = true;
				*out++ = *s;
			}
			*out = 0;
			if (strcmp(argv[0], "ambit") != 0)
				continue;
			int at = 1;
			const char *problem;
			const struct command *c = command_find(argc, argv, &at);
			if (c != &t[i])
				fail_msg("\"%s\" shows another command", t[i].examples[k]);
			if (failed(args_parse(c, argc - at, argv + at, &C.arena, &C.args, &problem)))
				fail_msg("\"%s\": %s", t[i].examples[k], problem);
		}
}

static void
arguments_are_strict(void **)
{
	static const struct {
		const char *argv[12];
		const char *problem;    /* NULL: fine */
	} cases[] = {
		{ { "task", "list", "--all" }, NULL },
		{ { "task", "list", "--stat" }, "unknown flag --stat; did you mean --state?" },
		{ { "task", "list", "--al" }, "unknown flag --al; did you mean --all?" },
		{ { "task", "list", "--all=yes" }, "--all takes no value" },
		{ { "task", "list", "--all", "--all" }, "--all is given twice" },
		{ { "task", "list", "--state" }, "--state wants a value: STATE" },
		{ { "task", "list", "--state", "act" }, "--state is one of: requested pending active ending completed expired revoked rejected; not \"act\"" },
		{ { "task", "list", "--limit", "1x" }, "--limit wants a whole number, not \"1x\"" },
		{ { "task", "list", "--limit=99999999999999999999" }, "--limit wants a whole number, not \"99999999999999999999\"" },
		{ { "task", "list", "--timeout", "-5" }, "--timeout wants a time like 90s, 5m, 2h or 1d, not \"-5\"" },
		{ { "task", "list", "-Z" }, "unknown flag -Z" },
		{ { "task", "show" }, "TASK is missing" },
		{ { "task", "show", "a", "b" }, "unexpected argument \"b\"" },
		{ { "task", "show", "--", "--all" }, NULL },
		{ { "kill", "universe", "x" }, "KIND is one of: task agent owner tool server tier world; not \"universe\"" },
		{ { "kill", "world" }, NULL },
		{ { "audit", "list", "--since", "yesterday" }, "--since wants a moment like 2026-11-20, 2026-11-20T10:00:00Z or 2h (ago), not \"yesterday\"" },
		{ { "audit", "list", "--since", "2026-02-30" }, "--since wants a moment like 2026-11-20, 2026-11-20T10:00:00Z or 2h (ago), not \"2026-02-30\"" },
		{ { "audit", "list", "--since", "2026-02-28" }, NULL },
		{ { "run", "-t", "x", "--allow", "a", "--allow", "b", "--", "sh", "-c", "--all" }, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		reset();
		int argc = 0, at = 0;
		char *argv[13] = { 0 };
		for (; argc < 12 && cases[i].argv[argc]; argc++)
			argv[argc] = (char *)cases[i].argv[argc];
		const struct command *c = command_find(argc, argv, &at);
		assert_non_null(c);
		const char *problem = NULL;
		status s = args_parse(c, argc - at, argv + at, &C.arena, &C.args, &problem);
		if (cases[i].problem) {
			assert_fails(s, E_BAD_REQUEST);
			assert_string_equal(problem, cases[i].problem);
		} else if (failed(s)) {
			fail_msg("%s: %s", argv[0], problem);
		}
	}
}

static void
commands_are_whole_words(void **)
{
	static const struct { const char *argv[3]; const char *noun, *verb; } cases[] = {
		{ { "task" }, "task", "list" }, { { "task", "--all" }, "task", "list" }, { { "approvals" }, "approval", "list" },
		{ { "tas" }, NULL, NULL }, { { "task", "sho" }, NULL, NULL }, { { "kil" }, NULL, NULL }, { { "approve" }, "approval", "approve" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int argc = 0, at = 0;
		for (; argc < 3 && cases[i].argv[argc]; argc++)
			;
		const struct command *c = command_find(argc, (char **)cases[i].argv, &at);
		if (!cases[i].noun) {
			assert_null(c);
			continue;
		}
		assert_non_null(c);
		assert_string_equal(c->noun, cases[i].noun);
		assert_string_equal(c->verb, cases[i].verb);
	}
	assert_string_equal(suggest_command("statsu"), "status");
	assert_null(suggest_command("zzzzzzzz"));
}

/* ---- hostile text ---- */

static void
terminals_get_no_tricks(void **)
{
	static const struct { const char *in, *cell, *lines; } cases[] = {
		{ "plain ä 漢", "plain ä 漢", "plain ä 漢" },
		{ "a\033[2Jb", "a\\u{1B}[2Jb", "a\\u{1B}[2Jb" },
		{ "a\nb\tc\rd", "a\\nb\\tc\\rd", "a\nb\tc\\rd" },
		{ "\xe2\x80\xae" "exe.txt", "\\u{202E}exe.txt", "\\u{202E}exe.txt" },
		{ "a\xe2\x80\x8b" "b", "a\\u{200B}b", "a\\u{200B}b" },
		{ "\xc2\x9b" "31m", "\\u{9B}31m", "\\u{9B}31m" },
		{ "\xff\xfe", "\\x{ff}\\x{fe}", "\\x{ff}\\x{fe}" },
		{ "\\u{202E}", "\\\\u{202E}", "\\\\u{202E}" },
		{ "C:\\dir", "C:\\dir", "C:\\dir" },
		{ "\xf3\xa0\x81\x81", "\\u{E0041}", "\\u{E0041}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 4096);
		escape_text(span_str(cases[i].in), false, &b);
		assert_span(buf_span(&b), cases[i].cell);
		buf_reset(&b);
		escape_text(span_str(cases[i].in), true, &b);
		assert_span(buf_span(&b), cases[i].lines);
		buf_fini(&b);
	}
	assert_int_equal(escape_count(SPAN("a\033\xe2\x80\xae\n")), 2);
}

static void
json_keeps_its_value_when_escaped(void **)
{
	struct buf b;
	buf_init(&b, 4096);
	escape_json(SPAN("{\"a\":\"\xe2\x80\xae\xf3\xa0\x81\x81\"}"), &b);
	assert_span(buf_span(&b), "{\"a\":\"\\u202e\\udb40\\udc41\"}");
	buf_fini(&b);
}

static void
cells_and_members_are_escaped(void **)
{
	reset();
	const struct json *v;
	static const char text[] = "{\"na\\u001bme\":\"x\\u001b]0;y\\u0007\",\"many\":\"one\\n\\u001btwo\\nstate  active\",\"list\":[\"a\\nb\",\"c\"]}";
	assert_ok(json_parse(span_str(text), NULL, &C.arena, &v, NULL));
	struct buf b;
	buf_init(&b, 4096);
	out_members(v, 0, &b);
	assert_null(memchr(b.p, '\033', b.n));
	assert_null(memchr(b.p, '\a', b.n));
	/* A line of foreign text cannot pass for a member. */
	assert_null(memmem(b.p, b.n, "\nstate", 6));
	assert_non_null(memmem(b.p, b.n, "  | state", 9));
	buf_fini(&b);
}

static void
differences(void **)
{
	struct buf b;
	buf_init(&b, 4096);
	assert_false(diff_lines(SPAN("a\n"), SPAN("a\n"), 1, false, &b));
	assert_int_equal(b.n, 0);
	assert_true(diff_lines(SPAN("1\n2\n3\n4\n5\n"), SPAN("1\n2\nX\n4\n5\n"), 1, false, &b));
	assert_span(buf_span(&b), "  1\n  2\n- 3\n+ X\n  4\n  5\n");
	buf_reset(&b);
	assert_true(diff_lines(SPAN("1\n2\n3\n4\n"), SPAN("1\n2\n3\nX\n"), 1, false, &b));
	assert_span(buf_span(&b), "  …\n  3\n- 4\n+ X\n");
	buf_reset(&b);
	assert_true(diff_lines(SPAN("a\n"), SPAN("\033[8m\n"), 1, false, &b));
	assert_span(buf_span(&b), "- a\n+ \\u{1B}[8m\n");
	buf_fini(&b);
}

/* ---- other people's files ---- */

static const char *const at_servers[] = { "mcpServers", "ambit", NULL };

static void
json_edits_keep_the_rest(void **)
{
	static const struct { const char *before, *after; } cases[] = {
		{ "", "{\n  \"mcpServers\": {\n    \"ambit\": 1\n  }\n}\n" },
		{ "{\n  // mine\n  \"a\": [1, 2],\n  \"mcpServers\": {\n    \"x\": {\"c\": 1}\n  }\n}\n",
		  "{\n  // mine\n  \"a\": [1, 2],\n  \"mcpServers\": {\n    \"x\": {\"c\": 1},\n    \"ambit\": 1\n  }\n}\n" },
		{ "{\"mcpServers\": {\"ambit\": {\"old\": true}}, \"z\": 1e400}", "{\"mcpServers\": {\"ambit\": 1}, \"z\": 1e400}" },
		{ "{\"s\": \"} , // \\\" \", \"mcpServers\": {\"ambit\": 2}}", "{\"s\": \"} , // \\\" \", \"mcpServers\": {\"ambit\": 1}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b, c;
		bool found;
		buf_init(&b, 65536);
		buf_init(&c, 65536);
		assert_ok(jsonedit_set(span_str(cases[i].before), at_servers, SPAN("1"), &b));
		assert_span(buf_span(&b), cases[i].after);
		assert_ok(jsonedit_remove(buf_span(&b), at_servers, &c, &found));
		assert_true(found);
		assert_null(memmem(c.p, c.n, "ambit", 5));
		buf_fini(&b);
		buf_fini(&c);
	}
}

static void
removing_gives_back_what_was(void **)
{
	static const char *const texts[] = {
		"{\n  \"mcpServers\": {\n    \"x\": 1\n  },\n  \"other\": null\n}\n",
		"{\n\t\"mcpServers\": {\n\t\t\"x\": 1\n\t}\n}\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf b, c;
		bool found;
		buf_init(&b, 65536);
		buf_init(&c, 65536);
		assert_ok(jsonedit_set(span_str(texts[i]), at_servers, SPAN("{\n  \"command\": \"ambit\"\n}"), &b));
		assert_ok(jsonedit_remove(buf_span(&b), at_servers, &c, &found));
		assert_span(buf_span(&c), texts[i]);
		buf_fini(&b);
		buf_fini(&c);
	}
}

static void
comments_survive_a_removal(void **)
{
	static const struct { const char *before, *after; } cases[] = {
		{ "{\"mcpServers\": {\"x\": 1, // a,\n\"ambit\": 2 }}", "{\"mcpServers\": {\"x\": 1, // a,\n }}" },
		{ "{\"mcpServers\": {\"x\": 1 /* a, */, \"ambit\": 2}}", "{\"mcpServers\": {\"x\": 1 /* a, */}}" },
		{ "{\"mcpServers\": {\"ambit\": 2, /* b */ \"x\": 1}}", "{\"mcpServers\": { /* b */ \"x\": 1}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		bool found;
		buf_init(&b, 65536);
		assert_ok(jsonedit_remove(span_str(cases[i].before), at_servers, &b, &found));
		assert_span(buf_span(&b), cases[i].after);
		buf_fini(&b);
	}
}

static void
broken_files_are_left_alone(void **)
{
	static const char *const bad[] = { "{", "{\"mcpServers\": [1]}", "{\"mcpServers\": 5}", "[]", "{\"a\" 1}", "{} x", "{/* }", "\"", "{\"a\":\"\\" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b;
		buf_init(&b, 65536);
		if (jsonedit_set(span_str(bad[i]), at_servers, SPAN("1"), &b).code != E_BAD_JSON)
			fail_msg("%s was edited", bad[i]);
		buf_fini(&b);
	}
}

/* ---- lines ---- */

struct seen {
	char text[256];
	unsigned n, long_ones;
};

static void
on_line(void *user, span line, bool too_long)
{
	struct seen *s = user;
	s->long_ones += too_long;
	s->n += !too_long;
	if (!too_long)
		snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%.*s|", SPAN_ARG(line));
}

static void
lines_are_framed_however_they_come(void **)
{
	static const char in[] = "one\r\n\n\ntwo\n0123456789\nthree\n0123456789abcdef\nlast";
	for (size_t step = 1; step <= sizeof in; step++) {
		struct lines l;
		struct seen s = { 0 };
		lines_init(&l, 8);
		for (size_t at = 0; at < sizeof in - 1; at += step)
			lines_feed(&l, span_sub(span_str(in), at, step), on_line, &s);
		lines_end(&l, on_line, &s);
		assert_string_equal(s.text, "one|two|three|last|");
		assert_int_equal(s.long_ones, 2);
		lines_fini(&l);
	}
}

static void
bad_messages_are_answered(void **)
{
	static const struct { const char *line; enum bridge_kind kind; int error; } cases[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", BRIDGE_REQUEST, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", BRIDGE_NOTIFICATION, 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", BRIDGE_RESPONSE, 0 },
		{ "nonsense", BRIDGE_BAD, -32700 },
		{ "[]", BRIDGE_BAD, -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", BRIDGE_BAD, -32700 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		reset();
		struct bridge_message m;
		assert_ok(bridge_read(&C.arena, span_str(cases[i].line), &m));
		assert_int_equal(m.kind, cases[i].kind);
		if (m.kind == BRIDGE_BAD)
			assert_int_equal(m.error, cases[i].error);
	}
}

TEST_MAIN(T(every_command_is_complete), T(no_name_or_letter_twice), T(examples_parse), T(arguments_are_strict), T(commands_are_whole_words),
    T(terminals_get_no_tricks), T(json_keeps_its_value_when_escaped), T(cells_and_members_are_escaped), T(differences),
    T(json_edits_keep_the_rest), T(removing_gives_back_what_was), T(comments_survive_a_removal), T(broken_files_are_left_alone),
    T(lines_are_framed_however_they_come), T(bad_messages_are_answered))
