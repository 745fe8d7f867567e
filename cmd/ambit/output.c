#include "cli.h"
#include "escape.h"
#include "text/time.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

int
out_write(span s)
{
	while (s.n) {
		ssize_t n = write(STDOUT_FILENO, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EPIPE)
				dprintf(STDERR_FILENO, "ambit: cannot write the output: %s\n", strerror(errno));
			return 1;
		}
		s = span_sub(s, (size_t)n, s.n);
	}
	return 0;
}

const struct json *
json_path(const struct json *v, const char *path)
{
	while (v && *path) {
		const char *dot = strchrnul(path, '.');
		span key = span_make(path, (size_t)(dot - path));
		uint64_t i;
		if (json_is_arr(v))
			v = span_to_u64(key, &i) ? json_item(v, i) : NULL;
		else
			v = json_get(v, key);
		path = *dot ? dot + 1 : dot;
	}
	return v;
}

int64_t
int_at(const struct json *v, const char *path, int64_t absent)
{
	const struct json *m = json_path(v, path);
	return json_is_int(m) ? m->i : absent;
}

bool
true_at(const struct json *v, const char *path)
{
	const struct json *m = json_path(v, path);
	return json_is_bool(m) && m->truth;
}

const char *
text_at(struct cli *c, const struct json *v, const char *path)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	out_scalar(json_path(v, path), &b);
	char *s = arena_cstr(&c->arena, buf_span(&b));
	buf_fini(&b);
	return s ? s : "";
}

void
out_scalar(const struct json *v, struct buf *b)
{
	if (!v || v->kind == JSON_NULL)
		return;
	if (v->kind == JSON_STR) {
		escape_text(v->str, false, b);
	} else if (v->kind == JSON_ARR) {
		for (size_t i = 0; i < v->arr.n; i++) {
			if (i)
				buf_put_u8(b, ' ');
			out_scalar(&v->arr.items[i], b);
		}
	} else {
		struct buf raw;
		buf_init(&raw, 1 << 20);
		struct json_writer w = json_w(&raw);
		json_w_value(&w, v);
		escape_text(buf_span(&raw), false, b);
		buf_fini(&raw);
	}
}

bool
parse_time(span s, int64_t *ret)
{
	int64_t ns;
	if (!time_parse(s, &ns))
		return false;
	*ret = ns / TIME_SECOND;
	return true;
}

void
format_time(int64_t seconds, char out[static 24])
{
	char t[TIME_TEXT + 1];
	size_t n = time_text(seconds * TIME_SECOND, t);
	memcpy(out, t, n < 24 ? n + 1 : 23);
}

void
out_duration(int64_t s, struct buf *b)
{
	if (s < 0) {
		buf_put_u8(b, '-');
		s = -s;
	}
	if (s < 60)
		buf_printf(b, "%ds", (int)s);
	else if (s < 3600)
		buf_printf(b, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		buf_printf(b, "%dh%02dm", (int)(s / 3600), (int)(s % 3600 / 60));
	else
		buf_printf(b, "%dd%02dh", (int)(s / 86400), (int)(s % 86400 / 3600));
}

void
out_cell(const struct json *v, enum column_kind kind, bool people, struct buf *b)
{
	int64_t t;
	if (people && (kind == COL_AGE || kind == COL_UNTIL) && json_is_str(v) && parse_time(v->str, &t)) {
		int64_t d = t - (int64_t)time(NULL);
		if (kind == COL_UNTIL && d < 0)
			buf_put_str(b, "past");
		else
			out_duration(kind == COL_AGE ? -d : d, b);
	} else if (kind == COL_YES && json_is_bool(v)) {
		buf_put_str(b, v->truth ? "yes" : "no");
	} else if (kind == COL_COUNT && json_is_arr(v)) {
		buf_put_udec(b, v->arr.n);
	} else {
		out_scalar(v, b);
	}
}

/* Text of many lines, below its member's name. The bar keeps it from passing for members. */
static void
put_lines(span text, unsigned indent, struct buf *b)
{
	buf_put_u8(b, '\n');
	while (text.n) {
		size_t k = span_find(text, '\n');
		buf_printf(b, "%*s| ", (int)indent, "");
		escape_text(span_sub(text, 0, k), false, b);
		buf_put_u8(b, '\n');
		text = span_sub(text, k + (k < text.n), text.n);
	}
}

void
out_members(const struct json *v, unsigned indent, struct buf *b)
{
	size_t width = 0;
	json_for_members(m, v)
		if (m->key.n > width && m->key.n <= 24)
			width = m->key.n;
	json_for_members(m, v) {
		buf_printf(b, "%*s", (int)indent, "");
		size_t at = b->n;
		escape_text(m->key, false, b);
		size_t used = b->n - at;
		bool rows = json_is_arr(&m->value) && m->value.arr.n && m->value.arr.items[0].kind == JSON_OBJ;
		if (json_is_obj(&m->value) && m->value.obj.n) {
			buf_put_u8(b, '\n');
			out_members(&m->value, indent + 2, b);
		} else if (rows) {
			buf_put_u8(b, '\n');
			json_for_items(it, &m->value) {
				buf_printf(b, "%*s- ", (int)indent + 2, "");
				out_scalar(it, b);
				buf_put_u8(b, '\n');
			}
		} else if (json_is_str(&m->value) && memchr(m->value.str.p, '\n', m->value.str.n)) {
			put_lines(m->value.str, indent + 2, b);
		} else {
			buf_printf(b, "%*s  ", used < width ? (int)(width - used) : 0, "");
			out_cell(&m->value, COL_TEXT, true, b);
			buf_put_u8(b, '\n');
		}
	}
}

/* ---- tables ---- */

struct table {
	span *cells;            /* rows * cols; row 0 is the heading */
	size_t rows, cols;
};

static unsigned
terminal_width(void)
{
	struct winsize ws;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
		return ws.ws_col;
	return 100;
}

/* The first `max` columns of s, the last one "…" when something is cut. */
static void
put_clipped(span s, size_t max, struct buf *b)
{
	if (escape_width(s) <= max) {
		buf_put(b, s);
		return;
	}
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] & 0xc0) != 0x80 && escape_width(span_sub(s, 0, i)) + 1 <= max)
			n = i;
	buf_put(b, span_sub(s, 0, n));
	buf_put_str(b, "…");
}

