// What every OAuth test here needs: the server's places, HTTP with its authority and a client certificate, keys, and TAP.
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as jose from "jose";
import { Agent, fetch as undiciFetch } from "undici";

export const place = JSON.parse(process.env.AMBIT_TEST);
const ca = readFileSync(place.ca, "utf8");

/** fetch() that trusts the server's authority; with `cert` it shows a client certificate. */
export function fetcher(cert) {
	const dispatcher = new Agent({ connect: { ca, ...cert }, pipelining: 1, connections: 64 });
	return (url, options = {}) => undiciFetch(url, { ...options, dispatcher, redirect: options.redirect ?? "manual" });
}
export const plain = fetcher();

/** A self-signed certificate, its key, and the thumbprint an agent's `identity` names. */
export function certificate(name) {
	const folder = mkdtempSync(join(tmpdir(), "ambit-cert-"));
	execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", `/CN=${name}`,
		"-keyout", join(folder, "key"), "-out", join(folder, "cert")], { stdio: "ignore" });
	const cert = readFileSync(join(folder, "cert"), "utf8"), key = readFileSync(join(folder, "key"), "utf8");
	rmSync(folder, { recursive: true });
	const der = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ""), "base64");
	return { cert, key, x5t: createHash("sha256").update(der).digest("hex"), thumbprint: createHash("sha256").update(der).digest("base64url") };
}

/** One operation over the people (or agent) socket. */
export function op(path, params = {}, kind = "people") {
	return new Promise((resolve, reject) => {
		const r = http.request({ socketPath: place[kind], path: "/v1/" + path, method: "POST", headers: { "content-type": "application/json" } }, (a) => {
			let text = "";
			a.on("data", (d) => (text += d));
			a.on("end", () => (a.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${path}: ${a.statusCode} ${text}`))));
		});
		r.on("error", reject);
		r.end(JSON.stringify(params));
	});
}

export async function newKey(alg = "ES256") {
	const pair = await jose.generateKeyPair(alg, { extractable: true });
	const jwk = await jose.exportJWK(pair.publicKey);
	const kid = await jose.calculateJwkThumbprint(jwk);
	return { ...pair, jwk: { ...jwk, kid, alg }, kid, alg };
}

export function assertion(client, key, claims = {}, header = {}) {
	const now = Math.floor(Date.now() / 1000);
	return new jose.SignJWT({ iss: client, sub: client, aud: place.base, iat: now, exp: now + 60, jti: randomUUID(), ...claims })
		.setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

export async function proof(key, method, url, { token, claims = {}, header = {} } = {}) {
	const { kid, alg, ...jwk } = key.jwk;
	const ath = token ? { ath: createHash("sha256").update(token).digest("base64url") } : {};
	return new jose.SignJWT({ jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ...ath, ...claims })
		.setProtectedHeader({ typ: "dpop+jwt", alg: key.alg, jwk, ...header }).sign(key.privateKey);
}

/** POSTs a form; {status, body, headers}. */
export async function form(path, fields, { headers = {}, fetch = plain } = {}) {
	const body = fields instanceof URLSearchParams ? fields : new URLSearchParams(fields);
	const r = await fetch(place.base + path, { method: "POST", body: body.toString(), headers: { "content-type": "application/x-www-form-urlencoded", ...headers } });
	const text = await r.text();
	return { status: r.status, body: text ? JSON.parse(text) : null, headers: r.headers };
}

export const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
export async function signed(client, key, fields, claims, header) {
	return { client_assertion_type: assertionType, client_assertion: await assertion(client, key, claims, header), ...fields };
}

/** One JSON-RPC message to the gateway. */
export async function mcp(message, { headers = {}, fetch = plain } = {}) {
	const r = await fetch(place.base + "/mcp", { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }), headers: {
		"content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25", ...headers } });
	const text = await r.text();
	return { status: r.status, headers: r.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
}
export const echo = (value) => ({ method: "tools/call", params: { name: "t__echo", arguments: { text: value } } });

/** The call's text, or why there is none. */
export function outcome(r) {
	if (r.status !== 200) return `http ${r.status}`;
	const result = r.body.result;
	return result?.isError ? "denied " + (result._meta?.["dev.ambit/verdict"]?.code ?? "?") : result ? "ok" : "error " + JSON.stringify(r.body.error);
}

export function equal(got, want, what) {
	const a = JSON.stringify(got), b = JSON.stringify(want);
	if (a !== b) throw new Error(`${what ?? "value"}: ${a}, wanted ${b}`);
}
export function ok(value, what) {
	if (!value) throw new Error(what);
}

export async function run(tests) {
	const only = process.argv.slice(2), wanted = only.length ? tests.filter((t) => only.includes(t.name)) : tests;
	console.log(`1..${wanted.length}`);
	let bad = 0;
	for (const [n, t] of wanted.entries()) {
		try {
			await t();
			console.log(`ok ${n + 1} - ${t.name}`);
		} catch (e) {
			bad++;
			console.log(`not ok ${n + 1} - ${t.name}\n# ${String(e.stack ?? e).replace(/\n/g, "\n# ")}${e.cause ? "\n# cause: " + String(e.cause).slice(0, 400) : ""}`);
		}
	}
	process.exit(bad ? 1 : 0);
}
