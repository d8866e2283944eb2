/**
 * Prints, as JSON, Deno's arguments for a command of a packaged program: its launcher (packaging/) asks before it starts the program.
 * A program of its own, because it starts in a fraction of the whole one's time.
 */
import { PROCESS_ENVIRONMENT } from "../../app/environment.ts";
import { printError } from "../print_error.ts";
import { packagedLaunch } from "./packaged_arguments.ts";

if (import.meta.main) {
  try {
    const answer = packagedLaunch(
      Deno.args,
      PROCESS_ENVIRONMENT,
      (path) => Deno.permissions.querySync({ name: "read", path }).state === "granted",
    );
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
  } catch (error) {
    printError(error);
    Deno.exit(1);
  }
}
