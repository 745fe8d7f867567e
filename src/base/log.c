#include "base/log.h"
#include "base/buf.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static const char *role_name = "ambit";
static enum log_level level_min = LOG_INFO;

enum { LINE_MAX_ = 16 * 1024, VALUE_MAX = 1024 };

void
log_init(const char *name, enum log_level min)
{
	role_name = name;
	level_min = min;
}

/* Every byte outside printable ASCII is escaped, so a log line can not move a cursor or forge another line. */
static void
put_json_text(struct buf *b, span s)
{
	buf_put_u8(b, '"');
	for (size_t i = 0; i < s.n && i < VALUE_MAX; i++) {
		uint8_t c = s.p[i];
		if (c == '"' || c == '\\') {
			buf_put_u8(b, '\\');
			buf_put_u8(b, c);
		} else if (c < 0x20 || c >= 0x7f) {
			static const char d[] = "0123456789abcdef";
			buf_put_str(b, "\\u00");
			buf_put_u8(b, (uint8_t)d[c >> 4]);
			buf_put_u8(b, (uint8_t)d[c & 15]);
		} else {
			buf_put_u8(b, c);
		}
	}
	buf_put_str(b, s.n > VALUE_MAX ? "...\"" : "\"");
}

static void
put_value(struct buf *b, const struct log_kv *kv)
{
	switch (kv->kind) {
	case LOG_KV_INT: buf_put_dec(b, kv->i); break;
	case LOG_KV_UINT: buf_put_udec(b, kv->u); break;
	case LOG_KV_SPAN: put_json_text(b, kv->s); break;
	case LOG_KV_BOOL: buf_put_str(b, kv->b ? "true" : "false"); break;
	case LOG_KV_STATUS:
		buf_put_u8(b, '"');
		buf_put_str(b, error_name(kv->st.code));
		if (kv->st.file) {
			buf_put_u8(b, ' ');
			buf_put_str(b, kv->st.file);
			buf_put_u8(b, ':');
			buf_put_udec(b, kv->st.line);
		}
		buf_put_u8(b, '"');
		break;
	}
}

void
log_write(enum log_level level, const char *msg, const struct log_kv *kv, size_t n)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	if (level < level_min)
		return;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, LINE_MAX_);
	struct timespec ts;
	struct tm tm;
	char stamp[32];
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&b, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"role\":\"%s\",\"msg\":", stamp,
	           ts.tv_nsec / 1000000, names[level], role_name);
	put_json_text(&b, span_str(msg));
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(&b, ',');
		put_json_text(&b, span_str(kv[i].key));
		buf_put_u8(&b, ':');
		put_value(&b, &kv[i]);
	}
	buf_put_str(&b, "}\n");
	if (b.err)
		return; /* no memory for a log line: the line is lost, the work goes on */
	ssize_t r;
	do
		r = write(2, b.p, b.n);
	while (r < 0 && __builtin_expect(errno == EINTR, 0));
}
