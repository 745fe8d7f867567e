#include "engine/sql.h"

#include "tests/test.h"

static const char long63[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";

static void
names(void **)
{
	static const struct { enum sql_dialect d; const char *in, *want; } rows[] = {
		{ SQL_POSTGRES, "app", "\"app\"" },
		{ SQL_POSTGRES, "a\"; DROP ROLE x; --", "\"a\"\"; DROP ROLE x; --\"" },
		{ SQL_POSTGRES, "a\\b", "\"a\\b\"" },
		{ SQL_POSTGRES, "Grün", "\"Grün\"" },
		{ SQL_POSTGRES, "", NULL },
		{ SQL_POSTGRES, "\xff", NULL },
		{ SQL_MARIADB, "app", "`app`" },
		{ SQL_MARIADB, "a`; DROP USER x; --", "`a``; DROP USER x; --`" },
		{ SQL_MARIADB, "trailing ", NULL },
		{ SQL_MARIADB, "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1000);
		status s = sql_ident(&b, rows[i].d, span_str(rows[i].in));
		if (!rows[i].want) {
			assert_fails(s, E_BAD_REQUEST);
			continue;
		}
		assert_ok(s);
		assert_span(buf_span(&b), rows[i].want);
	}
}

static void
names_are_never_cut(void **)
{
	CLEANUP(buf_fini) struct buf b;
	char name[80];
	buf_init(&b, 1000);
	assert_int_equal(strlen(long63), 63);
	assert_ok(sql_ident(&b, SQL_POSTGRES, span_str(long63)));
	snprintf(name, sizeof name, "%sx", long63);
	assert_fails(sql_ident(&b, SQL_POSTGRES, span_str(name)), E_BAD_REQUEST);
	assert_ok(sql_ident(&b, SQL_MARIADB, span_str(name)));
	strcat(name, "y");
	assert_fails(sql_ident(&b, SQL_MARIADB, span_str(name)), E_BAD_REQUEST);
	/* 63 bytes, not characters, and no half of one */
	memcpy(name + 62, "ü", 3);
	assert_fails(sql_ident(&b, SQL_POSTGRES, span_str(name)), E_BAD_REQUEST);
	assert_fails(sql_ident(&b, SQL_POSTGRES, SPAN("a\0b")), E_BAD_REQUEST);
}

static void
literals(void **)
{
	static const struct { enum sql_dialect d; const char *in, *want; } rows[] = {
		{ SQL_POSTGRES, "", "''" },
		{ SQL_POSTGRES, "it's", "'it''s'" },
		{ SQL_POSTGRES, "a\\'; DROP", " E'a\\\\''; DROP'" },
		{ SQL_MARIADB, "it's", "'it''s'" },
		{ SQL_MARIADB, "a\\'; DROP", "'a\\\\''; DROP'" },
		{ SQL_MARIADB, "\xc3", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1000);
		status s = sql_literal(&b, rows[i].d, span_str(rows[i].in));
		if (!rows[i].want) {
			assert_fails(s, E_BAD_REQUEST);
			continue;
		}
		assert_ok(s);
		assert_span(buf_span(&b), rows[i].want);
	}
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1000);
	assert_fails(sql_literal(&b, SQL_POSTGRES, SPAN("a\0b")), E_BAD_REQUEST);
}

static void
words_and_templates(void **)
{
	static const char *const allowed[] = { "SELECT", "LOCK TABLES", NULL };
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1000);
	assert_ok(sql_word(&b, allowed, SPAN("select")));
	buf_put_u8(&b, ' ');
	assert_ok(sql_word(&b, allowed, SPAN("Lock Tables")));
	assert_span(buf_span(&b), "SELECT LOCK TABLES");
	assert_fails(sql_word(&b, allowed, SPAN("SELECT, INSERT")), E_BAD_REQUEST);
	assert_fails(sql_word(&b, allowed, SPAN("")), E_BAD_REQUEST);
	buf_reset(&b);
	assert_ok(sql_template(&b, SPAN("GRANT a TO {role}; SET {roles} {role"), SPAN("\"x\"")));
	assert_span(buf_span(&b), "GRANT a TO \"x\"; SET {roles} {role");
	assert_fails(sql_template(&b, SPAN("GRANT a TO b"), SPAN("\"x\"")), E_BAD_REQUEST);
	assert_fails(sql_template(&b, SPAN("{role}\0"), SPAN("\"x\"")), E_BAD_REQUEST);
}

TEST_MAIN(T(names), T(names_are_never_cut), T(literals), T(words_and_templates))
