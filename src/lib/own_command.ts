import { DENO_VERSION } from "../version.ts";

/**
 * Names a command of this program as the reader of a message can run it.
 *
 * @param command Its name and arguments, such as `doctor`.
 * @returns In a checkout a task of Deno, through npx where that started this process; in the compiled program a command of its own.
 */
export function ownCommand(command: string): string {
  // The compiled program cannot build images.
  if (Deno.build.standalone && !command.startsWith("setup")) return `omcp ${command}`;
  return `${Deno.execPath().includes("_npx") ? `npx -y deno@${DENO_VERSION}` : "deno"} task ${command}`;
}
