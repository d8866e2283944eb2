/** MCP resources: the files and notebooks of sandboxes, for clients that read them without a model. */
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import { OmcpError } from "../errors.ts";
import { concatBytes } from "../lib/bytes.ts";
import { escapedControls, readableBytes, showable } from "../lib/text.ts";
import { auditedFileCall } from "./audited_file_call.ts";
import { fileType } from "./file_types.ts";
import { FILE_URI_TEMPLATE, NOTEBOOK_URI_TEMPLATE, readFileUri, readNotebookUri } from "./file_uri.ts";
import { NOTEBOOK_TYPE } from "./notebook/format.ts";
import { sandboxNotebook } from "./notebook/sandbox_notebook.ts";
import type { Principal } from "./principal.ts";
import { knownError } from "./results.ts";
import type { ToolServices } from "./tool.ts";

/** The largest file that can be read as a resource, in bytes: a message holds all of it, in base64. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What resources need. */
export interface ResourceOptions {
  readonly services: Pick<ToolServices, "sandboxes" | "audit" | "settled">;
  readonly principal: Principal;
}

interface ShownResource {
  readonly title: string;
  readonly description: string;
  readonly mimeType?: string;
}

type Read = (uri: URL, options: ResourceOptions, signal: AbortSignal) => Promise<ReadResourceResult>;

/**
 * Offers the files and notebooks of sandboxes as resources. They are not listed: `list_files` and the links in results name them.
 *
 * @param server The server; not connected yet.
 * @param options See {@link ResourceOptions}.
 */
export function registerResources(server: McpServer, options: ResourceOptions): void {
  function register(name: string, template: string, shown: ShownResource, read: Read): void {
    server.registerResource(
      name,
      new ResourceTemplate(template, { list: undefined }),
      shown,
      async (uri, _variables, context) => {
        try {
          const { signal } = context.mcpReq;
          await options.services.settled?.(signal);
          return await read(uri, options, signal);
        } catch (error) {
          throw protocolError(uri, knownError(error));
        }
      },
    );
  }
  const limit = readableBytes(MAX_BYTES);
  register("sandbox-file", FILE_URI_TEMPLATE, {
    title: "A file of a sandbox",
    description: `A file under /workspace of a sandbox, of at most ${limit}.`,
  }, readFile);
  register("sandbox-notebook", NOTEBOOK_URI_TEMPLATE, {
    title: "The notebook of a sandbox",
    description: `What was executed in a sandbox, as a Jupyter notebook of at most ${limit}.`,
    mimeType: NOTEBOOK_TYPE,
  }, readNotebook);
}

async function readNotebook(uri: URL, { services, principal }: ResourceOptions): Promise<ReadResourceResult> {
  const sandboxId = readNotebookUri(uri);
  const sandbox = services.sandboxes.get(sandboxId);
  const facts = {
    principal: principal.id,
    sandbox: sandboxId,
    tool: "resources/read",
    source: "read the notebook",
  };
  const bytes = await auditedFileCall(services.audit, facts, () => {
    const { bytes } = sandboxNotebook(sandbox, principal);
    if (bytes.length <= MAX_BYTES) return Promise.resolve(bytes);
    throw tooLarge("The notebook", bytes.length, "Write it into the sandbox with export_notebook.");
  }, (read) => read.length);
  return { contents: [{ uri: uri.href, mimeType: NOTEBOOK_TYPE, text: new TextDecoder().decode(bytes) }] };
}

async function readFile(
  uri: URL,
  { services, principal }: ResourceOptions,
  signal: AbortSignal,
): Promise<ReadResourceResult> {
  const { sandboxId, path } = readFileUri(uri);
  const { files } = services.sandboxes.get(sandboxId);
  const facts = {
    principal: principal.id,
    sandbox: sandboxId,
    tool: "resources/read",
    source: `read ${path}`,
  };
  const bytes = await auditedFileCall(services.audit, facts, async () => {
    const content = await files.read(path, { limit: MAX_BYTES }, { signal });
    if (content.size > MAX_BYTES) {
      await content.bytes.cancel();
      throw tooLarge("The file", content.size, "Read it in pieces with read_file.");
    }
    return concatBytes(await Array.fromAsync(content.bytes));
  }, (read) => read.length);
  const text = plainText(bytes);
  const mimeType = fileType(path) ?? (text === undefined ? "application/octet-stream" : "text/plain");
  return {
    contents: [
      text === undefined
        ? { uri: uri.href, mimeType, blob: bytes.toBase64() }
        : { uri: uri.href, mimeType, text },
    ],
  };
}

function tooLarge(what: string, bytes: number, next: string): OmcpError {
  return new OmcpError(
    "path_unsuitable",
    `${what} has ${readableBytes(bytes)}: a resource has at most ${readableBytes(MAX_BYTES)}`,
    { next },
  );
}

/** The text of a file that is UTF-8 without control characters. Any other file is sent as bytes: with escapes, it would differ from the file. */
function plainText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return escapedControls(text) === text ? text : undefined;
  } catch {
    return undefined;
  }
}

function protocolError(uri: URL, error: OmcpError): ProtocolError {
  if (error.code === "file_not_found" || error.code === "sandbox_not_found") {
    return new ResourceNotFoundError(uri.href);
  }
  const code = error.code === "internal" ? ProtocolErrorCode.InternalError : ProtocolErrorCode.InvalidParams;
  const next = error.next === undefined ? "" : ` ${error.next}`;
  return new ProtocolError(code, showable(`${error.code}: ${error.message}.${next}`), { uri: uri.href });
}
