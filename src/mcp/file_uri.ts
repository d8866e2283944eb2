/** URIs of MCP resources: a file of a sandbox is `sandbox://ID/files/PATH`, with the path below /workspace; its notebook is `sandbox://ID/notebook.ipynb`. */
import { OmcpError } from "../errors.ts";
import { sandboxIdSchema } from "./sandbox_id.ts";

/** The template that clients see. */
export const FILE_URI_TEMPLATE = "sandbox://{id}/files/{+path}";

/** The template of a sandbox's notebook that clients see. */
export const NOTEBOOK_URI_TEMPLATE = "sandbox://{id}/notebook.ipynb";

const PREFIX = "/files/";
const NOTEBOOK = "/notebook.ipynb";

/**
 * The URI of a sandbox's notebook.
 *
 * @param sandboxId The sandbox's handle.
 */
export function notebookUri(sandboxId: string): string {
  return `sandbox://${sandboxId}${NOTEBOOK}`;
}

/**
 * Reads the URI of a sandbox's notebook.
 *
 * @param uri The URI.
 * @returns The sandbox.
 * @throws {OmcpError} `invalid_argument`.
 */
export function readNotebookUri(uri: URL): string {
  const { success, data } = sandboxIdSchema.safeParse(uri.host);
  if (success && uri.href === notebookUri(data)) return data;
  throw invalid(`it must have the form ${NOTEBOOK_URI_TEMPLATE}`);
}

/**
 * The URI of a file.
 *
 * @param sandboxId The sandbox's handle.
 * @param path The path below /workspace.
 * @returns The URI; undefined if the name is not valid Unicode.
 */
export function fileUri(sandboxId: string, path: string): string | undefined {
  if (!path.isWellFormed()) return undefined;
  return `sandbox://${sandboxId}${PREFIX}${path.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * Reads a URI. The agent checks the path again, after its escapes are undone.
 *
 * @param uri The URI.
 * @returns The sandbox and the path below /workspace.
 * @throws {OmcpError} `invalid_argument`.
 */
export function readFileUri(uri: URL): { readonly sandboxId: string; readonly path: string } {
  const { success, data } = sandboxIdSchema.safeParse(uri.host);
  const named = uri.pathname.startsWith(PREFIX) && uri.pathname.length > PREFIX.length;
  if (uri.protocol !== "sandbox:" || !success || !named || uri.search !== "" || uri.hash !== "") {
    throw invalid(`it must have the form ${FILE_URI_TEMPLATE}`);
  }
  try {
    // The URL has removed "..", and a relative path stays below /workspace.
    const path = decodeURIComponent(uri.pathname.slice(PREFIX.length)).replace(/^\/+/, "");
    return { sandboxId: data, path: path === "" ? "." : path };
  } catch {
    throw invalid("its escapes are not UTF-8");
  }
}

function invalid(reason: string): OmcpError {
  return new OmcpError("invalid_argument", `Cannot read the resource's URI: ${reason}`, {
    next: "Escape the characters of each name, as encodeURIComponent() does.",
  });
}
