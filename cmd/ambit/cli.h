/* cli: what every command of `ambit` gets. One process runs one command, so everything a command allocates lives in the
 * arena of its `struct cli` and goes with the process.
 *
 * A command returns its exit code (docs/reference/cli.md, "Exit codes"). It reports its own failures through cli_fail or
 * cli_refused, which print the three parts of an error and return the code to leave with. */
#ifndef AMBIT_CMD_CLI_H
#define AMBIT_CMD_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "text/json.h"

enum flag_kind {
	FLAG_BOOL,
	FLAG_STR,
	FLAG_INT,       /* decimal */
	FLAG_SECONDS,   /* 90, 90s, 5m, 2h, 1d */
	FLAG_LIST,      /* may be given many times */
	FLAG_TIME,      /* RFC 3339, a date, or an age: 2h */
};

/* What a value may be completed with: a noun whose `list` gives names, or a fixed list. */
enum complete { COMP_NONE, COMP_FILE, COMP_COMMAND, COMP_TASK, COMP_AGENT, COMP_TOOL, COMP_SERVER, COMP_POLICY, COMP_APPROVAL, COMP_WORDS };

struct flag {
	const char *name;       /* without the dashes */
	char letter;            /* 0: none */
	enum flag_kind kind;
	const char *param;      /* member of the operation's params it sets, or NULL */
	const char *arg;        /* how help calls the value */
	const char *help;
	enum complete complete;
	const char *words;      /* COMP_WORDS: separated by blanks; the only values accepted */
};

struct positional {
	const char *name;
	const char *param;
	const char *help;
	enum complete complete;
	const char *words;
	bool optional, many;
};

enum column_kind { COL_TEXT, COL_AGE, COL_UNTIL, COL_COUNT, COL_LIST, COL_YES };

struct column {
	const char *title;
	const char *path;       /* "task.purpose" */
	enum column_kind kind;
	bool wide;              /* only with -o wide and when piped */
};

struct cli;
struct command;
typedef int command_fn(struct cli *c);

enum { COMMAND_MAX_POS = 3, COMMAND_MAX_FLAGS = 14, COMMAND_MAX_COLS = 12, COMMAND_MAX_EXAMPLES = 4 };

struct command {
	const char *noun, *verb;        /* verb NULL: a command of one word */
	const char *alias;              /* the promoted one-word form, or NULL */
	const char *group;              /* heading in the overview */
	const char *summary;            /* one line, no full stop */
	const char *detail;             /* paragraphs, may be NULL */
	struct positional pos[COMMAND_MAX_POS];
	struct flag flags[COMMAND_MAX_FLAGS];
	const char *op;                 /* "task/list", or NULL: no single operation */
	const char *id;                 /* member printed by -q and -o name */
	struct column cols[COMMAND_MAX_COLS];
	const char *exits;              /* the exit codes it can give: "0 2 7 9" */
	const char *examples[COMMAND_MAX_EXAMPLES];
	command_fn *run;                /* NULL: op_run */
	const char *rest;               /* takes `-- WORDS`; how help calls them */
	bool hidden;                    /* used by scripts and the shell, not shown in lists */
};

const struct command *commands(size_t *ret_n);
extern const struct flag global_flags[];
/* Finds the command that argv[*at…] names and moves *at behind its words. NULL: none. A noun alone means its list. */
const struct command *command_find(int argc, char **argv, int *at);
/* "task list" */
void command_name(const struct command *c, struct buf *b);

struct arg {
	const struct flag *flag;
	const char *text;
	int64_t number;
};

struct args {
	struct arg *set;
	size_t n_set, cap_set;
	char **pos;
	size_t n_pos;
	char **rest;            /* NULL-terminated, or NULL */
	bool help;
};

/* `*ret_problem` says what is wrong, for people. Values point into argv. E_BAD_REQUEST, E_NO_MEMORY. */
status args_parse(const struct command *cmd, int argc, char **argv, struct arena *a, struct args *ret, const char **ret_problem);
const struct arg *args_get(const struct args *a, const char *name);
static inline bool args_has(const struct args *a, const char *name) { return args_get(a, name) != NULL; }
/* NULL when absent. */
const char *args_str(const struct args *a, const char *name);
int64_t args_int(const struct args *a, const char *name, int64_t absent);
/* The next occurrence of a list flag at or after *i, or NULL. */
const char *args_next(const struct args *a, const char *name, size_t *i);
/* The command whose name or alias is nearest, or NULL. */
const char *suggest_command(const char *word);
/* "90", "90s", "5m", "2h", "1d" */
bool parse_seconds(const char *s, int64_t *ret);

