/**
 * Compares the sample's concepts with real OMOP vocabularies, if data sets of the OHDSI community are beside the
 * checkout (or in OMCP_TEST_DATA); otherwise ignored.
 */
import assert from "node:assert/strict";
import { sampleFiles } from "../../../../src/omop/sample/mod.ts";

const FOLDER = Deno.env.get("OMCP_TEST_DATA") ??
  new URL("../../../../../shared/data", import.meta.url).pathname;
const SETS = [`${FOLDER}/gibleed_5.3`, `${FOLDER}/synthea27nj_5.4`];
const present = SETS.every(exists);

Deno.test({
  name: `the sample's concepts are the real ones${present ? "" : ` (ignored: no ${FOLDER})`}`,
  ignore: !present,
  async fn() {
    const real = new Map<string, readonly string[]>();
    for (const set of SETS) {
      for (const line of await readLines(`${set}/concept.csv.gz`)) {
        const cells = splitCsv(line);
        real.set(cells[0] ?? "", [cells[3] ?? "", cells[6] ?? ""]);
      }
    }
    let checked = 0;
    for (const line of (sampleFiles({ persons: 1, seed: 1 }).get("concept") ?? "").trimEnd().split("\n")) {
      const [id = "", name, , vocabulary, , , code] = line.split("\t");
      const known = real.get(id);
      if (known === undefined) continue;
      assert.deepEqual([vocabulary, code], known, `${id} ${name}`);
      checked++;
    }
    assert(checked > 100, String(checked));
  },
});

Deno.test({
  name: `the sample's ancestors are real ones${present ? "" : ` (ignored: no ${FOLDER})`}`,
  ignore: !present,
  async fn() {
    const pairs = new Set<string>();
    const descendants = new Set<string>();
    for (const line of await readLines(`${FOLDER}/gibleed_5.3/concept_ancestor.csv.gz`)) {
      const [ancestor = "", descendant = ""] = line.split(",");
      pairs.add(`${ancestor} ${descendant}`);
      descendants.add(descendant);
    }
    let checked = 0;
    for (
      const line of (sampleFiles({ persons: 1, seed: 1 }).get("concept_ancestor") ?? "").trimEnd().split("\n")
    ) {
      const [ancestor = "", descendant = ""] = line.split("\t");
      if (!descendants.has(descendant)) continue;
      assert(pairs.has(`${ancestor} ${descendant}`), `${ancestor} ${descendant}`);
      checked++;
    }
    assert(checked > 40, String(checked));
  },
});

async function readLines(path: string): Promise<readonly string[]> {
  using file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
  return text.trimEnd().split(/\r?\n/).slice(1);
}

function splitCsv(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) =>
    quoted ?? bare ?? ""
  );
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
