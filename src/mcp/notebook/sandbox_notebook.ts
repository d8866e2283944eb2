/** The notebook of a sandbox that a caller may see. */
import type { Sandbox } from "../../sandbox/mod.ts";
import type { Principal } from "../principal.ts";
import { buildNotebook, notebookBytes, type WrittenNotebook } from "./notebook.ts";

/**
 * Writes the notebook of a caller's executions in a sandbox.
 *
 * @param sandbox The sandbox.
 * @param principal The caller: another's executions are not in it.
 * @returns The notebook and its file's content.
 */
export function sandboxNotebook(
  { id, executions }: Pick<Sandbox, "id" | "executions">,
  principal: Principal,
): WrittenNotebook & { readonly bytes: Uint8Array<ArrayBuffer> } {
  const written = buildNotebook({
    sandboxId: id,
    history: executions.history(principal.id),
    forgotten: executions.forgotten,
  });
  return { ...written, bytes: notebookBytes(written.notebook) };
}
