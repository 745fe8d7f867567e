#include "api/pages.h"

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
	"h1{font-size:1.3rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}"
	"pre{background:#f3f4f6;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}label{display:block;margin:1rem 0 .3rem}"
	"input{font:inherit;padding:.4rem;width:100%;box-sizing:border-box}button{font:inherit;padding:.5rem 1.2rem;margin:1rem .5rem 0 0}"
	"code{background:#f3f4f6;padding:.1rem .3rem}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre,code{background:#1b222c}dt{color:#9198a1}}";

span pages_style(void) { return span_make(style, sizeof style - 1); }

void
pages_escape(struct buf *b, span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		switch (c) {
		case '&': buf_put_str(b, "&amp;"); break;
		case '<': buf_put_str(b, "&lt;"); break;
		case '>': buf_put_str(b, "&gt;"); break;
		case '"': buf_put_str(b, "&quot;"); break;
		case '\'': buf_put_str(b, "&#39;"); break;
		default:
			/* Controls show as what they are; so do the bytes of marks that turn or hide text (U+200B-U+206F, U+FEFF, U+E00xx). */
			if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
				buf_put_str(b, "&#xFFFD;");
			else if (i + 2 < s.n && c == 0xe2 && (s.p[i + 1] == 0x80 || s.p[i + 1] == 0x81) && s.p[i + 2] >= 0x8b &&
			         (s.p[i + 1] == 0x81 || s.p[i + 2] <= 0x8f || s.p[i + 2] >= 0xa8))
				buf_put_str(b, "&#xFFFD;"), i += 2;
			else if (i + 2 < s.n && c == 0xef && s.p[i + 1] == 0xbb && s.p[i + 2] == 0xbf)
				buf_put_str(b, "&#xFFFD;"), i += 2;
			else if (i + 3 < s.n && c == 0xf3 && s.p[i + 1] == 0xa0)
				buf_put_str(b, "&#xFFFD;"), i += 3;
			else
				buf_put_u8(b, c);
		}
	}
}

static void
begin(struct buf *b, const char *title)
{
	buf_printf(b, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
	              "<title>%s - Ambit</title><link rel=\"stylesheet\" href=\"/oauth/style.css\"><h1>%s</h1>", title, title);
}

static span
text_of(const struct json *v, const char *key)
{
	const struct json *t = json_gets(v, key);

	return json_is_str(t) ? t->str : (span){ 0 };
}

static void
row(struct buf *b, const char *name, span value)
{
	if (!value.n)
		return;
	buf_printf(b, "<dt>%s<dd>", name);
	pages_escape(b, value);
}

static void
hidden(struct buf *b, const char *name, span value)
{
	if (!value.n)
		return;
	buf_printf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	pages_escape(b, value);
	buf_put_str(b, "\">");
}

static void
login(struct buf *b, const struct json *v)
{
	begin(b, "Sign in");
	buf_put_str(b, "<p>Run <code>ambit login</code> in a terminal where you use Ambit, and enter the code it prints.</p>"
	               "<form method=\"post\" action=\"/oauth/login\"><label for=\"code\">Code</label>"
	               "<input id=\"code\" name=\"code\" required autofocus autocomplete=\"off\" spellcheck=\"false\">");
	hidden(b, "request", text_of(v, "request"));
	buf_put_str(b, "<button>Sign in</button></form>");
}

static status
consent(struct buf *b, const struct json *v)
{
	CLEANUP(buf_fini) struct buf details = { 0 };
	const struct json *d = json_gets(v, "details");

	begin(b, "A program asks to act for you");
	buf_put_str(b, "<dl>");
	row(b, "Program", text_of(v, "client"));
	row(b, "Acts as agent", text_of(v, "agent"));
	row(b, "Which is for", text_of(v, "purpose"));
	row(b, "Agent's owner", text_of(v, "owner"));
	row(b, "You are", text_of(v, "user"));
	row(b, "The answer goes to", text_of(v, "to"));
	buf_put_str(b, "</dl><p>It asks for a task with at most these rights:</p><pre>");
	if (d && !json_is_null(d)) {
		buf_init(&details, 1 << 20);
		struct json_writer w = json_w_pretty(&details);
		json_w_value(&w, d);
		TRY(buf_finish(&details));
		pages_escape(b, buf_span(&details));
	} else {
		buf_put_str(b, "those of the agent's session");
	}
	buf_put_str(b, "</pre><p>Policies still decide every single action, and you can end the task at any time: <code>ambit kill</code>.</p>"
	               "<form method=\"post\" action=\"/oauth/consent\">");
	hidden(b, "request", text_of(v, "request"));
	buf_put_str(b, "<button name=\"answer\" value=\"deny\">Refuse</button><button name=\"answer\" value=\"allow\">Allow</button></form>");
	return OK;
}

static void
device(struct buf *b, const struct json *)
{
	begin(b, "Connect a device");
	buf_put_str(b, "<p>Enter the code that the device shows. Go on only if you have started this yourself.</p>"
	               "<form method=\"post\" action=\"/oauth/device\"><label for=\"code\">Code</label>"
	               "<input id=\"code\" name=\"user_code\" required autofocus autocomplete=\"off\" spellcheck=\"false\"><button>Continue</button></form>");
}

static void
say(struct buf *b, const char *title, const char *text, span who)
{
	begin(b, title);
	buf_put_str(b, "<p>");
	buf_put_str(b, text);
	if (who.n) {
		buf_put_str(b, " <b>");
		pages_escape(b, who);
		buf_put_str(b, "</b>.");
	}
	buf_put_str(b, "</p>");
}

status
pages_render(struct buf *b, const struct json *v)
{
	span name = text_of(v, "page");

	if (span_is(name, "login"))
		login(b, v);
	else if (span_is(name, "consent"))
		TRY(consent(b, v));
	else if (span_is(name, "device"))
		device(b, v);
	else if (span_is(name, "done"))
		say(b, "Done", "The device may act for you now. You can close this page.", (span){ 0 });
	else if (span_is(name, "refused"))
		say(b, "Refused", "Nothing was given. You can close this page.", (span){ 0 });
	else if (span_is(name, "signed_in"))
		say(b, "Signed in", "You are signed in as", text_of(v, "user"));
	else
		return FAIL(E_BAD_MESSAGE);
	return buf_finish(b);
}

void
pages_sign_in(struct buf *b, span code)
{
	begin(b, "Sign in");
	buf_put_str(b, "<p>Sign in to Ambit in this browser? Go on only if you ran <code>ambit login</code> yourself just now.</p>"
	               "<form method=\"post\" action=\"/oauth/login\">");
	hidden(b, "code", code);
	buf_put_str(b, "<button>Sign in</button></form>");
}

void
pages_error(struct buf *b, uint16_t code, span detail)
{
	begin(b, "That did not work");
	buf_put_str(b, "<p>");
	pages_escape(b, span_str(error_text(code)));
	if (detail.n) {
		buf_put_str(b, "<br>");
		pages_escape(b, detail);
	}
	buf_put_str(b, "</p>");
}
