// People at a browser: authorization code with PKCE, refresh, devices; driven by the official MCP SDK's own flow and by hand.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as openid from "openid-client";
import * as jose from "jose";
import { echo, equal, form, mcp, newKey, ok, op, outcome, place, plain, proof, run } from "./lib.mjs";

const EDITOR = "people/editor", REDIRECT = "http://127.0.0.1/callback";
const details = JSON.stringify([{ type: "ambit_task", purpose: "edit", envelope: { tools: ["t/echo"] } }]);
const agent = (name, rest) => ({ kind: "agent", name, owner: "admin@dev", tier: "test", launch: ["admin@dev"], session: { tools: ["t/*"] }, ...rest });
await op("apply/run", { resources: [
	{ kind: "tier", name: "test", calls_per_minute: 1000000, max_calls: 1000000 },
	agent(EDITOR, { purpose: "<b>edits</b>", bearer: true, redirect_uris: [REDIRECT, "https://app.example/cb"], clients: ["https://app.example/client.json"] }),
	agent("people/bound", { redirect_uris: [REDIRECT] }),
	{ ...agent("people/other", { bearer: true, redirect_uris: [REDIRECT] }), launch: ["approver@dev"] },
] });
const url = (path) => place.base + path;

/** A browser: keeps its cookie, follows nothing by itself. */
class Browser {
	async go(to, fields, headers = {}) {
		const options = fields ? { method: "POST", body: new URLSearchParams(fields).toString(), headers: { "content-type": "application/x-www-form-urlencoded", origin: place.web } } : { headers: {} };
		if (this.cookie) options.headers.cookie = this.cookie;
		Object.assign(options.headers, headers);
		for (const k of Object.keys(options.headers)) if (options.headers[k] === null) delete options.headers[k];
		const r = await plain(to.startsWith("/") ? place.web + to : to, options);
		const set = r.headers.get("set-cookie");
		if (set) {
			ok(/^__Host-ambit=[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/.test(set), set);
			this.cookie = set.split(";")[0];
		}
		const text = await r.text();
		return { status: r.status, text, location: r.headers.get("location"), headers: r.headers, request: text.match(/name="request" value="([\w-]+)"/)?.[1] };
	}
	async login(request) {
		const { code } = await op("login/link", { as: this.as ?? "admin@dev" });
		const r = await this.go("/oauth/login", { code, ...(request ? { request } : {}) });
		equal(r.status, 200, r.text);
		return r;
	}
	/** From the authorization URL to the redirect. */
	async agree(to, answer = "allow") {
		let page = await this.go(to);
		if (/ambit login/.test(page.text)) page = await this.login(page.request);
		ok(page.request && /Allow/.test(page.text), page.text);
		const r = await this.go("/oauth/consent", { request: page.request, answer });
		equal(r.status, 303, r.text);
		return new URL(r.location);
	}
}

/** What a page says to a browser that believes it is at another host (A50). */
function statusFor(host) {
	return new Promise((resolve, reject) => https.get(place.web + "/oauth/device", { ca: readFileSync(place.ca), headers: { host }, checkServerIdentity: () => undefined }, (r) => resolve(r.resume().statusCode)).on("error", reject));
}

function pkce() {
	const verifier = randomBytes(32).toString("base64url");
	return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}
function authorizeUrl(p, fields = {}) {
	const q = { response_type: "code", client_id: EDITOR, redirect_uri: "http://127.0.0.1:4711/callback", code_challenge: p.challenge, code_challenge_method: "S256", state: "s t&=", authorization_details: details, ...fields };
	return "/oauth/authorize?" + new URLSearchParams(Object.entries(q).filter(([, v]) => v !== undefined));
}
const redeem = (code, p, fields = {}, options) => form("/oauth/token", { grant_type: "authorization_code", code, client_id: EDITOR, redirect_uri: "http://127.0.0.1:4711/callback", code_verifier: p.verifier, ...fields }, options);
async function getCode(fields) {
	const p = pkce(), to = await new Browser().agree(authorizeUrl(p, fields));
	return { p, code: to.searchParams.get("code"), to };
}
const call = (token) => mcp(echo("x"), { headers: { authorization: `Bearer ${token}` } });

async function the_mcp_sdk_logs_in_by_itself() {
	const kept = {};
	const provider = {
		redirectUrl: "http://127.0.0.1:4711/callback",
		clientMetadata: { redirect_uris: ["http://127.0.0.1:4711/callback"], client_name: "test" },
		clientInformation: () => ({ client_id: EDITOR }),
		state: () => "xyz",
		tokens: () => kept.tokens, saveTokens: (t) => (kept.tokens = t),
		codeVerifier: () => kept.verifier, saveCodeVerifier: (v) => (kept.verifier = v),
		redirectToAuthorization: (u) => (kept.url = u),
	};
	const connect = () => new StreamableHTTPClientTransport(new URL(url("/mcp")), { authProvider: provider, fetch: plain });
	const first = connect();
	await new Client({ name: "test", version: "1" }).connect(first).then(() => { throw new Error("no login was asked for"); }, (e) => ok(e.constructor.name === "UnauthorizedError", e));
	ok(kept.url.href.startsWith(place.web + "/oauth/authorize?") && kept.url.searchParams.get("resource") === url("/mcp"), String(kept.url));
	const to = await new Browser().agree(kept.url.href);
	equal([to.searchParams.get("state"), to.searchParams.get("iss")], ["xyz", place.base]);
	await first.finishAuth(to.searchParams.get("code"));
	const client = new Client({ name: "test", version: "1" });
	await client.connect(connect());
	ok((await client.listTools()).tools.some((t) => t.name === "t__echo"), "tools");
	ok(!(await client.callTool({ name: "t__echo", arguments: { text: "hello" } })).isError, "a call");
	equal(jose.decodeJwt(kept.tokens.access_token).aud, url("/mcp"));
	// It renews by itself when its token is gone.
	await form("/oauth/revoke", { token: kept.tokens.access_token, client_id: EDITOR });
	const old = kept.tokens.refresh_token;
	ok((await client.listTools()).tools.length, "after renewal");
	ok(kept.tokens.refresh_token !== old, "the refresh token is another");
	await client.close();
}

async function openid_client_logs_in_with_a_bound_token() {
	const config = await openid.discovery(new URL(place.base), "people/bound", undefined, openid.None(), { algorithm: "oauth2", [openid.customFetch]: plain });
	const verifier = openid.randomPKCECodeVerifier(), state = openid.randomState();
	const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
	const to = openid.buildAuthorizationUrl(config, { redirect_uri: "http://127.0.0.1:4711/callback", code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", state });
	const back = await new Browser().agree(to.href);
	const t = await openid.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state }, undefined, { DPoP });
	equal(t.token_type, "dpop");
	const claims = jose.decodeJwt(t.access_token);
	equal([claims.sub, claims.act, claims.client_id], ["admin@dev", { sub: "people/bound" }, "people/bound"]);
	const again = await openid.refreshTokenGrant(config, t.refresh_token, undefined, { DPoP });
	ok(again.refresh_token && again.refresh_token !== t.refresh_token, "rotated");
	// The refresh token is bound to the same key.
	const other = await newKey();
	const r = await form("/oauth/token", { grant_type: "refresh_token", refresh_token: again.refresh_token, client_id: "people/bound" }, { headers: { dpop: await proof(other, "POST", url("/oauth/token")) } });
	equal(r.body.error, "invalid_grant");
	equal((await form("/oauth/token", { grant_type: "refresh_token", refresh_token: again.refresh_token, client_id: "people/bound" })).body.error, "unauthorized_client", "without a proof");
}

async function a_code_is_redeemed_once() {
	const { p, code } = await getCode();
	const all = await Promise.all(Array.from({ length: 64 }, () => redeem(code, p)));
	equal(all.filter((r) => r.status === 200).length, 1, "successes");
	ok(all.every((r) => r.status === 200 || r.body.error === "invalid_grant"), "the others");
}

async function a_code_is_for_one_client_redirect_and_verifier() {
	for (const [what, fields] of [
		["another client", { client_id: "people/other" }], ["another redirect", { redirect_uri: "http://127.0.0.1:4712/callback" }], ["no redirect", { redirect_uri: "" }],
		["another verifier", { code_verifier: pkce().verifier }], ["no verifier", { code_verifier: "" }], ["the challenge as verifier", "challenge"],
	]) {
		const { p, code } = await getCode();
		const r = await redeem(code, p, fields === "challenge" ? { code_verifier: p.challenge } : fields);
		equal(r.body.error, "invalid_grant", what);
		equal((await redeem(code, p)).body.error, "invalid_grant", what + ": the code is gone");
	}
}

async function a_refresh_token_is_used_once_and_a_copy_ends_it_all() {
	const { p, code } = await getCode();
	const first = (await redeem(code, p)).body;
	equal(outcome(await call(first.access_token)), "ok");
	const refresh = (token) => form("/oauth/token", { grant_type: "refresh_token", refresh_token: token, client_id: EDITOR });
	equal((await form("/oauth/token", { grant_type: "refresh_token", refresh_token: first.refresh_token, client_id: "people/other" })).body.error, "invalid_grant", "another client");
	const second = (await refresh(first.refresh_token)).body;
	equal(outcome(await call(second.access_token)), "ok");
	const all = await Promise.all(Array.from({ length: 64 }, () => refresh(second.refresh_token)));
	// The copies may even be faster than the signer; then the one success comes to nothing as well.
	const good = all.filter((r) => r.status === 200);
	ok(good.length <= 1, `${good.length} successes`);
	for (const t of [second, ...good.map((r) => r.body)]) {
		ok(outcome(await call(t.access_token)) !== "ok", "a copy was shown: the family is over");
		equal((await refresh(t.refresh_token)).body.error, "invalid_grant");
	}
	equal((await refresh("x".repeat(64))).body.error, "invalid_grant", "rubbish");
}

async function mistakes_go_nowhere() {
	const b = new Browser(), p = pkce();
	// A20: shown, never redirected.
	for (const bad of ["https://evil.example/cb", "http://127.0.0.1:4711/callback/", "http://127.0.0.1:4711/callback?x=1", "http://127.0.0.1:4711/callback#f", "http://x@127.0.0.1:4711/callback",
		"http://127.0.0.1:4711\\@evil.example/callback", "http://127.0.0.1:4711//callback", "http://127.0.0.1:4711/%2fcallback", "http://127.0.0.1.evil.example/callback", "https://app.example/cb/../x", "https://app.example:444/cb", "javascript:alert(1)"]) {
		const r = await b.go(authorizeUrl(p, { redirect_uri: bad }));
		equal([r.status, r.location], [400, null], bad);
	}
	equal((await b.go(authorizeUrl(p, { client_id: "nobody" }))).status, 400);
	equal((await b.go(authorizeUrl(p, { redirect_uri: undefined }))).status, 400);
	// The rest is the client's to hear.
	for (const [what, fields, error] of [
		["implicit", { response_type: "token" }, "unsupported_response_type"], ["no PKCE", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"], ["plain PKCE", { code_challenge_method: "plain" }, "invalid_request"],
		["a resource of others", { resource: "https://other.example" }, "invalid_target"], ["a scope", { scope: "admin" }, "invalid_scope"], ["bad details", { authorization_details: "x" }, "invalid_authorization_details"],
	]) {
		const to = new URL((await b.go(authorizeUrl(p, fields))).location);
		equal([to.origin + to.pathname, to.searchParams.get("error"), to.searchParams.get("state"), to.searchParams.get("iss")], ["http://127.0.0.1:4711/callback", error, "s t&=", place.base], what);
	}
	const to = await new Browser().agree(authorizeUrl(p), "deny");
	equal([to.searchParams.get("error"), to.searchParams.get("code")], ["access_denied", null]);
}

async function only_the_person_at_the_page_answers() {
	const b = new Browser(), p = pkce();
	let page = await b.go(authorizeUrl(p));
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" })).status, 400, "without signing in");
	page = await b.login(page.request);
	ok(page.text.includes("&lt;b&gt;edits&lt;/b&gt;") && !page.text.includes("<b>edits"), "escaped");
	ok(page.headers.get("content-security-policy").includes("frame-ancestors 'none'"), "frames");
	const thief = new Browser();
	await thief.login();
	equal((await thief.go("/oauth/consent", { request: page.request, answer: "allow" })).status, 400, "another session");
	// A22, A74: a form of another page, or one without an origin, counts for nothing.
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" }, { origin: "https://evil.example" })).status, 403);
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" }, { origin: null })).status, 403);
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" }, { "content-type": "text/plain" })).status, 404);
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" })).status, 303);
	equal((await b.go("/oauth/consent", { request: page.request, answer: "allow" })).status, 400, "twice");
	// Who may not launch the agent may not say yes for it.
	const stranger = new Browser();
	const r = await stranger.go(authorizeUrl(p, { client_id: "people/other" }));
	const { code } = await op("login/link", {});
	equal((await stranger.go("/oauth/login", { code, request: r.request })).status, 400);
}

async function a_login_code_is_used_once_and_a_link_asks_first() {
	const { code, url: link } = await op("login/link", {});
	const asked = await new Browser().go(link);
	ok(asked.status === 200 && !asked.headers.get("set-cookie") && /Go on only if/.test(asked.text), "a link alone signs nobody in");
	const all = await Promise.all(Array.from({ length: 64 }, () => new Browser().go("/oauth/login", { code })));
	equal(all.filter((r) => r.status === 200).length, 1, "successes");
	equal((await new Browser().go("/oauth/login", { code: "x" })).status, 400);
	// Operations of people are not there: the session is for the pages.
	const b = new Browser();
	await b.login();
	equal((await plain(place.web + "/v1/status/show", { method: "POST", body: "{}", headers: { "content-type": "application/json", origin: place.web, cookie: b.cookie } })).status, 404);
	equal(await statusFor("evil.example"), 403, "another host");
}

async function a_device_waits_for_its_person() {
	const start = async () => (await form("/oauth/device", { client_id: EDITOR, authorization_details: details })).body;
	const d = await start();
	equal([d.interval, d.expires_in, d.verification_uri], [5, 600, place.web + "/oauth/device"]);
	const poll = (code = d.device_code, client_id = EDITOR) => form("/oauth/token", { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: code, client_id });
	equal((await poll()).body.error, "authorization_pending");
	equal((await poll()).body.error, "slow_down");
	equal((await poll(d.device_code, "people/other")).body.error, "invalid_grant");
	const b = new Browser();
	ok(/ambit login/.test((await b.go(d.verification_uri_complete)).text), "first sign in");
	await b.login();
	equal((await b.go("/oauth/device", { user_code: "BBBB-BBBB" })).status, 400, "a wrong code");
	const page = await b.go("/oauth/device", { user_code: d.user_code.toLowerCase() });
	ok(/Done/.test((await b.go("/oauth/consent", { request: page.request, answer: "allow" })).text), "agreed");
	const all = await Promise.all(Array.from({ length: 64 }, () => poll()));
	equal(all.filter((r) => r.status === 200).length, 1, "successes");
	equal(outcome(await call(all.find((r) => r.status === 200).body.access_token)), "ok");
	const e = await start(), again = await b.go("/oauth/device", { user_code: e.user_code });
	await b.go("/oauth/consent", { request: again.request, answer: "deny" });
	equal((await poll(e.device_code)).body.error, "access_denied");
	equal((await poll("x")).body.error, "expired_token");
}

async function revoking_the_refresh_token_ends_the_task() {
	const { p, code } = await getCode();
	const t = (await redeem(code, p)).body;
	equal((await form("/oauth/revoke", { token: t.refresh_token, client_id: "people/other" })).status, 200);
	equal(outcome(await call(t.access_token)), "ok", "another client's word does nothing");
	equal((await form("/oauth/revoke", { token: t.refresh_token, client_id: EDITOR })).status, 200);
	ok(outcome(await call(t.access_token)) !== "ok", "ended");
	const task = await op("task/show", { task: t.authorization_details[0].task });
	equal([task.state, task.user, task.user_proven], ["revoked", "admin@dev", true]);
}

await run([the_mcp_sdk_logs_in_by_itself, openid_client_logs_in_with_a_bound_token, a_code_is_redeemed_once, a_code_is_for_one_client_redirect_and_verifier,
	a_refresh_token_is_used_once_and_a_copy_ends_it_all, mistakes_go_nowhere, only_the_person_at_the_page_answers, a_login_code_is_used_once_and_a_link_asks_first,
	a_device_waits_for_its_person, revoking_the_refresh_token_ends_the_task]);
