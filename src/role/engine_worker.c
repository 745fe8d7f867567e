/* A worker: one upstream's engine, with its root credential, and nothing else. It blocks; its alarm ends it when it hangs. */
#include "base/log.h"
#include "crypto/sign.h"
#include "engine/engine.h"
#include "ipc/memfd.h"
#include "ipc/sandbox.h"
#include "ipc/spawn.h"
#include "role/engine_priv.h"
#include "role/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOT_MAX = 8192, CREDENTIAL_MAX = 32768, WHY_MAX = 400 };

static const char *const job_names[] = { "create", "renew", "revoke", "list", "test", "inventory" };
static const unsigned seconds[] = { [JOB_CREATE] = 15, [JOB_RENEW] = 15, [JOB_REVOKE] = 30, [JOB_LIST] = 30, [JOB_TEST] = 15, [JOB_INVENTORY] = 30 };

unsigned job_seconds(enum job_kind k) { return k < JOB_KIND_COUNT ? seconds[k] : 1; }
const char *job_name(enum job_kind k) { return k < JOB_KIND_COUNT ? job_names[k] : "?"; }

/* ---- the words between role and worker ---- */

void
job_order_put(const struct job_order *o, struct buf *b)
{
	size_t n = 1 + 8 + 8 + 2 + o->template.n + 2 + o->agent.n + 2 + o->task.n;
	buf_put_u32(b, (uint32_t)n);
	buf_put_u8(b, o->kind);
	buf_put_u64(b, o->lease);
	buf_put_u64(b, (uint64_t)o->end);
	buf_put_vec16(b, o->template);
	buf_put_vec16(b, o->agent);
	buf_put_vec16(b, o->task);
}

bool
job_order_read(span bytes, struct job_order *ret)
{
	struct reader r = rd_make(bytes);
	struct job_order o;
	o.kind = rd_u8(&r);
	o.lease = rd_u64(&r);
	o.end = (int64_t)rd_u64(&r);
	o.template = rd_vec16(&r);
	o.agent = rd_vec16(&r);
	o.task = rd_vec16(&r);
	*ret = o;
	return !failed(rd_end(&r)) && o.kind < JOB_KIND_COUNT;
}

void
job_result_put(const struct job_result *s, struct buf *b)
{
	buf_put_u32(b, (uint32_t)(2 + 1 + 4 + 2 + s->why.n + 4 + s->body.n));
	buf_put_u16(b, s->error);
	buf_put_u8(b, s->native_end);
	buf_put_u32(b, s->size);
	buf_put_vec16(b, s->why);
	buf_put_vec32(b, s->body);
}

bool
job_result_read(span bytes, struct job_result *ret)
{
	struct reader r = rd_make(bytes);
	struct job_result s;
	s.error = rd_u16(&r);
	s.native_end = rd_u8(&r);
	s.size = rd_u32(&r);
	s.why = rd_vec16(&r);
	s.body = rd_vec32(&r);
	*ret = s;
	return !failed(rd_end(&r));
}

/* ---- getting ready ---- */

struct bench {
	const struct engine_class *class;
	struct engine *engine;
	const struct json *spec;
	struct arena arena;
	struct secret *root;
	char why[WHY_MAX];
	uint16_t broken;              /* why no job can be done, or E_OK */
};

static status
read_secret(int fd, struct secret **ret)
{
	uint8_t room[ROOT_MAX];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof room && (got = read(fd, room + n, sizeof room - n)) > 0)
		n += (size_t)got;
	/* The line end that editors and echo leave is not part of it. */
	if (n && room[n - 1] == '\n')
		n--;
	status s = n && n < sizeof room ? secret_take(room, n, ret) : FAIL(E_BAD_CONFIG);
	secret_wipe(room, sizeof room);
	return s;
}

static status
read_named(const struct json *name, const char *folder, struct secret **ret)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%.*s", folder ? folder : "", SPAN_ARG(name->str));

	ENSURE(folder && n > 0 && (size_t)n < sizeof path && span_find(name->str, '/') == name->str.n && name->str.p[0] != '.', E_BAD_CONFIG);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	ENSURE(fd >= 0, E_NOT_FOUND);
	status s = read_secret(fd, ret);
	close(fd);
	return s;
}

static status
read_file(const struct json *name, struct secret **ret)
{
	char path[4096];

	ENSURE(name->str.n < sizeof path && span_find(name->str, 0) == name->str.n, E_BAD_CONFIG);
	memcpy(path, name->str.p, name->str.n);
	path[name->str.n] = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ENSURE(fd >= 0, E_NOT_FOUND);
	status s = read_secret(fd, ret);
	close(fd);
	return s;
}

