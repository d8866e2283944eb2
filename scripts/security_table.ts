/**
 * Keeps docs/security.md true: every test that it lists exists and has not changed since it was last approved.
 *
 *     deno run -A scripts/security_table.ts [--update]
 *
 * `--update` approves the current tests: it writes their hashes to docs/security.lock.json, where a review sees the changes.
 */
import * as z from "zod";
import { complain } from "./output.ts";
import { readText } from "./read_text.ts";
import { type Approved, checkTable, readPage } from "./security_rows.ts";
import { TestSources } from "./test_source.ts";

const ROOT = new URL("../", import.meta.url);
const TABLE = "docs/security.md";
const LOCK = "docs/security.lock.json";

const lockSchema = z.object({
  requirements: z.array(z.string()),
  tests: z.record(z.string(), z.string()),
  shared: z.record(z.string(), z.string()),
});

function approved(): Approved {
  return lockSchema.parse(JSON.parse(readText(LOCK) ?? '{"requirements":[],"tests":{},"shared":{}}'));
}

const page = readPage(readText(TABLE) ?? "");
const sources = new TestSources(readText);
const update = Deno.args.includes("--update");
const { problems, current } = checkTable(page, sources, update ? undefined : approved());
if (problems.length > 0) {
  await complain(`${problems.join("\n")}\n${problems.length} problem(s) with ${TABLE}`);
  Deno.exit(1);
}
if (update) await Deno.writeTextFile(new URL(LOCK, ROOT), `${JSON.stringify(current, null, 2)}\n`);
