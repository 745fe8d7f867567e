#include "tests/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/id.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/secret.h"

#include <sys/stat.h>
#include <unistd.h>

static void
reader_needs_exact_end(void **)
{
	static const struct { const char *name; span in; uint16_t want; } t[] = {
		{ "exact",     { (const uint8_t *)"\0\0\0\7\0\0\0\2hi", 10 }, E_OK },
		{ "truncated", { (const uint8_t *)"\0\0\0\7\0\0\0\2h", 9 }, E_BAD_MESSAGE },
		{ "trailing",  { (const uint8_t *)"\0\0\0\7\0\0\0\2hi!", 11 }, E_BAD_MESSAGE },
		{ "empty",     { NULL, 0 }, E_BAD_MESSAGE },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct reader r = rd_make(t[i].in);
		uint32_t v = rd_u32(&r);
		span s = rd_vec32(&r);
		assert_int_equal(rd_end(&r).code, t[i].want);
		if (t[i].want == E_OK) {
			assert_int_equal(v, 7);
			assert_span(s, "hi");
		}
	}
}

static void
numbers_are_exact(void **)
{
	uint64_t u;
	int64_t i;
	assert_true(span_to_u64(SPAN("18446744073709551615"), &u) && u == UINT64_MAX);
	assert_false(span_to_u64(SPAN("18446744073709551616"), &u));
	assert_false(span_to_u64(SPAN("01"), &u));
	assert_false(span_to_u64(SPAN("+1"), &u));
	assert_false(span_to_u64(SPAN(""), &u));
	assert_true(span_to_i64(SPAN("-9223372036854775808"), &i) && i == INT64_MIN);
	assert_false(span_to_i64(SPAN("9223372036854775808"), &i));
	assert_false(span_to_i64(SPAN("-0"), &i));
}

static void
buf_maximum_is_sticky(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4);
	buf_put_str(&b, "abc");
	buf_put_str(&b, "de");
	buf_put_str(&b, "f");
	assert_fails(buf_finish(&b), E_LIMIT);
	assert_int_equal(b.n, 3);
	buf_reset(&b);
	buf_put_str(&b, "wxyz");
	const char *s;
	assert_ok(buf_finish_str(&b, &s));
	assert_string_equal(s, "wxyz");
}

static void
buf_numbers(void **)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1000);
	buf_put_dec(&b, INT64_MIN);
	buf_put_u8(&b, ' ');
	buf_put_udec(&b, UINT64_MAX);
	buf_put_u8(&b, ' ');
	buf_put_hex(&b, SPAN("\x01\xfe"));
	buf_printf(&b, " %s=%d", "x", 5);
	assert_span(buf_span(&b), "-9223372036854775808 18446744073709551615 01fe x=5");
	buf_consume(&b, 21);
	assert_true(span_starts(buf_span(&b), SPAN("18446744073709551615")));
}

static void
arena_overflow_is_sticky(void **)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a, 1 << 16);
	assert_non_null(arena_alloc(&a, 100));
	struct arena_mark m = arena_mark(&a);
	for (int i = 0; i < 5; i++)
		assert_non_null(arena_alloc(&a, 10000));
	assert_null(arena_alloc(&a, 1 << 16));
	assert_null(arena_alloc(&a, 1));
	assert_false(arena_ok(&a));
	arena_back(&a, m);
	assert_null(arena_alloc(&a, 1));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 1));
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_false(arena_ok(&a));
}

struct thing { uint64_t key; struct map_node node; };

static bool
thing_eq(const struct map_node *n, const void *key)
{
	return container_of(n, struct thing, node)->key == *(const uint64_t *)key;
}

static void
map_finds_what_it_holds(void **)
{
	enum { N = 5000 };
	static struct thing things[N];
	struct map m;
	map_init(&m, 1, 2);
	for (uint64_t i = 0; i < N; i++) {
		things[i].key = i * 0x9e3779b97f4a7c15u;
		assert_ok(map_add(&m, map_hash_u64(&m, things[i].key), &things[i].node));
	}
	for (uint64_t i = 0; i < N; i += 2)
		map_del(&m, &things[i].node);
	for (uint64_t i = 0; i < N; i++) {
		struct map_node *n = map_find(&m, map_hash_u64(&m, things[i].key), thing_eq, &things[i].key);
		assert_ptr_equal(n, i % 2 ? &things[i].node : NULL);
	}
	size_t seen = 0;
	map_for(it, &m) {
		seen++;
		map_del(&m, it);
	}
	assert_int_equal(seen, N / 2);
	assert_int_equal(m.count, 0);
	map_fini(&m);
}

