/* audit export and audit verify. An export is checked with nothing but the file: chain, checkpoint signature, sequence. */
#include "cli.h"
#include "base/env.h"
#include "log/checkpoint.h"
#include "log/event.h"
#include "text/base64url.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- export ---- */

static bool
get_page(struct cli *c, uint64_t from, struct answer *ret, int *ret_code)
{
	struct buf b;
	buf_init(&b, 4096);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kbool(&w, "raw", true);
	json_w_kint(&w, "from", (int64_t)from);
	json_w_kint(&w, "limit", 1000);
	json_w_obj_end(&w);
	bool ok = cli_get(c, PEER_PEOPLE, "audit/list", buf_span(&b), ret, ret_code);
	buf_fini(&b);
	return ok;
}

static void
put_line(const struct json *e, struct buf *b)
{
	struct json_writer w = json_w(b);
	json_w_obj(&w);
	json_w_kint(&w, "seq", int_at(e, "seq", 0));
	json_w_key(&w, SPAN("bytes"));
	json_w_value(&w, json_gets(e, "canonical"));
	json_w_obj_end(&w);
	buf_put_u8(b, '\n');
}

/* The events first, then the head that covers at least them: the checkpoint may be newer than the last event written, never
 * older than what it is used for. */
static int
export_to(struct cli *c, uint64_t from, struct buf *out)
{
	struct answer a, head;
	struct buf lines;
	int code;
	uint64_t next = from, count = 0;
	if (!cli_get(c, PEER_PEOPLE, "audit/head", SPAN("{}"), &head, &code))
		return code;
	uint64_t last = (uint64_t)int_at(head.json, "seq", 0);
	buf_init(&lines, (size_t)2 << 30);
	while (next <= last) {
		if (!get_page(c, next, &a, &code)) {
			buf_fini(&lines);
			return code;
		}
		uint64_t before = next;
		json_for_items(e, json_gets(a.json, "items")) {
			uint64_t seq = (uint64_t)int_at(e, "seq", 0);
			if (seq != next || seq > last)
				continue;
			put_line(e, &lines);
			next++;
			count++;
		}
		if (next == before)
			break;
	}
	struct json_writer w = json_w(out);
	json_w_obj(&w);
	json_w_kint(&w, "ambit_export", 1);
	json_w_kint(&w, "from", (int64_t)from);
	json_w_kint(&w, "count", (int64_t)count);
	for (const char *const *m = (const char *const[]){ "seq", "head", "checkpoint", "verifier", NULL }; *m; m++)
		if (json_gets(head.json, *m)) {
			json_w_key(&w, span_str(*m));
			json_w_value(&w, json_gets(head.json, *m));
		}
	json_w_obj_end(&w);
	buf_put_u8(out, '\n');
	buf_put(out, buf_span(&lines));
	bool whole = next > last;
	buf_fini(&lines);
	return whole ? 0 : cli_fail(c, E_CHAIN_BROKEN, "the server's list of events has a gap", "ambit audit verify", "event %llu is missing", (unsigned long long)next);
}

int
audit_export_run(struct cli *c)
{
	const char *file = args_str(&c->args, "file");
	int64_t from = args_int(&c->args, "from", 1);
	if (from < 1)
		return cli_fail(c, E_BAD_REQUEST, NULL, "--from 1", "events are counted from 1");
	struct buf b;
	buf_init(&b, (size_t)2 << 30);
	int code = export_to(c, (uint64_t)from, &b);
	if (code == 0 && failed(buf_finish(&b)))
		code = cli_fail(c, b.err, NULL, "--from SEQ, in pieces", "the export is too large");
	if (code == 0 && file) {
		status s = env_write_file(env_posix(), file, 0600, buf_span(&b));
		code = failed(s) ? cli_fail(c, E_IO, error_text(s.code), NULL, "cannot write %s", file) : 0;
		if (code == 0 && !c->quiet)
			dprintf(STDERR_FILENO, "written to %s; check it anywhere with: ambit audit verify --offline %s\n", file, file);
	} else if (code == 0) {
		code = out_write(buf_span(&b));
	}
	buf_fini(&b);
	return code;
}

/* ---- verify ---- */

struct verdict {
	uint64_t count, first, last, bad_seq, checkpoint_seq;
	bool signed_head, from_start;
	digest head;
	const char *note;
};

static status
read_header(struct cli *c, span line, const struct json **ret)
{
	TRY(json_parse(line, NULL, &c->arena, ret, NULL));
	ENSURE(int_at(*ret, "ambit_export", 0) == 1, E_BAD_JSON);
	return OK;
}

/* One {"seq","bytes"} line into the chain. */
static status
take_line(struct arena *a, span line, struct chain *chain, struct buf *raw)
{
	const struct json *v;
	span text;
	int64_t seq;
	struct event e;
	TRY(json_parse(line, &(struct json_opts){ .max_bytes = 1 << 20 }, a, &v, NULL));
	TRY(json_get_str(v, "bytes", &text, NULL));
	TRY(json_get_int(v, "seq", 1, INT64_MAX, &seq, NULL));
	ENSURE((uint64_t)seq == chain->seq + 1, E_CHAIN_BROKEN);
	buf_reset(raw);
	TRY(base64url_decode(text, raw));
	return chain_verify(chain, buf_span(raw), &e);
}

static span
first_line(span *rest)
{
	size_t n = span_find(*rest, '\n');
	span line = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n + (n < rest->n), rest->n);
	return line;
}