static void
break_down(struct bench *b, status s, const char *what)
{
	b->broken = s.code ? s.code : E_BAD_CONFIG;
	snprintf(b->why, sizeof b->why, "%s: %s", what, error_text(b->broken));
}

/* OpenSSL reads its configuration when it is first used, which must not be after the sandbox closed. */
static status
warm(void)
{
	CLEANUP(sign_key_freep) struct sign_key *key = NULL;
	uint8_t sig[64];

	TRY(sign_key_generate(ALG_ES256, &key));
	return sign_make(key, SPAN("x"), sig);
}

/* The credential by name with the rights the keeper has; everything else as the role's user. */
static void
prepare(struct bench *b, span spec, uid_t uid, gid_t gid, const char *folder)
{
	static const struct json_opts opts = { .max_bytes = ENGINE_SPEC_MAX, .copy = true };

	arena_init(&b->arena, 4 << 20);
	status s = json_parse(spec, &opts, &b->arena, &b->spec, NULL);
	const struct json *root = failed(s) ? NULL : json_gets(b->spec, "root"), *v;
	if (failed(s))
		break_down(b, s, "the upstream's description can not be read");
	else if ((v = json_gets(root, "credential")) && failed(s = read_named(v, folder, &b->root)))
		break_down(b, s, "the root credential can not be read from the folder of credentials");
	if (failed(spawn_become(uid, gid, NULL, 0)) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(1);
	if (!b->broken && (v = json_gets(root, "file")) && failed(s = read_file(v, &b->root)))
		break_down(b, s, "the root credential's file can not be read by the user the engine role runs as");
	if (failed(warm()))
		_exit(1);
}

/* The absolute path in that option, or "". */
static void
path_option(const struct bench *b, const char *option, char out[static 4096])
{
	const struct json *v = b->spec && option ? json_gets(json_gets(b->spec, "options"), option) : NULL;

	out[0] = 0;
	if (json_is_str(v) && v->str.n < 4096 && v->str.n > 1 && v->str.p[0] == '/')
		memcpy(out, v->str.p, v->str.n), out[v->str.n] = 0;
}

static void
close_sandbox(const struct bench *b)
{
	struct profile p;
	struct sandbox_report report;
	char reads[4096], writes[4096];
	const struct json *engine = b->spec ? json_gets(b->spec, "engine") : NULL;
	const struct engine_class *class = json_is_str(engine) ? engine_find(engine->str) : NULL;

	path_option(b, class ? class->reads : NULL, reads);
	path_option(b, class ? class->writes : NULL, writes);
	char *slash = strrchr(writes, '/');   /* the folder: files are replaced whole */
	if (slash)
		slash[slash == writes] = 0;
	profile_worker(reads[0] ? reads : NULL, writes[0] ? writes : NULL, &p);
	status s = sandbox_enter(&p.sandbox, &report);
	if (failed(s)) {
		log_error("a worker's sandbox could not be closed", KV("status", s));
		_exit(1);
	}
}

static void
open_engine(struct bench *b)
{
	CLEANUP(buf_fini) struct buf err;

	if (b->broken || b->engine)
		return;
	buf_init(&err, 4096);
	b->class = engine_find(json_gets(b->spec, "engine")->str);
	if (!b->class) {
		break_down(b, FAIL(E_BAD_CONFIG), "there is no such engine");
		return;
	}
	status s = engine_open(b->class, json_gets(b->spec, "options"), b->root, &err, &b->engine);
	if (!failed(s))
		return;
	b->broken = s.code;
	snprintf(b->why, sizeof b->why, "%.*s", SPAN_ARG(span_sub(buf_span(&err), 0, sizeof b->why - 1)));
}

/* ---- jobs ---- */

static const struct json *
grant_of(const struct bench *b, span template)
{
	json_for_items(it, json_gets(b->spec, "templates")) {
		const struct json *name = json_gets(it, "name");
		if (json_is_str(name) && span_eq(name->str, template))
			return json_gets(it, "grant");
	}
	return NULL;
}

/* {"credential":{name:value…},"env":{NAME:value…},"secret":[name…]} into a sealed memfd; no other copy stays. */
static status
seal(const struct engine_credential *c, int *ret_fd, uint32_t *ret_size)
{
	struct buf b;

	buf_init(&b, CREDENTIAL_MAX);
	/* Room before it is filled: growing would leave copies behind. */
	if (!buf_reserve(&b, CREDENTIAL_MAX))
		return FAIL(E_NO_MEMORY);
	struct json_writer w = json_w(&b);
	json_w_obj(&w);
	json_w_kobj(&w, "credential");
	for (size_t i = 0; i < c->n; i++)
		json_w_kstr(&w, c->fields[i].name, secret_reveal(c->fields[i].value));
	json_w_obj_end(&w);
	json_w_kobj(&w, "env");
	for (size_t i = 0; i < c->n; i++)
		if (c->fields[i].env)
			json_w_kstr(&w, c->fields[i].env, secret_reveal(c->fields[i].value));
	json_w_obj_end(&w);
	json_w_karr(&w, "secret");
	for (size_t i = 0; i < c->n; i++)
		if (c->fields[i].is_secret)
			json_w_str(&w, span_str(c->fields[i].name));
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	status s = buf_finish(&b);
	*ret_size = (uint32_t)b.n;
	if (!failed(s))
		s = memfd_sealed(buf_span(&b), ret_fd);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return s;
}

static status
create(struct bench *b, const struct job_order *o, struct job_result *res, int *ret_fd)
{
	struct engine_credential c = { 0 };
	struct lease_spec l = { .lease = o->lease, .end = o->end, .grant = grant_of(b, o->template), .agent = o->agent, .task = o->task };

	if (!l.grant) {
		snprintf(b->why, sizeof b->why, "there is no template of that name");
		return FAIL(E_NOT_FOUND);
	}
	TRY(engine_create(b->engine, &l, &c));
	status s = seal(&c, ret_fd, &res->size);
	engine_credential_fini(&c);
	res->native_end = (engine_traits(b->engine) & ENGINE_NATIVE_END) != 0;
	return s;
}

static status
put_account(void *user, const struct engine_account *a)
{
	struct json_writer *w = user;
	char id[ID_TEXT + 1];

	json_w_obj(w);
	json_w_kstr(w, "account", a->name);
	json_w_key(w, SPAN("lease"));
	id_text(a->lease, id);
	if (a->lease)
		json_w_str(w, span_str(id));
	else
		json_w_null(w);
	json_w_kint(w, "end", a->end);
	json_w_kint(w, "sessions", a->sessions);
	json_w_obj_end(w);
	return OK;
}

static status
put_standing(void *user, const struct engine_standing *a)
{
	static const struct { unsigned bit; const char *name; } concerns[] = {
		{ ENGINE_NEVER_EXPIRES, "never_expires" }, { ENGINE_ADMIN, "admin" }, { ENGINE_SHARED, "shared" },
		{ ENGINE_NO_PASSWORD, "no_password" }, { ENGINE_ROOT, "root" }, { ENGINE_LOCKED, "locked" },
	};
	struct json_writer *w = user;

	json_w_obj(w);
	json_w_kstr(w, "account", a->name);
	json_w_karr(w, "concerns");
	for (size_t i = 0; i < ARRAY_LEN(concerns); i++)
		if (a->concerns & concerns[i].bit)
			json_w_str(w, span_str(concerns[i].name));
	json_w_arr_end(w);
	if (a->end)
		json_w_kint(w, "end", a->end);
	json_w_kint(w, "sessions", a->sessions);
	json_w_obj_end(w);
	return OK;
}

static status
list(struct bench *b, bool all, struct buf *out)
{
	struct json_writer w = json_w(out);

	json_w_obj(&w);
	json_w_karr(&w, "accounts");
	status s = all ? engine_inventory(b->engine, put_standing, &w) : engine_list(b->engine, put_account, &w);
	json_w_arr_end(&w);
	json_w_obj_end(&w);
	return failed(s) ? s : buf_finish(out);
}

static status
test(struct bench *b, struct buf *out)
{
	CLEANUP(buf_fini) struct buf notes;
	CLEANUP(buf_fini) struct buf faults;
	struct json_writer w = json_w(out);

	buf_init(&notes, 16384);
	buf_init(&faults, 16384);
	json_for_items(it, json_gets(b->spec, "templates")) {
		status s = engine_grant_check(b->class, json_gets(it, "grant"), &faults);
		if (failed(s)) {
			snprintf(b->why, sizeof b->why, "template %.*s: %.*s", SPAN_ARG(json_gets(it, "name")->str),
			         SPAN_ARG(span_sub(buf_span(&faults), 0, 300)));
			return s;
		}
	}
	TRY(engine_test(b->engine, &notes));
	json_w_obj(&w);
	json_w_kbool(&w, "ok", true);
	json_w_kcstr(&w, "engine", b->class->title);
	bool native_end = (engine_traits(b->engine) & ENGINE_NATIVE_END) != 0;
	json_w_kbool(&w, "native_end", native_end);
	if (b->class->risk && !native_end)
		json_w_kcstr(&w, "risk", b->class->risk);
	json_w_kstr(&w, "notes", buf_span(&notes));
	json_w_obj_end(&w);
	return buf_finish(out);
}

static status
take_back(struct bench *b, const struct job_order *o)
{
	struct engine_finding f = { 0 };
	status s = engine_revoke(b->engine, o->lease, &f);

	if (!failed(s))
		snprintf(b->why, sizeof b->why, "%s; sessions cut %u, objects dropped %u, kept %u, helpers %u", f.was_there ? "removed" : "was not there",
		         f.sessions, f.objects, f.kept, f.helpers);
	else if (f.cut)
		snprintf(b->why, sizeof b->why, "no login and no session is left, but the account is: %.300s", engine_why(b->engine));
	return s;
}

static status
work(struct bench *b, const struct job_order *o, struct job_result *res, int *ret_fd, struct buf *body)
{
	struct lease_spec l = { .lease = o->lease, .end = o->end };

	switch ((enum job_kind)o->kind) {
	case JOB_CREATE: return create(b, o, res, ret_fd);
	case JOB_RENEW: return engine_renew(b->engine, &l);
	case JOB_REVOKE: return take_back(b, o);
	case JOB_LIST: return list(b, false, body);
	case JOB_TEST: return test(b, body);
	case JOB_INVENTORY: return list(b, true, body);
	case JOB_KIND_COUNT: break;
	}
	return FAIL(E_BAD_MESSAGE);
}

static void
do_job(struct bench *b, const struct job_order *o, struct job_result *res, int *ret_fd, struct buf *body)
{
	if (!b->broken) {
		b->why[0] = 0;
		open_engine(b);
	}
	if (b->broken) {
		res->error = b->broken;
	} else {
		status s = work(b, o, res, ret_fd, body);
		res->error = s.code;
		if (failed(s) && !b->why[0])
			snprintf(b->why, sizeof b->why, "%s", engine_why(b->engine));
	}
	res->why = span_str(b->why);
	res->body = res->error == E_OK ? buf_span(body) : (span){ 0 };
}

/* ---- the socket ---- */

static bool
read_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t got = recv(fd, p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static bool
write_all(int sock, span data, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };

	while (data.n) {
		struct iovec v = { (void *)(uintptr_t)data.p, data.n };
		struct msghdr g = { .msg_iov = &v, .msg_iovlen = 1 };
		if (fd >= 0) {
			g.msg_control = control.bytes;
			g.msg_controllen = sizeof control.bytes;
			struct cmsghdr *c = CMSG_FIRSTHDR(&g);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &fd, sizeof fd);
		}
		ssize_t n = sendmsg(sock, &g, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		fd = -1;
		data = span_sub(data, (size_t)n, data.n);
	}
	return true;
}

static bool
serve(struct bench *b, int sock, struct buf *out, struct buf *body)
{
	uint8_t head[4], frame[1024];
	struct job_order o;
	struct job_result res = { 0 };
	int fd = -1;

	if (!read_all(sock, head, sizeof head))
		return false;
	struct reader r = rd_make(span_make(head, sizeof head));
	uint32_t n = rd_u32(&r);
	if (n > sizeof frame || !read_all(sock, frame, n) || !job_order_read(span_make(frame, n), &o))
		return false;
	alarm(job_seconds((enum job_kind)o.kind));
	do_job(b, &o, &res, &fd, body);
	alarm(0);
	job_result_put(&res, out);
	bool ok = !failed(buf_finish(out)) && write_all(sock, buf_span(out), fd);
	if (fd >= 0)
		close(fd);
	/* What could not be read may be there the next time: a new worker looks again. */
	return ok && !b->broken;
}

_Noreturn void
engine_worker(int sock, span upstream, span spec, uid_t uid, gid_t gid, const char *credentials)
{
	static struct bench b;
	char name[80];

	snprintf(name, sizeof name, "engine/%.*s", SPAN_ARG(upstream));
	log_init(name, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	prepare(&b, spec, uid, gid, credentials);
	close_sandbox(&b);
	for (;;) {
		CLEANUP(buf_fini) struct buf out;
		CLEANUP(buf_fini) struct buf body;
		buf_init(&out, ENGINE_BODY_MAX + 4096);
		buf_init(&body, ENGINE_BODY_MAX);
		if (!serve(&b, sock, &out, &body))
			_exit(0);
	}
}
