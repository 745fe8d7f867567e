// Clients without a person: metadata, client authentication, task tokens, proofs, exchange, introspection, revocation.
import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { assertion, assertionType, certificate, echo, equal, fetcher, form, mcp, newKey, ok, op, outcome, place, plain, proof, run, signed } from "./lib.mjs";

const BOT = "ci/bot", HELPER = "ci/helper", POINT = "ci/point", MTLS = "ci/mtls";
const keys = { bot: await newKey(), other: await newKey(), helper: await newKey(), point: await newKey(), rsa: await newKey("PS256") };
const cert = certificate("bot"), otherCert = certificate("other");
const withCert = fetcher(cert), withOtherCert = fetcher(otherCert);
const session = { tools: ["t/*"] };
const agent = (name, rest) => ({ kind: "agent", name, owner: "admin@dev", tier: "test", session, ...rest });
await op("apply/run", { resources: [
	{ kind: "tier", name: "test", calls_per_minute: 1000000, max_calls: 1000000 },
	agent(BOT, { keys: [keys.bot.jwk, keys.rsa.jwk] }),
	agent(HELPER, { keys: [keys.helper.jwk] }),
	agent(POINT, { keys: [keys.point.jwk], enforcement_point: true }),
	agent(MTLS, { identity: [{ x5t: cert.x5t }] }),
	agent("ci/bearer", { keys: [keys.other.jwk], bearer: true }),
] });

const details = (o) => JSON.stringify([{ type: "ambit_task", purpose: "test", envelope: { tools: ["t/echo"] }, ttl_seconds: 600, ...o }]);
const url = (path) => place.base + path;

/** A DPoP token for `client`; {token, key, body}. */
async function dpopToken(client = BOT, key = keys.bot, fields = {}) {
	const dpop = await newKey();
	const r = await form("/oauth/token", await signed(client, key, { grant_type: "client_credentials", authorization_details: details(), ...fields }),
		{ headers: { dpop: await proof(dpop, "POST", url("/oauth/token")) } });
	equal(r.status, 200, JSON.stringify(r.body));
	return { token: r.body.access_token, key: dpop, body: r.body, task: r.body.authorization_details[0].task };
}
async function call(t, options = {}) {
	const { claims, header, scheme = "DPoP", key = t.key, fetch, extra } = options;
	const dpop = scheme === "DPoP" ? { dpop: await proof(key, "POST", url("/mcp"), { token: t.token, claims, header }) } : {};
	return mcp(echo("x"), { fetch, headers: { authorization: `${scheme} ${t.token}`, ...dpop, ...extra } });
}
async function introspect(token) {
	const r = await form("/oauth/introspect", await signed(POINT, keys.point, { token }));
	equal(r.status, 200, JSON.stringify(r.body));
	return r.body;
}
const refused = async (fields, error, what, options) => {
	const r = await form("/oauth/token", fields, options);
	equal([r.status === 200, r.body.error], [false, error], what + " " + JSON.stringify(r.body));
};

async function metadata_is_found_and_agrees() {
	const as = await oauth.processDiscoveryResponse(new URL(place.base), await oauth.discoveryRequest(new URL(place.base), { algorithm: "oauth2", [oauth.customFetch]: plain }));
	equal(as.issuer, place.base);
	ok(as.grant_types_supported.includes("client_credentials") && as.authorization_details_types_supported.includes("ambit_task"), "grants");
	const resource = new URL(url("/mcp"));
	const rs = await oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, { [oauth.customFetch]: plain }));
	equal(rs.authorization_servers, [place.base]);
	const jwks = await (await plain(as.jwks_uri)).json();
	ok(jwks.keys.length >= 1 && jwks.keys.every((k) => k.kid && !k.d), "jwks");
}

async function a_challenge_says_where_to_go() {
	const r = await mcp({ method: "tools/list" });
	equal(r.status, 401);
	ok(r.headers.get("www-authenticate").includes(`resource_metadata="${url("/.well-known/oauth-protected-resource/mcp")}"`), r.headers.get("www-authenticate"));
	equal(r.body.error.code, "unauthenticated");
}

