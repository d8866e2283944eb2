/**
 * Prints, as a JSON list, Deno's arguments for a command of a packaged program: its launcher (packaging/) asks before it starts the program.
 * A program of its own, because it starts in a fraction of the whole one's time.
 */
import { findSettings } from "../../app/environment.ts";
import { packagedArguments } from "./packaged_arguments.ts";
import { printError } from "../print_error.ts";

if (import.meta.main) {
  try {
    const found = packagedArguments(findSettings(Deno.args));
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(found)}\n`));
  } catch (error) {
    printError(error);
    Deno.exit(1);
  }
}
