/** A real MCP client on a real server process, over stdio. */
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import * as z from "zod";
import { type LaunchOptions, serverArguments } from "../../app/launch.ts";
import {
  ENGINE_VARIABLES,
  type EngineAccess,
  engineAccess,
  engineLocation,
} from "../../app/engine_access.ts";

const TOOL_DEADLINE_MS = 120_000;

const contentSchema = z.array(z.union([
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("image"), data: z.string(), mimeType: z.string() }),
  z.object({ type: z.literal("resource_link"), uri: z.string(), name: z.string() }),
  z.object({ type: z.string() }),
]));

/** A tool's result, as the demo and the tests use it. */
export interface ToolReply {
  readonly isError: boolean;
  /** All text blocks. */
  readonly text: string;
  /** All links to resources. */
  readonly links: readonly { readonly uri: string; readonly name: string }[];
  /** All images, decoded. */
  readonly images: readonly { readonly mimeType: string; readonly bytes: Uint8Array }[];
}

const resourceSchema = z.object({
  uri: z.string(),
  mimeType: z.string().optional(),
  text: z.string().optional(),
  blob: z.string().optional(),
});

/** A resource's content: text, or base64. */
export type ResourceReply = z.output<typeof resourceSchema>;

/** A running server and the client that talks to it. */
export interface ConnectedServer {
  readonly serverVersion: string;
  /** The server's process id. */
  readonly pid: number;
  /** The client itself, for what has no function here. */
  readonly client: Client;
  tools(): Promise<string[]>;
  call(name: string, input: Record<string, unknown>): Promise<ToolReply>;
  /** The only content of a resource. */
  readResource(uri: string): Promise<ResourceReply>;
  close(): Promise<void>;
}

/**
 * Starts the server with exactly its documented permissions, and connects.
 *
 * @param environment Variables of the server besides PATH and HOME.
 * @param launch The facts that its permissions depend on.
 */
export async function connectServer(
  environment: Record<string, string>,
  launch: Omit<LaunchOptions, "project"> = {},
): Promise<ConnectedServer> {
  const project = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
  // On stderr, the audit would be mixed with the demo's own lines.
  const own = launch.auditFolder === undefined
    ? await Deno.makeTempDir({ prefix: "omcp-audit-" })
    : undefined;
  const auditFolder = launch.auditFolder ?? own ?? "";
  async function removeOwn(): Promise<void> {
    if (own !== undefined) await Deno.remove(own, { recursive: true });
  }
  try {
    const server = await connectCommand({
      command: Deno.execPath(),
      args: serverArguments({ project, ...engineSocket(), ...launch, auditFolder }),
      env: { ...inheritedVariables(), OMCP_AUDIT_FOLDER: auditFolder, ...environment },
    });
    return { ...server, close: () => server.close().finally(removeOwn) };
  } catch (error) {
    await removeOwn();
    throw error;
  }
}

/** A command that serves MCP over stdio. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder in which it starts. @default this process's */
  readonly cwd?: string;
  /** Milliseconds until it must answer: it may have to download first. @default the client's own */
  readonly startDeadlineMs?: number;
  /** What happens to its log. @default "inherit" */
  readonly stderr?: "inherit" | "ignore";
}

/**
 * Starts a server by any command, and connects.
 *
 * @param start The command.
 */
export async function connectCommand(start: ServerCommand): Promise<ConnectedServer> {
  const { args, startDeadlineMs, stderr = "inherit", ...command } = start;
  const transport = new StdioClientTransport({
    ...command,
    env: { ...command.env },
    args: [...args],
    stderr,
  });
  const client = new Client({ name: "omcp-demo", version: "1" });
  await client.connect(transport, startDeadlineMs === undefined ? {} : { timeout: startDeadlineMs });
  return {
    serverVersion: `${client.getServerVersion()?.name} ${client.getServerVersion()?.version}`,
    pid: transport.pid ?? 0,
    client,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, input) => {
      const result = await client.callTool({ name, arguments: input }, { timeout: TOOL_DEADLINE_MS });
      if (result.structuredContent !== undefined) {
        throw new Error(
          `${name} returned structuredContent: the largest clients would show the model that alone`,
        );
      }
      const content = contentSchema.parse(result.content);
      return {
        isError: result.isError === true,
        text: content.flatMap((block) => "text" in block ? [block.text] : []).join("\n"),
        links: content.flatMap((block) => "uri" in block ? [{ uri: block.uri, name: block.name }] : []),
        images: content.flatMap((block) =>
          "mimeType" in block ? [{ mimeType: block.mimeType, bytes: Uint8Array.fromBase64(block.data) }] : []
        ),
      };
    },
    readResource: async (uri) =>
      z.tuple([resourceSchema]).parse((await client.readResource({ uri })).contents)[0],
    close: async () => await client.close(),
  };
}

/** What a server needs for the engine of DOCKER_HOST; an empty object if DOCKER_HOST is not set. */
export function engineSocket(): Partial<EngineAccess> {
  if (Deno.env.get("DOCKER_HOST") === undefined) return {};
  return engineAccess(engineLocation((name) => Deno.env.get(name)));
}

/** The variables that a server needs to find programs, caches and the engine. */
export function inheritedVariables(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "DENO_DIR", ...ENGINE_VARIABLES]) {
    const value = Deno.env.get(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/**
 * Finds the sandbox's id in the text of `create_sandbox`'s result.
 *
 * @param text The text.
 * @throws {Error} With the text, if it has no id.
 */
export function sandboxIdIn(text: string): string {
  const id = /sbx_[0-9a-f]{32}/.exec(text)?.[0];
  if (id === undefined) throw new Error(`No sandbox was created: ${text}`);
  return id;
}
