/** Links to the files that a cell wrote, for clients that show resources. The text of the result has their paths as well. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { ExecutionOutcome } from "../sandbox/mod.ts";
import { shownPath } from "../lib/shown_path.ts";
import { fileType } from "./file_types.ts";
import { fileUri } from "./file_uri.ts";

/** The most links in a result. */
const MAX_LINKS = 5;
/** The first version of MCP that has links: clients of earlier ones refuse a result with one. */
const FIRST_VERSION = "2025-06-18";

/**
 * Adds links to the first files that a cell wrote.
 *
 * @param result The cell's result.
 * @param outcome Its outcome.
 * @param sandboxId Its sandbox.
 */
export function withLinks(
  result: CallToolResult,
  { files, kernel }: Pick<ExecutionOutcome, "files" | "kernel">,
  sandboxId: string | undefined,
): CallToolResult {
  if (sandboxId === undefined || kernel === "unknown") return result;
  const links = files.changed.flatMap((path) => {
    const uri = fileUri(sandboxId, path);
    const mimeType = fileType(path);
    // A name that is not UTF-8 arrives with replacement characters, and names no file.
    return uri === undefined || path.includes("\ufffd")
      ? []
      : [{ type: "resource_link" as const, uri, name: shownPath(path), ...(mimeType && { mimeType }) }];
  });
  return { ...result, content: [...result.content, ...links.slice(0, MAX_LINKS)] };
}

/**
 * Removes links where the client's version of MCP has none.
 *
 * @param result A tool's result.
 * @param version The version of MCP that the client speaks; undefined if it is unknown.
 */
export function linksFor(version: string | undefined, result: CallToolResult): CallToolResult {
  if (version !== undefined && version >= FIRST_VERSION) return result;
  const content = result.content.filter(({ type }) => type !== "resource_link");
  return content.length === result.content.length ? result : { ...result, content };
}
