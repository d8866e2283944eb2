/** How the index is built beside searches: a database whose second statement, which sorts everything, ends only when it is allowed to. */
import assert from "node:assert/strict";
import { IndexBuild } from "../../../../../src/cdm/concepts/index/build.ts";
import { searchConcepts, type SearchRequest } from "../../../../../src/cdm/concepts/search.ts";
import type { ConceptSource } from "../../../../../src/cdm/concepts/source.ts";
import { ConceptUsage } from "../../../../../src/cdm/concepts/usage.ts";
import { OmcpError } from "../../../../../src/errors.ts";
import { abortable } from "../../../../../src/lib/async/abortable.ts";
import { conceptSource, idsIn } from "../../../../fixtures/concept_source.ts";
import { eventually } from "../../../../fixtures/eventually.ts";

const NEVER = new AbortController().signal;
const ROWS = [
  ["1", "Heart attack", "Condition", "SNOMED", "Disorder", "S", "A1", null, null],
  ["2", "Heart failure", "Condition", "SNOMED", "Disorder", "S", "A2", null, null],
] as const;
const HEART: SearchRequest = { text: "heart", code: false, facets: { standard: true } };

interface Slow {
  readonly source: ConceptSource;
  readonly build: IndexBuild;
  readonly usage: ConceptUsage;
  /** Lets the second statement end. */
  readonly release: () => void;
  readonly streams: string[];
  /** Fulfilled when the second statement has sent every row. */
  readonly sent: Promise<void>;
}

/**
 * Concept 1 is in use; reading all names takes too long.
 *
 * @param synonyms Other names of each concept.
 */
function slow(synonyms: string | null = null): Slow {
  const streams: string[] = [];
  const { promise: sent, resolve: allSent } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const source = conceptSource(["concept"], {
    read: (statement) => {
      const { sql } = statement;
      if (sql.includes("ilike")) return Promise.reject(new OmcpError("timeout", "It took too long"));
      const ids = idsIn(statement);
      return Promise.resolve(
        sql.includes("c.concept_id = any") ? ROWS.filter(([id]) => ids.includes(id)) : [],
      );
    },
    stream: async ({ sql }, _limits, signal, take) => {
      streams.push(sql);
      const inUse = !sql.includes("left join unnest");
      if (!inUse) await abortable(released, signal);
      for (const row of ROWS) if ((row[0] === "1") === inUse) await take([...row.slice(0, -1), synonyms]);
      if (!inUse) allSent();
    },
  });
  const usage = new ConceptUsage(source);
  return { source, usage, build: new IndexBuild(source, usage), release, streams, sent };
}

Deno.test("a search before the index is complete finds what the index has, and says that this is a part", async () => {
  const { source, usage, build, release } = slow();
  const search = async () => await searchConcepts({ source, usage, build }, HEART, NEVER);
  assert.equal(build.seconds, 0);
  await build.ready(0);
  await eventually(() => build.partial !== undefined, "concepts in use are indexed");
  assert.ok(build.seconds > 0);
  // The search waits only a moment for the worker, which may still be starting.
  await build.partial?.find([["heart"]], { limit: 1 });
  const part = await search();
  assert.equal(part.scope, "part");
  assert.ok(part.more);
  assert.deepEqual(part.hits.map(({ concept }) => concept.concept_id), [1]);
  release();
  await eventually(() => build.complete, "the index is complete");
  const all = await search();
  assert.equal(all.scope, "index");
  assert.deepEqual(all.hits.map(({ concept }) => concept.concept_id).toSorted(), [1, 2]);
  await build.close();
});

Deno.test("an index whose worker failed is built again by the next search", async () => {
  const { build, release, streams } = slow();
  release();
  const index = await build.ready(10_000);
  assert.ok(index !== undefined);
  assert.equal(streams.length, 2);
  await assert.rejects(index.find([['"']], { limit: 1 }));
  assert.equal(build.complete, false);
  const again = await build.ready(10_000);
  assert.deepEqual(await again?.find([["heart"]], { limit: 9 }), [1, 2]);
  assert.equal(streams.length, 4);
  await build.close();
});

Deno.test("a build that is closed ends its statement and its worker", async () => {
  const { build } = slow();
  await build.ready(0);
  await eventually(() => build.partial !== undefined, "concepts in use are indexed");
  await build.close();
  assert.equal(build.partial, undefined);
  assert.equal(build.complete, false);
});

Deno.test("a build that is closed while its worker finishes ends the worker at once: what waits for it fails", async () => {
  // The worker lists 100,000 words in hundreds of steps, and answers searches between two of them.
  const { build, release, sent } = slow(Array.from({ length: 100_000 }, (_, at) => `word${at}`).join(" "));
  release();
  await build.ready(0);
  await sent;
  await new Promise((resolve) => setTimeout(resolve, 0));
  const index = build.partial;
  assert.ok(index !== undefined && !build.complete);
  const waiting = index.find([["heart"]], { limit: 9 });
  await Promise.all([assert.rejects(waiting, /it was closed/), build.close()]);
  assert.ok(index.ended);
  // Nothing begins again.
  assert.equal(await build.ready(1_000), undefined);
  assert.equal(build.partial, undefined);
});
