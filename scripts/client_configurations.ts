/** How MCP clients start the server: every configuration, for docs/clients.md, the README and examples/, from one command. */
import { serverArguments } from "../src/app/launch.ts";
import { DENO_VERSION } from "../src/version.ts";
import { PACKAGE } from "./package/about.ts";

/** What clients call the server. */
const NAME = "omcp-python-sandbox";
/** The packaged server's command. */
export const COMMAND = { command: "npx", args: ["-y", PACKAGE] } as const;
/** An example of a checkout's path. */
const CHECKOUT = "/path/to/omcp-python-sandbox";

/** A client's configuration. */
export interface ClientConfiguration {
  readonly client: string;
  /** Where the client looks for it, and other ways to add the server. */
  readonly where: string;
  /** Its file in examples/client_configurations/. */
  readonly file: string;
  readonly language: "json" | "toml" | "yaml";
  readonly text: string;
}

/** JSON, with short lists on one line. */
function json(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replace(
    /\[\n\s+([^[\]{}]{1,60}?)\n\s+\]/g,
    (_list, items: string) => `[${items.replaceAll(/,\n\s+/g, ", ")}]`,
  );
  return `${text}\n`;
}

/** For most clients. */
export const GENERIC = json({ mcpServers: { [NAME]: COMMAND } });

/** From a checkout, for most clients. */
export const CHECKOUT_CONFIGURATION = json({
  mcpServers: {
    [NAME]: {
      command: "npx",
      args: ["-y", `deno@${DENO_VERSION}`, ...serverArguments({ project: CHECKOUT })],
    },
  },
});

/** A string is written in TOML and YAML as in JSON: all of ours are ASCII. */
const quoted = (text: string): string => JSON.stringify(text);
const list = (texts: readonly string[]): string => `[${texts.map(quoted).join(", ")}]`;
const line = [COMMAND.command, ...COMMAND.args].join(" ");

/** Every client that docs/clients.md shows. */
export const CLIENTS: readonly ClientConfiguration[] = [
  {
    client: "Claude Desktop",
    where: "`claude_desktop_config.json` (Settings, Developer, Edit Config)",
    file: "claude_desktop.json",
    language: "json",
    text: GENERIC,
  },
  {
    client: "Claude Code",
    where: `\`.mcp.json\` in the project, or \`claude mcp add ${NAME} -- ${line}\``,
    file: "claude_code.json",
    language: "json",
    text: json({ mcpServers: { [NAME]: { type: "stdio", ...COMMAND } } }),
  },
  {
    client: "Codex",
    where: `\`~/.codex/config.toml\`, or \`codex mcp add ${NAME} -- ${line}\``,
    file: "codex.toml",
    language: "toml",
    text: [
      `[mcp_servers.${NAME}]`,
      `command = ${quoted(COMMAND.command)}`,
      `args = ${list(COMMAND.args)}`,
      "# Its default of 60 s would cut short a call that waits for longer.",
      "tool_timeout_sec = 120",
      "",
    ].join("\n"),
  },
  {
    client: "Cursor",
    where: "`.cursor/mcp.json` in the project, or `~/.cursor/mcp.json`",
    file: "cursor.json",
    language: "json",
    text: GENERIC,
  },
  {
    client: "VS Code",
    where: "`.vscode/mcp.json`",
    file: "vscode.json",
    language: "json",
    text: json({ servers: { [NAME]: { type: "stdio", ...COMMAND } } }),
  },
  {
    client: "Goose",
    where: "`~/.config/goose/config.yaml`",
    file: "goose.yaml",
    language: "yaml",
    text: [
      "extensions:",
      `  ${NAME}:`,
      `    name: ${quoted(NAME)}`,
      "    type: stdio",
      "    enabled: true",
      `    cmd: ${quoted(COMMAND.command)}`,
      `    args: ${list(COMMAND.args)}`,
      "    timeout: 300",
      "",
    ].join("\n"),
  },
];

/**
 * A text in a page.
 *
 * @param language Its language.
 * @param text The text, which ends with a line break.
 */
export function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\``;
}

/** The sections of docs/clients.md. */
export function clientSections(): string {
  return CLIENTS.map(({ client, where, language, text }) =>
    `## ${client}\n\n${where}:\n\n${fenced(language, text)}`
  )
    .join("\n\n");
}

/** The Inspector's two forms. */
export function inspectorBlock(): string {
  const inspector = "npx -y @modelcontextprotocol/inspector@2.12.0";
  return fenced("sh", `${inspector} --cli ${line} --method tools/list\n${inspector} ${line}\n`);
}
