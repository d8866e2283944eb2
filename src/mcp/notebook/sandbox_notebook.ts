/** The notebook of a sandbox that a caller may see. */
import { DEFAULT_CONTEXT } from "../../agent_protocol/messages/mod.ts";
import type { Sandbox } from "../../sandbox/mod.ts";
import type { Principal } from "../principal.ts";
import { buildNotebook, notebookBytes, type WrittenNotebook } from "./notebook.ts";

/**
 * Writes the notebook of a caller's executions in a sandbox.
 *
 * @param sandbox The sandbox.
 * @param principal The caller: another's executions are not in it.
 * @param context The context whose cells it has: what ran in others has no place in one interpreter. What used none is in it, too.
 * @returns The notebook and its file's content.
 */
export function sandboxNotebook(
  { id, executions }: Pick<Sandbox, "id" | "executions">,
  principal: Principal,
  context: string = DEFAULT_CONTEXT,
): WrittenNotebook & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const written = buildNotebook({
    sandboxId: id,
    context,
    history: executions.history(principal.id).filter(({ record }) =>
      record.context === undefined || record.context === context
    ),
    forgotten: executions.forgotten,
  });
  return { ...written, bytes: notebookBytes(written.notebook) };
}
