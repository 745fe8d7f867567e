#include "log/checkpoint.h"

#include "tests/test.h"

struct world {
	struct sign_key *key, *other;
	struct buf note, verifier, others;
	struct checkpoint c;
};

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	assert_ok(sign_key_generate(ALG_EDDSA, &w->key));
	assert_ok(sign_key_generate(ALG_EDDSA, &w->other));
	buf_init(&w->note, CHECKPOINT_MAX);
	buf_init(&w->verifier, 512);
	buf_init(&w->others, 512);
	w->c = (struct checkpoint){ .origin = SPAN("local"), .chain = { .seq = 42 }, .time = INT64_C(1800000000000000000) };
	memset(w->c.chain.head.b, 9, sizeof w->c.chain.head.b);
	assert_ok(checkpoint_sign(&w->c, w->key, &w->note));
	assert_ok(checkpoint_verifier(SPAN("local"), w->key, &w->verifier));
	assert_ok(checkpoint_verifier(SPAN("local"), w->other, &w->others));
}

static void
world_fini(struct world *w)
{
	sign_key_free(w->key);
	sign_key_free(w->other);
	buf_fini(&w->note);
	buf_fini(&w->verifier);
	buf_fini(&w->others);
}

static void
what_is_signed_opens(void **)
{
	struct world w;
	struct checkpoint r;

	world_init(&w);
	assert_ok(checkpoint_open(buf_span(&w.note), buf_span(&w.verifier), &r));
	assert_span(r.origin, "local");
	assert_int_equal(r.chain.seq, 42);
	assert_true(digest_eq(&r.chain.head, &w.c.chain.head));
	assert_true(r.time == w.c.time);
	assert_true(span_starts(buf_span(&w.note), SPAN("local\n42\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\nambit-chain/v1 1800000000000000000\n\n\xe2\x80\x94 local ")));
	world_fini(&w);
}

static void
another_key_does_not_open_it(void **)
{
	struct world w;
	struct checkpoint r;

	world_init(&w);
	assert_fails(checkpoint_open(buf_span(&w.note), buf_span(&w.others), &r), E_CHAIN_BROKEN);
	world_fini(&w);
}

static void
further_signatures_are_looked_past(void **)
{
	struct world w;
	struct checkpoint r;

	world_init(&w);
	buf_put_str(&w.note, "\xe2\x80\x94 witness AAAAAAAAAAAA\n");
	assert_ok(checkpoint_open(buf_span(&w.note), buf_span(&w.verifier), &r));
	buf_put_str(&w.note, "no signature\n");
	assert_fails(checkpoint_open(buf_span(&w.note), buf_span(&w.verifier), &r), E_BAD_MESSAGE);
	world_fini(&w);
}

static void
no_damage_goes_unseen(void **)
{
	struct world w;
	struct checkpoint r;

	world_init(&w);
	for (size_t i = 0; i < w.note.n; i++) {
		w.note.p[i] ^= 1;
		if (!failed(checkpoint_open(buf_span(&w.note), buf_span(&w.verifier), &r)))
			fail_msg("byte %zu", i);
		w.note.p[i] ^= 1;
	}
	for (size_t n = 0; n < w.note.n; n++)
		if (!failed(checkpoint_open(span_sub(buf_span(&w.note), 0, n), buf_span(&w.verifier), &r)))
			fail_msg("cut at %zu", n);
	for (size_t i = 0; i < w.verifier.n; i++) {
		w.verifier.p[i] ^= 1;
		if (!failed(checkpoint_open(buf_span(&w.note), buf_span(&w.verifier), &r)))
			fail_msg("verifier byte %zu", i);
		w.verifier.p[i] ^= 1;
	}
	world_fini(&w);
}

static void
origins_are_names(void **)
{
	static const char *const bad[] = { "", "a b", "a\nb", "a+b", "\xc3\xa4" };
	struct world w;
	CLEANUP(buf_fini) struct buf b = { 0 };

	world_init(&w);
	buf_init(&b, CHECKPOINT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		w.c.origin = span_str(bad[i]);
		assert_fails(checkpoint_sign(&w.c, w.key, &b), E_BAD_REQUEST);
		assert_fails(checkpoint_verifier(span_str(bad[i]), w.key, &b), E_BAD_REQUEST);
	}
	world_fini(&w);
}

TEST_MAIN(T(what_is_signed_opens), T(another_key_does_not_open_it), T(further_signatures_are_looked_past), T(no_damage_goes_unseen),
          T(origins_are_names))
