/** What a result says of concepts besides their rows in `concept`. */
import { type Concept, descendantsOf, integersOf } from "../../omop/concepts/mod.ts";
import type { TextRow } from "../../postgres/mod.ts";
import { mappings } from "./known.ts";
import { type ConceptSource, late, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";

/** Where counting descendants stops. */
export const DESCENDANTS_CAP = 1_001;
/** How long the counts may take, in ms; without them a result says so. */
const COUNT_MS = 2_000;

/** Descendants of a concept that occur in the data. */
export interface UsedBelow {
  /** The most records first. */
  readonly ids: readonly number[];
  /** Records of all of them together. */
  readonly records: number;
  /** Whether there may be more. */
  readonly partial: boolean;
}

/** What is known of some concepts, by id. */
export interface ConceptDetails {
  /** Valid descendants, counted up to {@link DESCENDANTS_CAP}; undefined if that took too long or there is no `concept_ancestor`. */
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
  const mapsTo = await mappings(source, concepts, signal);
  // A reader continues with the target.
  const all = [...concepts, ...[...mapsTo.values()].flat()];
  const ids = [...new Set(all.map(({ concept_id }) => concept_id))];
  if (ids.length === 0 || !source.relations.has("concept_ancestor")) {
    return { descendants: undefined, below: new Map(), mapsTo };
  }
  const found = await descendants(source, ids, signal).catch(late(signal));
  if (found === undefined) return { descendants: undefined, below: new Map(), mapsTo };
  // A concept with more descendants than the cap may have ones in use that were not read.
  const descendantsIn = ([id, each]: readonly [number, readonly number[]]) =>
    each.length < DESCENDANTS_CAP
      ? { all: each, partial: false }
      : { all: usage.below.of(id) ?? each, partial: !usage.below.complete };
  const below = new Map<number, UsedBelow>();
  for (const each of found) {
    const used = await usedBelow(usage, descendantsIn(each));
    if (used !== undefined) below.set(each[0], used);
  }
  return { descendants: new Map(ids.map((id) => [id, found.get(id)?.length ?? 0])), below, mapsTo };
}

async function descendants(
  source: ConceptSource,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const statement = descendantsOf(ids, source.schema, DESCENDANTS_CAP);
  return byAncestor(await readRows(source, statement, signal, COUNT_MS));
}

function byAncestor(rows: readonly TextRow[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const [ancestor = 0, descendant = 0] of rows.map(integersOf)) {
    const known = found.get(ancestor) ?? [];
    known.push(descendant);
    found.set(ancestor, known);
  }
  return found;
}

/** Undefined if no descendant is in use. */
async function usedBelow(
  usage: ConceptUsage,
  { all, partial }: { readonly all: readonly number[]; readonly partial: boolean },
): Promise<UsedBelow | undefined> {
  const used = (await usage.byRecords(all)).filter(([, records]) => records > 0);
  if (used.length === 0) return undefined;
  return {
    ids: used.map(([id]) => id),
    records: used.reduce((sum, [, records]) => sum + records, 0),
    partial,
  };
}
