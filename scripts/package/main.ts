/**
 * Builds the packages of the program into `dist/`: the npm package, as a folder that `npm pack` and `npm publish` take, the wheel,
 * and the program with Deno in one file, `omcp`, for the platform of this process.
 *
 *     deno task package [FOLDER]
 *
 * The same checkout gives the same bytes.
 */
import { fileURLToPath } from "node:url";
import { say } from "../output.ts";
import { programFiles } from "./files.ts";
import { buildOneFile, buildPackages } from "./packages.ts";

const project = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const output = Deno.args[0] ?? `${project}/dist`;
const program = await programFiles(project);
const { npm, wheel } = await buildPackages(project, program, output);
const single = await buildOneFile(project, program, output);
await say(`npm package: ${npm}\nwheel: ${wheel}\none file: ${single}`);
