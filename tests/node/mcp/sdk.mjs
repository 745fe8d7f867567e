// The official client SDKs through `ambit mcp` (stdio): sdk.mjs v1|v2 AMBIT. Prints one JSON object of what the client saw.
const [era, ambit] = process.argv.slice(2);
const { Client } = await import(era === "v1" ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StdioClientTransport } = await import(era === "v1" ? "@modelcontextprotocol/sdk/client/stdio.js" : "@modelcontextprotocol/client/stdio");
const transport = new StdioClientTransport({ command: ambit, args: ["mcp"], env: { ...process.env }, stderr: "inherit" });
const client = new Client({ name: "test", version: "1" }, era === "v1" ? {} : { versionNegotiation: { mode: "auto" } });
await client.connect(transport);
const saw = { server: client.getServerVersion()?.name };
if (client.getNegotiatedProtocolVersion) saw.version = client.getNegotiatedProtocolVersion();
saw.tools = (await client.listTools()).tools.map((t) => t.name);
const call = (name, args, options) =>
	era === "v1" ? client.callTool({ name, arguments: args }, undefined, options) : client.callTool({ name, arguments: args }, options);
saw.echo = await call("all__echo", { message: "hello" });
saw.sum = await call("all__get-sum", { a: 2, b: 40 });
saw.progress = [];
saw.long = await call("all__trigger-long-running-operation", { duration: 1, steps: 4 }, { onprogress: (p) => saw.progress.push(p.progress) });
saw.env = await call("all__get-env", {});
saw.structured = await call("all__get-structured-content", { location: "Chicago" });
saw.image = (await call("all__get-tiny-image", {})).content.map((c) => c.type);
saw.bad = await call("all__get-sum", { a: "two", b: 40 });
const stop = new AbortController();
setTimeout(() => stop.abort("enough"), 500);
saw.cut = await call("all__trigger-long-running-operation", { duration: 30, steps: 60 }, { signal: stop.signal }).then(() => "ended", () => "aborted");
saw.after = await call("all__echo", { message: "still here" });
await client.close();
console.log(JSON.stringify(saw));
