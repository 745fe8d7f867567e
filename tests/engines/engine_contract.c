/* A hand on one engine for the contract suite: engine-contract ENGINE OPTIONS.json ROOTFILE reads requests, one JSON object a line, and
 * answers each with one line. Every case of the suite is in contract.py; here is only what must be C. Linked with the allocation
 * functions wrapped (tests/oom.h), for the request "oom".
 *
 *   {"op":"create","lease":"lse_…","ttl":60,"grant":{…},"agent":"a","task":"t"}   {"ok":true,"fields":{…},"ms":1.2}
 *   {"op":"revoke","lease":"lse_…"}                                               {"ok":false,"code":"unavailable","why":"…","finding":{…}}
 */
#include "engine/engine.h"
#include "tests/oom.h"

#include <time.h>

struct hand {
	const struct engine_class *class;
	const struct json *options;
	struct secret *root;
	struct engine *e;
	struct json_writer w;
	struct buf out;
	const struct json *q;
	struct lease_spec spec;
};

static int64_t
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static status
on_account(void *user, const struct engine_account *a)
{
	struct hand *h = user;
	char id[ID_TEXT + 1];
	id_text(a->lease, id);
	json_w_obj(&h->w);
	json_w_kstr(&h->w, "name", a->name);
	json_w_kcstr(&h->w, "lease", a->lease ? id : "");
	json_w_kint(&h->w, "end", a->end);
	json_w_kint(&h->w, "sessions", a->sessions);
	json_w_obj_end(&h->w);
	return OK;
}

static status
on_standing(void *user, const struct engine_standing *s)
{
	static const char *const names[] = { "never-expires", "admin", "shared", "no-password", "root", "locked" };
	struct hand *h = user;
	json_w_obj(&h->w);
	json_w_kstr(&h->w, "name", s->name);
	json_w_karr(&h->w, "concerns");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (s->concerns & 1u << i)
			json_w_str(&h->w, span_str(names[i]));
	json_w_arr_end(&h->w);
	json_w_kint(&h->w, "sessions", s->sessions);
	json_w_obj_end(&h->w);
	return OK;
}

static status
do_create(struct hand *h)
{
	CLEANUP(engine_credential_fini) struct engine_credential c = { 0 };
	TRY(engine_create(h->e, &h->spec, &c));
	json_w_kobj(&h->w, "fields");
	for (size_t i = 0; i < c.n; i++)
		json_w_kstr(&h->w, c.fields[i].name, secret_reveal(c.fields[i].value));
	json_w_obj_end(&h->w);
	json_w_karr(&h->w, "secret");
	for (size_t i = 0; i < c.n; i++)
		if (c.fields[i].is_secret)
			json_w_str(&h->w, span_str(c.fields[i].name));
	json_w_arr_end(&h->w);
	return OK;
}

static status
do_revoke(struct hand *h)
{
	struct engine_finding f;
	status s = engine_revoke(h->e, h->spec.lease, &f);
	json_w_kobj(&h->w, "finding");
	json_w_kbool(&h->w, "was_there", f.was_there);
	json_w_kbool(&h->w, "cut", f.cut);
	json_w_kint(&h->w, "sessions", f.sessions);
	json_w_kint(&h->w, "objects", f.objects);
	json_w_kint(&h->w, "kept", f.kept);
	json_w_kint(&h->w, "helpers", f.helpers);
	json_w_obj_end(&h->w);
	return s;
}

static status
do_list(struct hand *h)
{
	json_w_karr(&h->w, "accounts");
	status s = engine_list(h->e, on_account, h);
	json_w_arr_end(&h->w);
	return s;
}

static status
do_inventory(struct hand *h)
{
	json_w_karr(&h->w, "accounts");
	status s = engine_inventory(h->e, on_standing, h);
	json_w_arr_end(&h->w);
	return s;
}

static status
do_test(struct hand *h)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 4096);
	status s = engine_test(h->e, &b);
	json_w_kstr(&h->w, "notes", buf_span(&b));
	return s;
}