async function openid_client_gets_a_bound_token_and_calls_a_tool() {
	const config = await openid.discovery(new URL(place.base), BOT, undefined, openid.PrivateKeyJwt({ key: keys.bot.privateKey, kid: keys.bot.kid }),
		{ algorithm: "oauth2", [openid.customFetch]: plain });
	const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
	const t = await openid.clientCredentialsGrant(config, { authorization_details: details(), resource: url("/mcp") }, { DPoP });
	equal(t.token_type, "dpop");
	const claims = jose.decodeJwt(t.access_token), header = jose.decodeProtectedHeader(t.access_token);
	equal([header.typ, header.alg, claims.aud, claims.sub, claims.client_id], ["at+jwt", "ES256", url("/mcp"), BOT, BOT]);
	ok(claims.cnf.jkt && !claims.act && claims.exp - claims.iat <= 300, "claims");
	await jose.jwtVerify(t.access_token, jose.createLocalJWKSet(await (await plain(url("/.well-known/jwks.json"))).json()), { issuer: place.base, typ: "at+jwt" });
	const r = await openid.fetchProtectedResource(config, t.access_token, new URL(url("/mcp")), "POST", JSON.stringify({ jsonrpc: "2.0", id: 1, ...echo("hello") }),
		new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" }), { DPoP });
	equal((await r.json()).result.isError ?? false, false);
}

async function oauth4webapi_introspects_and_revokes() {
	const as = await oauth.processDiscoveryResponse(new URL(place.base), await oauth.discoveryRequest(new URL(place.base), { algorithm: "oauth2", [oauth.customFetch]: plain }));
	const client = { client_id: BOT }, auth = oauth.PrivateKeyJwt({ key: keys.bot.privateKey, kid: keys.bot.kid });
	const t = await dpopToken();
	const point = [{ client_id: POINT }, oauth.PrivateKeyJwt({ key: keys.point.privateKey, kid: keys.point.kid })];
	const look = async () => oauth.processIntrospectionResponse(as, point[0], await oauth.introspectionRequest(as, ...point, t.token, { [oauth.customFetch]: plain }));
	const seen = await look();
	equal([seen.active, seen.client_id, seen.sub, seen.iss, seen["dev.ambit/task"]], [true, BOT, BOT, place.base, t.task]);
	equal(seen.cnf.jkt, jose.decodeJwt(t.token).cnf.jkt);
	equal(seen.authorization_details[0].envelope, { tools: ["t/echo"] });
	await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, t.token, { [oauth.customFetch]: plain }));
	equal((await look()).active, false);
	equal(outcome(await call(t)), "http 401");
}

async function a_certificate_is_enough() {
	const r = await form("/oauth/token", { grant_type: "client_credentials", client_id: MTLS }, { fetch: withCert });
	equal(r.status, 200, JSON.stringify(r.body));
	equal([r.body.token_type, jose.decodeJwt(r.body.access_token).cnf["x5t#S256"]], ["Bearer", cert.thumbprint]);
	const t = { token: r.body.access_token };
	equal(outcome(await call(t, { scheme: "Bearer", fetch: withCert })), "ok");
	// A24: the same token over another certificate, or none.
	equal(outcome(await call(t, { scheme: "Bearer", fetch: withOtherCert })), "http 401");
	equal(outcome(await call(t, { scheme: "Bearer" })), "http 401");
	await refused({ grant_type: "client_credentials", client_id: MTLS }, "invalid_client", "no certificate");
	await refused({ grant_type: "client_credentials", client_id: MTLS }, "invalid_client", "another certificate", { fetch: withOtherCert });
	await refused({ grant_type: "client_credentials", client_id: BOT }, "invalid_client", "another client's name", { fetch: withCert });
	await refused({ grant_type: "client_credentials" }, "invalid_client", "no client_id (RFC 8705 §2)", { fetch: withCert });
}

