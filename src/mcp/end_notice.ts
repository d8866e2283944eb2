/** Adds a notice to the results of a sandbox's calls when its lifetime is nearly over. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { readableDuration } from "../lib/duration.ts";
import type { OfferedTool, ToolServices } from "./tool.ts";

/** Results carry the notice when less than this is left, in ms; of a lifetime shorter than an hour, when less than this part is left. */
const NOTICE_MS = 10 * 60_000;
const NOTICE_PART = 1 / 6;

/** Tools that bring files out of a sandbox. */
const SAVING = ["export_file", "read_file"];

/** What {@link withEndNotice} looks at. */
export interface EndNoticeOptions {
  /** The tools that the server offers. */
  readonly tools: readonly Pick<OfferedTool, "name">[];
  readonly services: { readonly sandboxes: Pick<ToolServices["sandboxes"], "timeLeft"> };
}

/**
 * Adds a notice to the result of a call, where the end of its sandbox's lifetime is near.
 *
 * @param result The result of the call.
 * @param sandboxId The sandbox that the call is about; undefined if there is none.
 * @param options See {@link EndNoticeOptions}.
 * @returns The result; the notice is a text of its own, because the last line of a cell's text is its status.
 */
export function withEndNotice(
  result: CallToolResult,
  sandboxId: string | undefined,
  { tools, services }: EndNoticeOptions,
): CallToolResult {
  const left = sandboxId === undefined ? undefined : services.sandboxes.timeLeft(sandboxId);
  if (left === undefined || left.remainingMs >= Math.min(NOTICE_MS, left.lifetimeMs * NOTICE_PART)) {
    return result;
  }
  const saving = SAVING.filter((name) => tools.some((tool) => tool.name === name));
  const save = saving.length === 0 ? "" : ` with ${saving.join(" or ")}`;
  const text =
    `[notice: the lifetime of sandbox ${sandboxId} ends in ${readableDuration(left.remainingMs)}. ` +
    `Its variables and files are then gone: save what is needed${save}, and go on in a new sandbox]`;
  return { ...result, content: [...result.content, { type: "text", text }] };
}