static void
put_table(struct cli *c, const struct table *t, struct buf *b)
{
	if (!c->tty_out) {
		for (size_t r = 0; r < t->rows; r++)
			for (size_t k = 0; k < t->cols; k++) {
				buf_put(b, t->cells[r * t->cols + k]);
				buf_put_u8(b, k + 1 < t->cols ? '\t' : '\n');
			}
		return;
	}
	size_t width[COMMAND_MAX_COLS] = { 0 }, total = 0;
	for (size_t k = 0; k < t->cols; k++) {
		for (size_t r = 0; r < t->rows; r++) {
			size_t n = escape_width(t->cells[r * t->cols + k]);
			if (n > width[k])
				width[k] = n;
		}
		total += width[k] + 2;
	}
	size_t room = terminal_width();
	while (total > room + 2) {              /* take from the widest until it fits; never below 12 */
		size_t widest = 0;
		for (size_t k = 1; k < t->cols; k++)
			if (width[k] > width[widest])
				widest = k;
		if (width[widest] <= 16)
			break;
		width[widest]--;
		total--;
	}
	for (size_t r = 0; r < t->rows; r++) {
		for (size_t k = 0; k < t->cols; k++) {
			span s = t->cells[r * t->cols + k];
			put_clipped(s, width[k], b);
			size_t n = escape_width(s);
			if (k + 1 < t->cols)
				buf_printf(b, "%*s", (int)(n < width[k] ? width[k] - n : 0) + 2, "");
		}
		buf_put_u8(b, '\n');
	}
}

static int
print_items(struct cli *c, const struct json *items)
{
	struct table t = { .rows = 1 + items->arr.n };
	const struct column *cols[COMMAND_MAX_COLS];
	for (size_t i = 0; i < COMMAND_MAX_COLS && c->cmd->cols[i].title; i++)
		if (!c->cmd->cols[i].wide || c->output == OUT_WIDE || !c->tty_out)
			cols[t.cols++] = &c->cmd->cols[i];
	if (c->tty_out && items->arr.n == 0) {
		dprintf(STDERR_FILENO, "none\n");
		return 0;
	}
	t.cells = arena_array(&c->arena, t.rows * t.cols, sizeof *t.cells);
	if (!t.cells)
		return cli_fail(c, E_NO_MEMORY, NULL, "ask for fewer: --limit N", "too much to show");
	for (size_t k = 0; k < t.cols; k++)
		t.cells[k] = span_str(cols[k]->title);
	struct buf cell, b;
	buf_init(&cell, 1 << 20);
	buf_init(&b, 256 << 20);
	for (size_t r = 1; r < t.rows; r++)
		for (size_t k = 0; k < t.cols; k++) {
			buf_reset(&cell);
			out_cell(json_path(&items->arr.items[r - 1], cols[k]->path), cols[k]->kind, c->tty_out, &cell);
			t.cells[r * t.cols + k] = arena_copy(&c->arena, cell.n || !c->tty_out ? buf_span(&cell) : SPAN("-"));
		}
	put_table(c, &t, &b);
	int code = failed(buf_finish(&b)) ? cli_fail(c, E_NO_MEMORY, NULL, NULL, "too much to show") : out_write(buf_span(&b));
	buf_fini(&cell);
	buf_fini(&b);
	return code;
}