async function assertions_are_checked() {
	const base = { grant_type: "client_credentials", authorization_details: details() };
	const bearer = async (claims, header, key = keys.other, client = "ci/bearer") => signed(client, key, base, claims, header);
	const now = Math.floor(Date.now() / 1000);
	equal((await form("/oauth/token", await bearer())).status, 200, "the control");
	for (const [what, claims, header, key] of [
		["another issuer", { iss: BOT }], ["another subject", { sub: BOT }], ["audience of another", { aud: "https://other.example" }], ["audience list", { aud: [place.base] }],
		["audience prefix", { aud: place.base + "x" }], ["token endpoint as audience", { aud: url("/oauth/token") }], ["expired", { exp: now - 1 }], ["no exp", { exp: undefined }],
		["exp far away", { exp: now + 3600 }], ["exp text", { exp: String(now + 60) }], ["not yet", { nbf: now + 120 }], ["issued in the future", { iat: now + 120 }],
		["no jti", { jti: undefined }], ["empty jti", { jti: "" }], ["an access token's type", {}, { typ: "at+jwt" }], ["a proof's type", {}, { typ: "dpop+jwt" }],
		["another's key", {}, {}, keys.bot], ["unknown kid", {}, { kid: "nobody" }],
	])
		await refused(await bearer(claims, header, key), "invalid_client", what);
	// A1, A2: the algorithm is the key's.
	const secret = new TextEncoder().encode(JSON.stringify(keys.other.jwk));
	const hs = await new jose.SignJWT({ iss: "ci/bearer", sub: "ci/bearer", aud: place.base, exp: now + 60, jti: "x" }).setProtectedHeader({ alg: "HS256", kid: keys.other.kid }).sign(secret);
	await refused({ ...base, client_assertion_type: assertionType, client_assertion: hs }, "invalid_client", "HS256 with the public key");
	const [, body] = (await assertion("ci/bearer", keys.other)).split(".");
	const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
	await refused({ ...base, client_assertion_type: assertionType, client_assertion: `${none}.${body}.` }, "invalid_client", "none");
	await refused({ ...base, client_assertion_type: "urn:x", client_assertion: await assertion("ci/bearer", keys.other) }, "invalid_client", "another type");
	await refused({ ...(await bearer()), client_id: BOT }, "invalid_client", "client_id of another");
	await refused({ ...base, client_id: "ci/bearer", client_secret: "x" }, "invalid_client", "a secret");
	await refused({ ...base, client_id: "ci/bearer" }, "invalid_client", "a name alone");
	const r = await form("/oauth/token", base, { headers: { authorization: "Basic Y2k6eA==" } });
	equal([r.status, r.body.error], [401, "invalid_client"]);
}

async function an_assertion_is_used_once() {
	const f = await signed("ci/bearer", keys.other, { grant_type: "client_credentials", authorization_details: details() });
	const all = await Promise.all(Array.from({ length: 64 }, () => form("/oauth/token", f)));
	equal(all.filter((r) => r.status === 200).length, 1, "successes");
	ok(all.every((r) => r.status === 200 || r.body.error === "invalid_client"), "the others");
}

async function tokens_are_bound_or_not_given() {
	await refused(await signed(BOT, keys.bot, { grant_type: "client_credentials", authorization_details: details() }), "unauthorized_client", "no proof, no certificate");
	const r = await form("/oauth/token", await signed("ci/bearer", keys.other, { grant_type: "client_credentials", authorization_details: details() }));
	equal([r.status, r.body.token_type, jose.decodeJwt(r.body.access_token).cnf], [200, "Bearer", undefined]);
	equal(outcome(await call({ token: r.body.access_token }, { scheme: "Bearer" })), "ok");
	// Taking the permission back ends the tokens that lived by it.
	await op("apply/run", { resources: [agent("ci/bearer", { keys: [keys.other.jwk] })] });
	equal(outcome(await call({ token: r.body.access_token }, { scheme: "Bearer" })), "http 401");
	equal((await introspect(r.body.access_token)).active, false);
	await op("apply/run", { resources: [agent("ci/bearer", { keys: [keys.other.jwk], bearer: true })] });
}