/* Every bit of key, length and contents matters. */
static void
siphash_depends_on_everything(void **)
{
	assert_true(siphash13(1, 2, SPAN("a")) != siphash13(1, 3, SPAN("a")));
	assert_true(siphash13(1, 2, SPAN("a")) != siphash13(1, 2, SPAN("a\0")));
	assert_true(siphash13(1, 2, SPAN("12345678")) != siphash13(1, 2, SPAN("12345679")));
}

static void
secrets_compare_and_wipe(void **)
{
	char raw[] = "hunter2";
	struct secret *a, *b;
	assert_ok(secret_take(raw, 7, &a));
	assert_true(memcmp(raw, "\0\0\0\0\0\0\0", 7) == 0);
	char raw2[] = "hunter3";
	assert_ok(secret_take(raw2, 7, &b));
	assert_false(secret_eq(a, b));
	assert_true(secret_eq(a, a));
	assert_span(secret_reveal(a), "hunter2");
	secret_free(a);
	secret_free(b);
	assert_fails(secret_new(1 << 20, &a), E_LIMIT);
}

static void
files_are_replaced_whole(void **)
{
	char dir[] = "/tmp/ambit-base-XXXXXX";
	assert_non_null(mkdtemp(dir));
	char path[128];
	snprintf(path, sizeof path, "%s/f", dir);
	struct env *e = env_posix();
	assert_ok(env_write_file(e, path, 0600, SPAN("one")));
	assert_ok(env_write_file(e, path, 0600, SPAN("two")));
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 3);
	assert_ok(env_read_file(e, path, &b));
	assert_span(buf_span(&b), "two");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_reset(&b);
	assert_fails(env_read_file(e, "/nonexistent/x", &b), E_NOT_FOUND);
	unlink(path);
	rmdir(dir);
}

static void
lists(void **)
{
	struct list h, a, b;
	list_init(&h);
	list_add_tail(&h, &a);
	list_add_tail(&h, &b);
	int n = 0;
	list_for_safe(it, &h) {
		list_del(it);
		n++;
	}
	assert_int_equal(n, 2);
	assert_true(list_empty(&h));
}

static void
errors_have_names(void **)
{
	assert_string_equal(error_name(E_POLICY_DENIED), "policy_denied");
	assert_int_equal(error_exit(E_POLICY_DENIED), 3);
	assert_int_equal(error_from_name("task_ended", 10), E_TASK_ENDED);
	assert_int_equal(error_from_name("nope", 4), E_OK);
	assert_string_equal(error_name(65535), "internal");
}

static void
ids_have_one_text_form(void **)
{
	uint64_t a = id_make(ID_TASK, 0xfedcba987654321u), b = 0;
	char t[ID_TEXT + 1];
	id_text(a, t);
	assert_string_equal(t, "tsk_ZVEBN63PAGS1");
	assert_true(id_parse(span_str(t), &b) && a == b);
	assert_true(id_parse_kind(span_str(t), ID_TASK, &b));
	assert_false(id_parse_kind(span_str(t), ID_CALL, &b));
	static const char *const bad[] = {
		"", "tsk_ZVEBN63PAGS", "tsk_ZVEBN63PAGS11", "xxx_ZVEBN63PAGS1", "tsk-ZVEBN63PAGS1", "tsk_zXQ5TK1V58CH",
		"tsk_ZVEBN63PAGSU", "TSK_ZVEBN63PAGS1",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(id_parse(span_str(bad[i]), &b));
}

TEST_MAIN(T(ids_have_one_text_form), T(reader_needs_exact_end), T(numbers_are_exact), T(buf_maximum_is_sticky), T(buf_numbers),
          T(arena_overflow_is_sticky), T(map_finds_what_it_holds), T(siphash_depends_on_everything),
          T(secrets_compare_and_wipe), T(files_are_replaced_whole), T(lists), T(errors_have_names))