static void
check_file(struct cli *c, span text, const char *key, struct verdict *v)
{
	const struct json *h;
	span note = { 0 }, verifier = { 0 };
	if (failed(read_header(c, first_line(&text), &h))) {
		v->note = "the first line is not that of an export";
		return;
	}
	IGNORE(json_opt_str(h, "checkpoint", &note, NULL));
	IGNORE(json_opt_str(h, "verifier", &verifier, NULL));
	struct checkpoint cp = { 0 };
	span trusted = key ? span_str(key) : verifier;
	if (!note.n) {
		v->note = "there is no checkpoint in the file";
	} else if (failed(checkpoint_open(note, trusted, &cp))) {
		v->note = "the checkpoint is not signed by the key";
		return;
	}
	v->checkpoint_seq = cp.chain.seq;
	uint64_t from = (uint64_t)int_at(h, "from", 1);
	v->first = from;
	v->from_start = from == 1;
	if (!v->from_start) {
		v->note = "the export does not begin at event 1, so its chain cannot be tied to the checkpoint";
		return;
	}
	struct chain chain = { 0 };
	struct arena a;
	struct buf raw;
	arena_init(&a, 8 << 20);
	buf_init(&raw, EVENT_MAX);
	while (text.n && !v->bad_seq) {
		arena_reset(&a);
		status s = take_line(&a, first_line(&text), &chain, &raw);
		if (failed(s)) {
			v->bad_seq = chain.seq + 1;
			v->note = s.code == E_CHAIN_BROKEN ? "an event is missing, repeated or out of order" : "an event was altered";
		} else if (note.n && chain.seq == cp.chain.seq) {
			v->signed_head = memcmp(&chain.head, &cp.chain.head, sizeof chain.head) == 0;
			if (!v->signed_head) {
				v->bad_seq = chain.seq;
				v->note = "up to here something differs from what was signed";
			}
		}
	}
	if (!v->bad_seq && note.n && !v->signed_head)
		v->note = "the file ends before the signed checkpoint";
	v->count = chain.seq;
	v->last = chain.seq;
	v->head = chain.head;
	buf_fini(&raw);
	arena_fini(&a);
}

static int
report(struct cli *c, const struct verdict *v, bool own_key)
{
	struct buf b;
	buf_init(&b, 65536);
	struct json_writer w = json_w(&b);
	struct buf hex;
	buf_init(&hex, 128);
	buf_put_hex(&hex, span_make(&v->head, sizeof v->head));
	bool ok = !v->bad_seq && v->signed_head;
	json_w_obj(&w);
	json_w_kbool(&w, "ok", ok);
	json_w_kint(&w, "count", (int64_t)v->count);
	if (v->bad_seq)
		json_w_kint(&w, "bad_seq", (int64_t)v->bad_seq);
	json_w_kstr(&w, "head", buf_span(&hex));
	json_w_kint(&w, "checkpoint_seq", (int64_t)v->checkpoint_seq);
	json_w_kstr(&w, "key", own_key ? SPAN("given") : SPAN("from the file"));
	if (v->note)
		json_w_kcstr(&w, "note", v->note);
	json_w_obj_end(&w);
	const struct json *j = NULL;
	int code = 1;
	if (!failed(json_parse(buf_span(&b), &(struct json_opts){ .copy = true }, &c->arena, &j, NULL)) && !out_machine(c, j, &code)) {
		buf_reset(&b);
		buf_printf(&b, "events %llu · chain %s · checkpoint at %llu %s", (unsigned long long)v->count, v->bad_seq ? "BROKEN" : v->count ? "ok" : "NOT CHECKED",
		    (unsigned long long)v->checkpoint_seq, v->signed_head ? "signed" : "NOT MATCHED");
		if (v->bad_seq)
			buf_printf(&b, "\nfirst bad event %llu: %s", (unsigned long long)v->bad_seq, v->note);
		else if (v->note)
			buf_printf(&b, "\n%s", v->note);
		if (ok && !own_key)
			buf_put_str(&b, "\nthe key came with the file; give the key you know with --key to be sure whose log this is");
		buf_put_u8(&b, '\n');
		code = out_write(buf_span(&b));
	}
	buf_fini(&hex);
	buf_fini(&b);
	return code ? code : ok ? 0 : 10;
}

static int
verify_offline(struct cli *c, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return cli_fail(c, E_NOT_FOUND, NULL, NULL, "%s cannot be read", path);
	}
	size_t n = (size_t)st.st_size;
	void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	if (p == MAP_FAILED)
		return cli_fail(c, E_IO, NULL, NULL, "%s cannot be read", path);
	struct verdict v = { 0 };
	check_file(c, span_make(p, n), args_str(&c->args, "key"), &v);
	if (p)
		munmap(p, n);
	return report(c, &v, args_has(&c->args, "key"));
}

int
audit_verify_run(struct cli *c)
{
	const char *file = args_str(&c->args, "offline");
	if (file)
		return verify_offline(c, file);
	struct answer a;
	int code;
	c->timeout = args_int(&c->args, "timeout", 600);
	if (!cli_get(c, PEER_PEOPLE, "audit/verify", SPAN("{}"), &a, &code))
		return code;
	bool ok = true_at(a.json, "ok");
	if (!out_machine(c, a.json, &code)) {
		struct buf b;
		buf_init(&b, 65536);
		buf_printf(&b, "events %s · chain %s · head %s\n", text_at(c, a.json, "count"), ok ? "ok" : "BROKEN", text_at(c, a.json, "head"));
		if (!ok)
			buf_printf(&b, "first bad event %s: %s\n", text_at(c, a.json, "bad_seq"), text_at(c, a.json, "note"));
		code = out_write(buf_span(&b));
		buf_fini(&b);
	}
	return code ? code : ok ? 0 : 10;
}