static status
do_rotate(struct hand *h)
{
	CLEANUP(secret_freep) struct secret *fresh = NULL;
	TRY(engine_root_generate(h->e, &fresh));
	json_w_kstr(&h->w, "root", secret_reveal(fresh));
	return engine_rotate(h->e, fresh);
}

/* {"op":"rotate-to","root":"…"}: with a credential of the caller's, as after a crash. */
static status
do_rotate_to(struct hand *h)
{
	CLEANUP(secret_freep) struct secret *fresh = NULL;
	span s = { 0 };
	TRY(json_get_str(h->q, "root", &s, NULL));
	TRY(secret_new(s.n, &fresh));
	memcpy(secret_writable(fresh), s.p, s.n);
	return engine_rotate(h->e, fresh);
}

static status
do_check(struct hand *h)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8192);
	status s = engine_grant_check(h->class, h->spec.grant, &b);
	json_w_kstr(&h->w, "faults", buf_span(&b));
	return s;
}

/* The option tables as docs/engines/NAME.md must hold them. */
static status
do_doc(struct hand *h)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 16);
	schema_doc(h->class->upstream, &b);
	schema_doc(h->class->grant, &b);
	for (size_t i = 0; i < h->class->grant->n; i++)
		if (h->class->grant->fields[i].sub)
			schema_doc(h->class->grant->fields[i].sub, &b);
	json_w_kstr(&h->w, "text", buf_span(&b));
	return buf_finish(&b);
}

static status
do_renew(struct hand *h)
{
	return engine_renew(h->e, &h->spec);
}

static status
reopen(struct hand *h)
{
	h->e = engine_close(h->e);
	return engine_open(h->class, h->options, h->root, NULL, &h->e);
}

enum sweep { SWEEP_OPEN, SWEEP_CREATE, SWEEP_REVOKE, SWEEPS };

static status
swept(struct hand *h, enum sweep what)
{
	CLEANUP(engine_credential_fini) struct engine_credential c = { 0 };
	struct engine_finding f;
	switch (what) {
	case SWEEP_OPEN:
		return reopen(h);
	case SWEEP_CREATE:
		return engine_create(h->e, &h->spec, &c);
	case SWEEP_REVOKE:
	case SWEEPS:
		break;
	}
	return engine_revoke(h->e, h->spec.lease, &f);
}

/* Each allocation of opening, creating and revoking fails once, and all after it. Afterwards a revocation with memory ends clean. */
static status
do_oom(struct hand *h)
{
	unsigned long failures = 0;
	for (int what = 0; what < SWEEPS; what++) {
		for (unsigned long n = 1;; n++) {
			struct engine_finding f;
			if (what == SWEEP_REVOKE) {
				CLEANUP(engine_credential_fini) struct engine_credential c = { 0 };
				TRY(engine_create(h->e, &h->spec, &c));
			}
			oom_after = n;
			oom_calls = 0;
			status s = swept(h, (enum sweep)what);
			oom_after = 0;
			failures += failed(s);
			ENSURE(!failed(s) || s.code == E_NO_MEMORY, s.code);
			if (what == SWEEP_OPEN && failed(s))
				TRY(reopen(h));
			if (what != SWEEP_OPEN)
				TRY(engine_revoke(h->e, h->spec.lease, &f));
			if (oom_calls < n) {
				TRY(s);
				break;
			}
		}
	}
	json_w_kint(&h->w, "failures", (int64_t)failures);
	return OK;
}

static const struct { const char *name; status (*fn)(struct hand *); } ops[] = {
	{ "create", do_create }, { "renew", do_renew }, { "revoke", do_revoke }, { "list", do_list }, { "inventory", do_inventory },
	{ "test", do_test }, { "rotate", do_rotate }, { "rotate-to", do_rotate_to }, { "check", do_check }, { "doc", do_doc }, { "oom", do_oom }, { "reopen", reopen },
};

