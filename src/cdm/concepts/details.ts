/** What a result says of concepts besides their rows in `concept`. */
import { OmcpError } from "../../errors.ts";
import { type Concept, descendantCounts, integersOf, usedDescendants } from "../../omop/concepts/mod.ts";
import { mappings } from "./known.ts";
import { type ConceptSource, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";

/** Where counting descendants stops. */
export const DESCENDANTS_CAP = 1_001;
/** Concepts in use among which descendants are looked for. */
const MOST_USED = 20_000;
/** How long the counts may take, in ms; without them a result says so. */
const COUNT_MS = 2_000;

/** Descendants of a concept that occur in the data. */
export interface UsedBelow {
  /** The most records first. */
  readonly ids: readonly number[];
  /** Records of all of them together. */
  readonly records: number;
}

/** What is known of some concepts, by id. */
export interface ConceptDetails {
  /** Valid descendants, counted up to {@link DESCENDANTS_CAP}; undefined where that took too long or there is no `concept_ancestor`. */
  readonly descendants: ReadonlyMap<number, number> | undefined;
  /** Descendants in use. */
  readonly below: ReadonlyMap<number, UsedBelow>;
  /** What those that are not standard map to. */
  readonly mapsTo: ReadonlyMap<number, readonly Concept[]>;
}

/**
 * Looks the details of concepts up.
 *
 * @param parts Database and counts.
 * @param concepts The concepts.
 * @param signal The call's.
 * @returns The details.
 */
export async function conceptDetails(
  { source, usage }: { readonly source: ConceptSource; readonly usage: ConceptUsage },
  concepts: readonly Concept[],
  signal: AbortSignal,
): Promise<ConceptDetails> {
  const mapsTo = await mappings(
    source,
    concepts.filter(({ standard_concept }) => standard_concept !== "S").map(({ concept_id }) => concept_id),
    signal,
  );
  // What a reader continues with is the target.
  const all = [...concepts, ...[...mapsTo.values()].flat()];
  const ids = [...new Set(all.map(({ concept_id }) => concept_id))];
  if (ids.length === 0 || !source.relations.has("concept_ancestor")) {
    return { descendants: undefined, below: new Map(), mapsTo };
  }
  const [counts, below] = await Promise.all([
    readRows(source, descendantCounts(ids, source.schema, DESCENDANTS_CAP), signal, COUNT_MS).catch(
      late(signal),
    ),
    usedBelow({ source, usage }, ids, signal).catch(late(signal)),
  ]);
  return {
    descendants: counts && new Map(counts.map(integersOf).map(([id = 0, count = 0]) => [id, count])),
    below: below ?? new Map(),
    mapsTo,
  };
}

/**
 * Finds descendants in use.
 *
 * @param parts Database and counts.
 * @param ids The ancestors.
 * @param signal The call's.
 * @returns By ancestor; those without are absent.
 */
export async function usedBelow(
  { source, usage }: { readonly source: ConceptSource; readonly usage: ConceptUsage },
  ids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, UsedBelow>> {
  const rows = await readRows(
    source,
    usedDescendants(ids, usage.used(MOST_USED), source.schema),
    signal,
    COUNT_MS,
  );
  const found = new Map<number, number[]>();
  for (const [ancestor = 0, descendant = 0] of rows.map(integersOf)) {
    const known = found.get(ancestor) ?? [];
    known.push(descendant);
    found.set(ancestor, known);
  }
  return new Map([...found].map(([id, descendants]) => [id, {
    ids: descendants.sort((left, right) => usage.records(right) - usage.records(left)),
    records: descendants.reduce((sum, each) => sum + usage.records(each), 0),
  }]));
}

/** A count that takes too long is left out; a call that ends is not. */
function late(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted || !(error instanceof OmcpError) || error.code !== "timeout") throw error;
    return undefined;
  };
}
