// The parser's glue code binds console.log when it is loaded; stdout belongs to the MCP protocol.
// deno-lint-ignore no-console
console.log = console.error;