/* ---- forms for programs ---- */

static void
put_json(struct cli *c, const struct json *v, bool line, struct buf *b)
{
	struct buf raw;
	buf_init(&raw, 256 << 20);
	struct json_writer w = line ? json_w(&raw) : json_w_pretty(&raw);
	json_w_value(&w, v);
	escape_json(buf_span(&raw), b);
	buf_put_u8(b, '\n');
	if (raw.err && !b->err)
		b->err = raw.err;
	buf_fini(&raw);
}

static void
put_names(struct cli *c, const struct json *v, struct buf *b)
{
	const char *id = c->cmd->id ? c->cmd->id : "id";
	const struct json *items = json_gets(v, "items");
	if (items) {
		json_for_items(it, items) {
			out_scalar(json_path(it, id), b);
			buf_put_u8(b, '\n');
		}
		return;
	}
	const struct json *one = json_path(v, id);
	if (!one)
		one = json_gets(v, "name");
	if (one && one->kind != JSON_OBJ) {
		out_scalar(one, b);
		buf_put_u8(b, '\n');
	}
}

static int
print_field(struct cli *c, const struct json *v)
{
	const struct json *m = json_path(v, c->field);
	if (!m)
		return cli_fail(c, E_NOT_FOUND, NULL, "see the members with -o json", "the answer has no field \"%s\"", c->field);
	struct buf b;
	buf_init(&b, 256 << 20);
	if (m->kind == JSON_STR && !c->tty_out)
		buf_put(&b, m->str);                 /* for programs: the bytes themselves */
	else if (m->kind == JSON_STR)
		escape_text(m->str, true, &b);
	else
		put_json(c, m, true, &b);
	if (c->tty_out && m->kind == JSON_STR)
		buf_put_u8(&b, '\n');
	int code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

bool
out_machine(struct cli *c, const struct json *v, int *ret_exit)
{
	if (c->field) {
		*ret_exit = print_field(c, v);
		return true;
	}
	if (!cli_json(c) && c->output != OUT_NAME)
		return false;
	struct buf b;
	buf_init(&b, 256 << 20);
	const struct json *items = json_gets(v, "items");
	if (c->output == OUT_NAME)
		put_names(c, v, &b);
	else if (c->output == OUT_JSONL && json_is_arr(items))
		json_for_items(it, items)
			put_json(c, it, true, &b);
	else
		put_json(c, v, c->output == OUT_JSONL || !c->tty_out, &b);
	*ret_exit = failed(buf_finish(&b)) ? cli_fail(c, b.err, NULL, NULL, "the answer is too large") : out_write(buf_span(&b));
	buf_fini(&b);
	return true;
}

int
out_value(struct cli *c, const struct json *v)
{
	int code;
	if (out_machine(c, v, &code))
		return code;
	const struct json *items = json_gets(v, "items");
	if (json_is_arr(items) && c->cmd->cols[0].title)
		return print_items(c, items);
	struct buf b;
	buf_init(&b, 64 << 20);
	out_members(v, 0, &b);
	code = out_write(buf_span(&b));
	buf_fini(&b);
	return code;
}

int
out_text(struct cli *c, span text)
{
	struct json value = json_make_str(text);
	struct json_member m = { .key = SPAN("text"), .value = value };
	struct json obj;
	int code;
	if (!failed(json_make_obj(&c->arena, &m, 1, &obj, NULL)) && (cli_json(c) || c->field) && out_machine(c, &obj, &code))
		return code;
	return out_write(text);
}

const char *
word(const struct cli *c, const char *decision)
{
	bool allow = strcmp(decision, "allow") == 0, pending = strcmp(decision, "pending") == 0;
	if (!c->colour)
		return allow ? "ALLOW" : pending ? "PENDING" : "DENY";
	return allow ? "\033[32mALLOW\033[0m" : pending ? "\033[33mPENDING\033[0m" : "\033[31mDENY\033[0m";
}
