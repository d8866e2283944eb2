/**
 * Builds the packages of the program into `dist/`: the npm package, as a folder that `npm pack` and `npm publish` take, and the wheel.
 *
 *     deno task package [FOLDER]
 *
 * The same checkout gives the same bytes.
 */
import { fileURLToPath } from "node:url";
import { say } from "../output.ts";
import { buildPackages } from "./packages.ts";

const project = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const { npm, wheel } = await buildPackages(project, Deno.args[0] ?? `${project}/dist`);
await say(`npm package: ${npm}\nwheel: ${wheel}`);
