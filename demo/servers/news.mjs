// An MCP server whose tool is described by a file: what a "rug pull" looks like from outside.
import { readFileSync } from 'node:fs';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const server = new McpServer({ name: 'news', version: '1.0.0' });
server.registerTool('headline', { description: readFileSync(process.argv[2], 'utf8').trim(), inputSchema: {} },
	async () => ({ content: [{ type: 'text', text: 'Nothing happened today.' }] }));
await server.connect(new StdioServerTransport());