static status
read_spec(struct hand *h, const struct json *q)
{
	span lease = { 0 };
	int64_t ttl = 60;
	h->q = q;
	h->spec = (struct lease_spec){ .grant = json_gets(q, "grant") };
	TRY(json_opt_str(q, "lease", &lease, NULL));
	TRY(json_opt_int(q, "ttl", -1000000, 1000000, &ttl, NULL));
	TRY(json_opt_str(q, "agent", &h->spec.agent, NULL));
	TRY(json_opt_str(q, "task", &h->spec.task, NULL));
	h->spec.end = (int64_t)time(NULL) + ttl;
	return lease.n && !id_parse_kind(lease, ID_LEASE, &h->spec.lease) ? FAIL(E_BAD_REQUEST) : OK;
}

static status
serve(struct hand *h, span line)
{
	CLEANUP(arena_fini) struct arena a;
	const struct json *q = NULL;
	span op = { 0 };
	arena_init(&a, 1 << 20);
	TRY(json_parse(line, NULL, &a, &q, NULL));
	TRY(json_get_str(q, "op", &op, NULL));
	TRY(read_spec(h, q));
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (span_is(op, ops[i].name))
			return ops[i].fn(h);
	return FAIL(E_NOT_IMPLEMENTED);
}

static void
answer(struct hand *h, span line)
{
	const char *text = "";
	int64_t began = now_us();
	buf_reset(&h->out);
	h->w = json_w(&h->out);
	json_w_obj(&h->w);
	status s = serve(h, line);
	json_w_kint(&h->w, "us", now_us() - began);
	json_w_kbool(&h->w, "ok", !failed(s));
	json_w_kcstr(&h->w, "code", failed(s) ? error_name(s.code) : "");
	json_w_kcstr(&h->w, "at", s.file ? s.file : "");
	json_w_kint(&h->w, "line", s.line);
	json_w_kcstr(&h->w, "why", h->e ? engine_why(h->e) : "");
	json_w_obj_end(&h->w);
	must(!failed(buf_finish_str(&h->out, &text)));
	puts(text);
	fflush(stdout);
}

static status
read_all(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "r");
	char part[4096];
	ENSURE(f, E_IO);
	for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
		buf_put(b, span_make(part, n));
	fclose(f);
	return buf_finish(b);
}

static status
prepare(struct hand *h, char **argv, struct arena *a)
{
	CLEANUP(buf_fini) struct buf options, root, faults;
	buf_init(&options, 1 << 20);
	buf_init(&root, 1 << 16);
	buf_init(&faults, 1 << 16);
	h->class = engine_find(span_str(argv[1]));
	ENSURE(h->class, E_NOT_FOUND);
	TRY(read_all(argv[2], &options));
	TRY(read_all(argv[3], &root));
	TRY(json_parse(buf_span(&options), &(struct json_opts){ .copy = true }, a, &h->options, NULL));
	if (root.n)
		TRY(secret_take(root.p, root.n, &h->root));
	status s = engine_open(h->class, h->options, h->root, &faults, &h->e);
	fprintf(stderr, "%.*s", SPAN_ARG(buf_span(&faults)));
	return s;
}

int
main(int argc, char **argv)
{
	CLEANUP(arena_fini) struct arena a;
	struct hand h = { 0 };
	char *line = NULL;
	size_t room = 0;
	arena_init(&a, 1 << 20);
	buf_init(&h.out, 1 << 20);
	status s = argc == 4 ? prepare(&h, argv, &a) : FAIL(E_BAD_REQUEST);
	if (failed(s)) {
		fprintf(stderr, "engine-contract: %s (%s:%d)\n", error_text(s.code), s.file, s.line);
		return 2;
	}
	puts("{\"ok\":true}");
	fflush(stdout);
	for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;)
		answer(&h, span_make(line, (size_t)n - (line[n - 1] == '\n')));
	free(line);
	engine_close(h.e);
	secret_free(h.root);
	buf_fini(&h.out);
	return 0;
}
