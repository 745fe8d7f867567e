#include "identity/spiffe_id.h"

#include "tests/test.h"

#include <string.h>

static void
a28_only_one_spelling_is_an_id(void **)
{
	static const struct { const char *text; bool ok; } rows[] = {
		{ "spiffe://example.org/agent/claude", true }, { "spiffe://example.org", true }, { "spiffe://a_b-c.1/Path.With_-1", true },
		{ "spiffe://example.org/...", true }, { "SPIFFE://example.org/a", false }, { "spiffe://Example.org/a", false },
		{ "spiffe://example.org/a/", false }, { "spiffe://example.org/", false }, { "spiffe://example.org//a", false },
		{ "spiffe://example.org/a/../b", false }, { "spiffe://example.org/.", false }, { "spiffe://example.org/%61", false },
		{ "spiffe://example.org/a?b", false }, { "spiffe://example.org/a#b", false }, { "spiffe://user@example.org/a", false },
		{ "spiffe://example.org:443/a", false }, { "spiffe:///a", false }, { "spiffe://", false }, { "", false }, { "spiffe:/x/a", false },
		{ "https://example.org/a", false }, { "spiffe://example.org/a b", false }, { "spiffe://example.org/\xc3\xa4", false },
	};
	struct spiffe_id id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (failed(spiffe_id_parse(span_str(rows[i].text), &id, NULL)) == rows[i].ok)
			fail_msg("%s", rows[i].text);
	assert_fails(spiffe_id_parse(SPAN("spiffe://example.org/a\0b"), &id, NULL), E_BAD_REQUEST);
	assert_ok(spiffe_id_parse(SPAN("spiffe://example.org/agent/claude"), &id, NULL));
	assert_span(id.domain, "example.org");
	assert_span(id.path, "/agent/claude");
}

static void
lengths(void **)
{
	char text[SPIFFE_ID_MAX + 2];
	struct spiffe_id id;

	memset(text, 'a', sizeof text);
	memcpy(text, "spiffe://d/", 11);
	assert_ok(spiffe_id_parse(span_make(text, SPIFFE_ID_MAX), &id, NULL));
	assert_fails(spiffe_id_parse(span_make(text, SPIFFE_ID_MAX + 1), &id, NULL), E_BAD_REQUEST);
	text[10] = 'a';
	assert_ok(spiffe_id_parse(span_make(text, 9 + SPIFFE_DOMAIN_MAX), &id, NULL));
	assert_fails(spiffe_id_parse(span_make(text, 10 + SPIFFE_DOMAIN_MAX), &id, NULL), E_BAD_REQUEST);
}

static void
patterns(void **)
{
	static const struct { const char *pattern, *id; bool yes; } rows[] = {
		{ "spiffe://d/a", "spiffe://d/a", true }, { "spiffe://d/a", "spiffe://d/b", false }, { "spiffe://d/a", "spiffe://e/a", false },
		{ "spiffe://d/a/*", "spiffe://d/a/b", true }, { "spiffe://d/a/*", "spiffe://d/a/b/c", true }, { "spiffe://d/a/*", "spiffe://d/a", false },
		{ "spiffe://d/a/*", "spiffe://d/ab", false }, { "spiffe://d/*", "spiffe://d/x", true }, { "spiffe://d/*", "spiffe://d.evil/x", false },
		{ "spiffe://d/*", "spiffe://d", false }, { "spiffe://*", "spiffe://d/x", false }, { "*", "spiffe://d/x", false },
		{ "spiffe://d/a*", "spiffe://d/ab", false }, { "spiffe://d/*/b", "spiffe://d/a/b", false }, { "spiffe://d", "spiffe://d", false },
	};
	struct spiffe_id id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_ok(spiffe_id_parse(span_str(rows[i].id), &id, NULL));
		if (spiffe_pattern_matches(span_str(rows[i].pattern), &id) != rows[i].yes)
			fail_msg("%s %s", rows[i].pattern, rows[i].id);
	}
	assert_false(spiffe_pattern_ok(SPAN("spiffe://d/a*")));
	assert_false(spiffe_pattern_ok(SPAN("spiffe://*")));
	assert_false(spiffe_pattern_ok(SPAN("spiffe://d")));
}

static void
domains(void **)
{
	span d;

	assert_ok(spiffe_domain_parse(SPAN("example.org"), &d));
	assert_ok(spiffe_domain_parse(SPAN("spiffe://example.org"), &d));
	assert_span(d, "example.org");
	assert_fails(spiffe_domain_parse(SPAN("spiffe://example.org/a"), &d), E_BAD_REQUEST);
	assert_fails(spiffe_domain_parse(SPAN("Example.org"), &d), E_BAD_REQUEST);
}

TEST_MAIN(T(a28_only_one_spelling_is_an_id), T(lengths), T(patterns), T(domains))