async function proofs_are_checked() {
	const t = await dpopToken(), now = Math.floor(Date.now() / 1000);
	equal(outcome(await call(t)), "ok", "the control");
	equal(outcome(await call(t, { scheme: "Bearer" })), "http 401", "as Bearer");
	equal(outcome(await call(t, { key: keys.other })), "http 401", "another key's proof");
	for (const [what, o] of [
		["another method", { claims: { htm: "GET" } }], ["another path", { claims: { htu: url("/v1/task/self") } }], ["another host", { claims: { htu: "https://other.example/mcp" } }],
		["plain http", { claims: { htu: url("/mcp").replace("https", "http") } }], ["old", { claims: { iat: now - 120 } }], ["from the future", { claims: { iat: now + 60 } }],
		["no iat", { claims: { iat: undefined } }], ["no jti", { claims: { jti: undefined } }], ["empty jti", { claims: { jti: "" } }], ["no ath", { claims: { ath: undefined } }],
		["another token's ath", { claims: { ath: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }], ["another typ", { header: { typ: "JWT" } }], ["typ absent", { header: { typ: undefined } }],
		["key by reference", { header: { jku: "https://other.example/keys" } }], ["crit", { header: { crit: ["b64"], b64: true } }],
		["a key that is not its own", { header: { jwk: (({ kid, alg, ...j }) => j)(keys.other.jwk) } }],
	])
		equal(outcome(await call(t, o)), "http 401", what);
	const dpop = await proof(t.key, "POST", url("/mcp"), { token: t.token });
	equal(outcome(await call(t, { scheme: "DPoP", extra: { dpop: `${dpop}, ${dpop}` } })), "http 401", "two proofs");
	const bad = await call(t, { claims: { htm: "GET" } });
	ok(/^DPoP error="invalid_dpop_proof", algs="/.test(bad.headers.get("www-authenticate")), bad.headers.get("www-authenticate"));
	// A private member in the proof's key is a secret sent to us.
	const jwk = await jose.exportJWK(t.key.privateKey);
	equal(outcome(await call(t, { header: { jwk } })), "http 401", "a private key");
}

async function a_proof_is_used_once() {
	const t = await dpopToken();
	const dpop = await proof(t.key, "POST", url("/mcp"), { token: t.token });
	const all = await Promise.all(Array.from({ length: 64 }, () => mcp(echo("x"), { headers: { authorization: `DPoP ${t.token}`, dpop } })));
	equal(all.filter((r) => outcome(r) === "ok").length, 1, "successes");
	ok(all.every((r) => ["ok", "http 401"].includes(outcome(r))), "the others");
	const first = await proof(t.key, "POST", url("/oauth/token"));
	const ask = async () => form("/oauth/token", await signed(BOT, keys.bot, { grant_type: "client_credentials", authorization_details: details() }), { headers: { dpop: first } });
	equal((await ask()).status, 200);
	ok((await ask()).status !== 200, "a proof twice at the token endpoint");
}

async function a_gateway_token_opens_the_gateway_alone() {
	const t = await dpopToken(BOT, keys.bot, { resource: url("/mcp") });
	equal(outcome(await call(t)), "ok");
	const r = await plain(url("/v1/task/self"), { method: "POST", body: "{}", headers: { "content-type": "application/json", authorization: `DPoP ${t.token}`,
		dpop: await proof(t.key, "POST", url("/v1/task/self"), { token: t.token }) } });
	equal(r.status, 401);
	for (const resource of ["https://other.example", place.base + ".other.example", url("/mcp/x"), "x", place.base + "#f"])
		await refused(await signed("ci/bearer", keys.other, { grant_type: "client_credentials", resource }), "invalid_target", resource);
	const two = new URLSearchParams(await signed("ci/bearer", keys.other, { grant_type: "client_credentials", resource: place.base }));
	two.append("resource", url("/mcp"));
	await refused(two, "invalid_target", "two resources");
}

async function details_are_checked() {
	const ask = async (authorization_details, more = {}) => signed("ci/bearer", keys.other, { grant_type: "client_credentials", authorization_details, ...more });
	for (const [what, text] of [
		["no JSON", "x"], ["an object", "{}"], ["an empty list", "[]"], ["two", '[{"type":"ambit_task"},{"type":"ambit_task"}]'], ["no type", '[{"purpose":"x"}]'], ["another type", '[{"type":"x"}]'],
		["unknown member", '[{"type":"ambit_task","admin":true}]'], ["bad envelope", '[{"type":"ambit_task","envelope":{"tools":1}}]'], ["duplicate member", '[{"type":"ambit_task","type":"ambit_task"}]'],
		["hold", '[{"type":"ambit_task","hold":true}]'], ["ttl text", '[{"type":"ambit_task","ttl_seconds":"1"}]'],
	])
		await refused(await ask(text), "invalid_authorization_details", what);
	await refused(await ask(details({ envelope: { tools: ["other/*"] } })), "access_denied", "wider than the session envelope");
	await refused(await ask(details({ agent: BOT })), "access_denied", "another agent");
	await refused(await ask(details(), { scope: "admin" }), "invalid_scope", "a scope");
	await refused(await ask(details(), { grant_type: "password" }), "unsupported_grant_type", "password");
	await refused(await ask(details(), { grant_type: "" }), "invalid_request", "no grant type");
}

async function another_token_of_the_same_task() {
	const t = await dpopToken();
	const again = await dpopToken(BOT, keys.bot, { authorization_details: JSON.stringify([{ type: "ambit_task", task: t.task }]) });
	equal(again.task, t.task);
	equal([outcome(await call(t)), outcome(await call(again))], ["ok", "ok"]);
	await refused(await signed("ci/bearer", keys.other, { grant_type: "client_credentials", authorization_details: JSON.stringify([{ type: "ambit_task", task: t.task }]) }), "invalid_request", "another's task");
	await op("kill/run", { kind: "task", name: t.task });
	equal([outcome(await call(t)), outcome(await call(again))].every((o) => o !== "ok"), true);
	equal([(await introspect(t.token)).active, (await introspect(again.token)).active], [false, false]);
}

const EXCHANGE = { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange", subject_token_type: "urn:ietf:params:oauth:token-type:access_token" };
async function exchange(client, key, subject, fields = {}) {
	const dpop = await newKey();
	const r = await form("/oauth/token", await signed(client, key, { ...EXCHANGE, subject_token: subject, ...fields }), { headers: { dpop: await proof(dpop, "POST", url("/oauth/token")) } });
	return { ...r, token: r.body.access_token, key: dpop };
}

async function exchange_narrows_and_names_who_acts() {
	const t = await dpopToken(BOT, keys.bot, { authorization_details: details({ envelope: { tools: ["t/*"] } }) });
	const child = await exchange(BOT, keys.bot, t.token, { authorization_details: JSON.stringify([{ type: "ambit_task", purpose: "part", envelope: { tools: ["t/echo"] } }]) });
	equal([child.status, child.body.issued_token_type], [200, "urn:ietf:params:oauth:token-type:access_token"], JSON.stringify(child.body));
	const claims = jose.decodeJwt(child.token);
	equal([claims.sub, claims.act, child.body.authorization_details[0].task === t.task], [BOT, { sub: BOT }, false]);
	equal(outcome(await call(child)), "ok");
	const same = await exchange(BOT, keys.bot, t.token);
	equal(same.body.authorization_details[0].task, t.task, "without details the task is joined");
	// A21: scope, actor, audience, depth.
	const wide = (o) => exchange(BOT, keys.bot, child.token, o);
	equal((await wide({ authorization_details: JSON.stringify([{ type: "ambit_task", envelope: { tools: ["t/*"] } }]) })).body.error, "access_denied", "a wider envelope");
	equal((await wide({ authorization_details: JSON.stringify([{ type: "ambit_task", agent: HELPER, envelope: { tools: ["t/echo"] } }]) })).body.error, "access_denied", "another actor");
	equal((await wide({ scope: "all" })).body.error, "invalid_scope", "a scope");
	equal((await exchange(HELPER, keys.helper, t.token)).body.error, "access_denied", "another agent that no person launched");
	const narrow = await dpopToken(BOT, keys.bot, { resource: url("/mcp") });
	equal((await exchange(BOT, keys.bot, narrow.token, { resource: place.base })).body.error, "invalid_target", "a wider audience");
	equal(jose.decodeJwt((await exchange(BOT, keys.bot, narrow.token)).token).aud, url("/mcp"), "the audience stays");
	let deep = child, n = 0;
	for (; n < 10 && deep.status === 200; n++)
		deep = await exchange(BOT, keys.bot, deep.token, { authorization_details: JSON.stringify([{ type: "ambit_task", envelope: { tools: ["t/echo"] } }]) });
	equal([n, deep.body.error], [3, "access_denied"], "as deep as the tier allows");
	// Life never grows.
	ok(jose.decodeJwt(child.token).exp <= jose.decodeJwt(t.token).exp + 300, "life");
	for (const [what, fields, error] of [
		["no subject", { subject_token: "" }, "invalid_request"], ["rubbish", { subject_token: "x" }, "invalid_request"], ["another type", { subject_token_type: "urn:ietf:params:oauth:token-type:id_token" }, "invalid_request"],
		["an ID token wanted", { requested_token_type: "urn:ietf:params:oauth:token-type:id_token" }, "invalid_request"], ["another's actor token", { actor_token: (await dpopToken(HELPER, keys.helper)).token, actor_token_type: EXCHANGE.subject_token_type }, "invalid_request"],
	])
		equal((await exchange(BOT, keys.bot, t.token, fields)).body.error, error, what);
	await op("kill/run", { kind: "task", name: t.task });
	ok(outcome(await call(child)) !== "ok" && !(await introspect(child.token)).active, "the child ends with its parent");
	equal((await exchange(BOT, keys.bot, t.token)).body.error, "invalid_request", "an ended task's token");
}

async function people_look_and_revoke() {
	const t = await dpopToken();
	const seen = await op("token/show", { token: t.token });
	equal([seen.task, seen.agent, seen.bound_to, seen.active], [t.task, BOT, "key", true]);
	equal((await op("token/show", { token: seen.id })).id, seen.id);
	// One of the two people of `ambitd dev` is no administrator.
	await op("token/revoke", { token: seen.id, as: "approver@dev" }).then(() => { throw new Error("a stranger may"); }, (e) => ok(/403/.test(e), e));
	equal(outcome(await call(t)), "ok");
	await op("token/revoke", { token: seen.id });
	equal(outcome(await call(t)), "http 401");
	equal((await op("task/show", { task: t.task })).state, "active", "the task goes on");
}

async function introspection_tells_nobody_else() {
	const t = await dpopToken();
	equal(await introspect("x"), { active: false });
	const r = await form("/oauth/introspect", await signed(HELPER, keys.helper, { token: t.token }));
	equal(r.body, { active: false }, "a stranger");
	equal((await form("/oauth/introspect", await signed(BOT, keys.bot, { token: t.token }))).body.active, true, "its own client");
	equal((await form("/oauth/introspect", { token: t.token })).status, 401, "nobody");
	equal((await form("/oauth/revoke", await signed(HELPER, keys.helper, { token: t.token }))).status, 200, "a stranger's revocation");
	equal(outcome(await call(t)), "ok", "does nothing");
	await op("agent/suspend", { agent: BOT, reason: "test" });
	equal((await introspect(t.token)).active, false, "agent suspended");
	equal((await form("/oauth/token", await signed(BOT, keys.bot, { grant_type: "client_credentials" }))).body.error === undefined, false);
	await op("agent/resume", { agent: BOT });
}

async function forms_are_strict() {
	const post = (body, type = "application/x-www-form-urlencoded") => plain(url("/oauth/token"), { method: "POST", body, headers: { "content-type": type } });
	equal((await post("grant_type=client_credentials&grant_type=client_credentials")).status, 400);
	equal((await post("grant_type")).status, 400);
	equal((await post("{}", "application/json")).status, 415);
	equal((await plain(url("/oauth/token"))).status, 405);
	equal((await plain(url("/oauth/token"), { method: "POST", body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded", origin: "https://evil.example" } })).status, 403);
	const r = await form("/oauth/token", { grant_type: "x" });
	equal(r.headers.get("cache-control"), "no-store");
}

await run([metadata_is_found_and_agrees, a_challenge_says_where_to_go, openid_client_gets_a_bound_token_and_calls_a_tool, oauth4webapi_introspects_and_revokes, a_certificate_is_enough,
	assertions_are_checked, an_assertion_is_used_once, tokens_are_bound_or_not_given, proofs_are_checked, a_proof_is_used_once, a_gateway_token_opens_the_gateway_alone, details_are_checked,
	another_token_of_the_same_task, exchange_narrows_and_names_who_acts, people_look_and_revoke, introspection_tells_nobody_else, forms_are_strict]);