enum output { OUT_TABLE, OUT_WIDE, OUT_JSON, OUT_JSONL, OUT_NAME };

struct context {
	const char *name;               /* "dev", or "" */
	const char *why;                /* where the name came from */
	const char *file;
	const char *agent_socket, *people_socket;
	const char *agent_from, *people_from;
	const char *user, *data, *api, *ca_file;
};

struct cli {
	struct arena arena;
	const struct command *cmd;
	struct args args;
	enum output output;
	const char *form;               /* a form of output that only this command has ("sarif"), or NULL */
	bool quiet, yes, no_input, colour;
	bool tty_in, tty_out, tty_err;
	const char *field;
	const char *as;
	int64_t timeout;                /* seconds */
	struct context ctx;
	const char *self;               /* path of this executable */
};

static inline bool
cli_json(const struct cli *c)
{
	return c->output == OUT_JSON || c->output == OUT_JSONL;
}

/* Reads the configuration into c->ctx. */
void context_load(struct cli *c);
/* Where the configuration lies. */
const char *context_path(struct arena *a);

/* ---- asking the server ---- */

enum peer { PEER_PEOPLE, PEER_AGENT };

struct answer {
	unsigned http;
	span body;                      /* in the arena */
	const struct json *json;        /* the body, when it is JSON */
	const struct json *error;       /* its "error" object when http >= 400 */
};

/* POSTs params (a JSON text) and reads the answer. Adds `as` for people. E_UNAVAILABLE: nobody listens; E_TIMEOUT; E_UPSTREAM: not HTTP or not JSON. An answer of
 * any HTTP status is OK: look at ret->error. */
status cli_ask(struct cli *c, enum peer peer, const char *op, span params, struct answer *ret);
/* As cli_ask; on a failure of either sort prints the error, sets *ret_exit and returns false. */
bool cli_get(struct cli *c, enum peer peer, const char *op, span params, struct answer *ret, int *ret_exit);

/* ---- saying what went wrong ---- */

/* Prints "ambit: what", "  because …", "  next …" (the latter two may be NULL) and returns the exit code of `code`. */
int cli_fail(struct cli *c, uint16_t code, const char *because, const char *next, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same from a server's error object. */
int cli_refused(struct cli *c, const struct json *error);
int cli_unreachable(struct cli *c, status s, enum peer peer);

/* ---- saying what came out ---- */

/* Writes everything to stdout; exit code 1 when that fails. */
int out_write(span s);
/* A JSON value in the output form asked for; the table form uses the command's columns for {"items":…} and members one a
 * line for anything else. */
int out_value(struct cli *c, const struct json *v);
/* In JSON mode `{"text":…}`, otherwise the text itself. */
int out_text(struct cli *c, span text);
/* For commands with their own table form: true when JSON, -q or --field was asked for and *ret_exit holds the code. */
bool out_machine(struct cli *c, const struct json *v, int *ret_exit);
/* The member at "a.b.0.c"; NULL when absent. */
const struct json *json_path(const struct json *v, const char *path);
/* Text of a scalar as a person reads it, escaped for terminals and tables. Arrays joined by blanks. NULL gives "". */
void out_scalar(const struct json *v, struct buf *b);
void out_cell(const struct json *v, enum column_kind kind, bool people, struct buf *b);
/* Members one a line, "name  value", nested ones indented. */
void out_members(const struct json *v, unsigned indent, struct buf *b);
/* Escaped strings of v, "" when absent: for printf. Lives in the arena. */
const char *text_at(struct cli *c, const struct json *v, const char *path);
int64_t int_at(const struct json *v, const char *path, int64_t absent);
bool true_at(const struct json *v, const char *path);
/* "3m", "1h51m", "2d": whole seconds for people. */
void out_duration(int64_t seconds, struct buf *b);
/* RFC 3339 with Z to seconds; false when malformed. */
bool parse_time(span s, int64_t *ret);
void format_time(int64_t seconds, char out[static 24]);

/* ALLOW, DENY or PENDING, coloured where that is wanted. */
const char *word(const struct cli *c, const char *decision);

/* ---- asking the person ---- */

/* True when the person types `want` (or --yes was given, unless `typed_only`). *ret_exit is set when not. */
bool cli_confirm(struct cli *c, const char *question, const char *want, bool typed_only, int *ret_exit);

/* ---- commands ---- */

command_fn op_run;
/* Builds the params of c->cmd from its flags and positionals into w, which is inside an object. */
void op_params(struct cli *c, struct json_writer *w);
#define X(fn) command_fn fn;
#include "runners.def"
#undef X

#endif
