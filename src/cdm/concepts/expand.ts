/** Concept sets resolved against the configured CDM's vocabulary. */
import {
  type Concept,
  conceptOf,
  type ConceptSet,
  conceptSetHash,
  integersOf,
  namedConcepts,
  setFingerprint,
  setMembers,
  setTotals,
} from "../../omop/concepts/mod.ts";
import { knownConcepts } from "./known.ts";
import { type ConceptSource, readRows } from "./source.ts";

/** Members of one kind. */
export interface MemberTotal {
  /** Null: concepts that map into the set, but that `concept` lacks. */
  readonly domain: string | null;
  readonly standard: string | null;
  readonly invalid: boolean;
  readonly members: number;
}

/** A set and its members. */
export interface ExpandedSet {
  /** The concepts that the set names, by id. */
  readonly named: ReadonlyMap<number, Concept>;
  /** The definition's hash; see {@link conceptSetHash}. */
  readonly hash: string;
  /** The members' hash, see {@link setFingerprint}; undefined for an empty set. */
  readonly fingerprint: string | undefined;
  readonly totals: readonly MemberTotal[];
  /** The first members: those in use first. Undefined in place of what `concept` lacks. */
  readonly members: readonly (readonly [number, Concept | undefined])[];
}

/**
 * Resolves a set.
 *
 * @param source The database.
 * @param set The set.
 * @param options Ids in use, the most used first; the most members that are listed.
 * @param signal The call's.
 * @returns The set's members and totals.
 * @throws {OmcpError} `concept_not_found` if the set names a concept that the CDM lacks.
 */
export async function expandSet(
  source: ConceptSource,
  set: ConceptSet,
  options: { readonly used: readonly number[]; readonly limit: number },
  signal: AbortSignal,
): Promise<ExpandedSet> {
  const { schema } = source;
  const named = await knownConcepts(source, namedConcepts(set), signal);
  const [totals, fingerprint, members] = await Promise.all([
    readRows(source, setTotals(set, schema), signal),
    readRows(source, setFingerprint(set, schema), signal),
    readRows(source, setMembers(set, schema, options), signal),
  ]);
  return {
    named,
    hash: conceptSetHash(set),
    fingerprint: fingerprint[0]?.[0] ?? undefined,
    totals: totals.map(([domain = null, standard = null, ...numbers]) => {
      const [invalid = 0, count = 0] = integersOf(numbers);
      return { domain, standard, invalid: invalid === 1, members: count };
    }),
    members: members.map(([id = null, ...concept]) => {
      const [known = 0] = integersOf([id]);
      return [known, concept[0] === null ? undefined : conceptOf(concept)] as const;
    }),
  };
}
