/* Cost of recording a decision: write the event, hash and chain it, make an id, sign and open a token. Medians of batches. */
#include "crypto/random.h"
#include "identity/jwt.h"
#include "log/chain.h"
#include "log/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 31 };

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

#define MEASURE(name, count, statement)                                                            \
	do {                                                                                       \
		double t_[ROUNDS];                                                                 \
		for (int r_ = 0; r_ < ROUNDS; r_++) {                                              \
			double from_ = now_us();                                                   \
			for (int i_ = 0; i_ < (count); i_++)                                       \
				statement;                                                         \
			t_[r_] = (now_us() - from_) / (count);                                     \
		}                                                                                  \
		qsort(t_, ROUNDS, sizeof *t_, by_value);                                           \
		printf("%-34s %8.3f us\n", name, t_[ROUNDS / 2]);                                  \
	} while (0)

static uint8_t room[4096];
static uint64_t seq;

static span
write_allowed(void)
{
	static const digest args = { { 1 } }, definition = { { 2 } };
	static const span rules[] = { { (const uint8_t *)"read-own-files", 14 }, { (const uint8_t *)"team-default", 12 } };
	struct event_writer w;
	span e;
	event_begin(&w, room, sizeof room, &(struct event_head){ .type = EV_DECISION_ALLOWED, .seq = ++seq, .time = 1800000000000000000,
	                                                         .node = SPAN("n1") });
	event_id(&w, F_TASK, id_make(ID_TASK, 77));
	event_id(&w, F_AGENT, id_make(ID_AGENT, 5));
	event_text(&w, F_TOOL, SPAN("files/read_file"));
	event_id(&w, F_CALL, id_make(ID_CALL, seq));
	event_text(&w, F_AGENT_NAME, SPAN("dana/claude-code"));
	event_texts(&w, F_RULES, rules, 2);
	event_uint(&w, F_POLICY_VERSION, 7);
	event_text(&w, F_RESOURCE, SPAN("Path::\"/srv/projects/invoices/2026-11.csv\""));
	event_text(&w, F_EFFECT, SPAN("read"));
	event_digest(&w, F_ARGUMENTS, &args);
	event_digest(&w, F_DEFINITION, &definition);
	event_uint(&w, F_CALLS_LEFT, 463);
	must(!failed(event_finish(&w, &e)));
	return e;
}

int
main(void)
{
	struct chain c = { 0 };
	struct drbg g;
	struct event e;
	drbg_init_number(&g, 1);
	span bytes = write_allowed();
	printf("decision.allowed: %zu bytes\n", bytes.n);
	MEASURE("write", 20000, write_allowed());
	MEASURE("chain (leaf and link)", 20000, chain_push(&c, bytes));
	MEASURE("write and chain", 20000, chain_push(&c, write_allowed()));
	MEASURE("decode", 20000, must(!failed(event_decode(bytes, &e))));
	MEASURE("sha256 of 300 bytes", 20000, (void)sha256(span_make(room, 300)));
	MEASURE("random id", 20000, (void)drbg_id(&g, ID_CALL));

	struct sign_key *key;
	struct verify_key *pub;
	must(!failed(sign_key_generate(ALG_ES256, &key)) && !failed(sign_key_public(key, &pub)));
	struct jwt_claims claims = { .iss = SPAN("https://127.0.0.1:8470"), .sub = SPAN("dana"), .aud = SPAN("https://127.0.0.1:8470"),
	                             .client_id = SPAN("claude"), .jti = SPAN("00ff"), .iat = 1800000000, .exp = 1800000300,
	                             .task = id_make(ID_TASK, 1), .confirm = JWT_CONFIRM_PEER }, got;
	const struct verify_key *const keys[] = { pub };
	struct jwt_expect want = { .keys = keys, .n_keys = 1, .iss = claims.iss, .aud = claims.aud, .now = 1800000001 };
	struct buf token;
	struct arena a;
	buf_init(&token, JWT_MAX);
	arena_init(&a, 1 << 18);
	MEASURE("token: make", 300, (buf_reset(&token), must(!failed(jwt_make(&claims, key, &token)))));
	MEASURE("token: open", 300, (arena_reset(&a), must(!failed(jwt_open(buf_span(&token), &want, &a, &got)))));
	arena_fini(&a);
	buf_fini(&token);
	sign_key_free(key);
	verify_key_free(pub);
	return 0;
}
