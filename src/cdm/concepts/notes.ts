/** What a query's answer has to say about the concepts that it names, so that an empty or partial result is not taken for the truth. */
import { counted } from "../../lib/counted.ts";
import { cdmTables } from "../../omop/cdm/mod.ts";
import { columnDomain } from "../../omop/lint/mod.ts";
import { type Concept, idsInColumn, integersOf } from "../../omop/concepts/mod.ts";
import { type ConceptDetails, conceptDetails } from "./details.ts";
import { conceptMap, mappings, refuseMissing } from "./known.ts";
import { type ConceptSource, readRows } from "./source.ts";
import type { ConceptUsage } from "./usage.ts";

/** Concepts of a query that are explained. */
const EXPLAINED = 20;
/** Alternatives that are named for one concept. */
const ALTERNATIVES = 3;

/** The concepts that a query names. */
export interface NamedConcepts {
  /** Ids as the caller wrote them, such as the values of a filter or the items of a concept set. Concept 0 is always known. */
  readonly ids: readonly number[];
  /** The column that is compared with them. */
  readonly column: { readonly table: string; readonly column: string };
  /** Whether descendants are included already. @default false */
  readonly descendants?: boolean;
  /** Whether the query has run, and its result is empty. @default false */
  readonly empty?: boolean;
}

/** Where the concepts are looked up. */
export interface NoteParts {
  readonly source: ConceptSource;
  readonly usage: ConceptUsage;
  /** Concepts with a name, in any order of words. */
  readonly named: (name: string) => Promise<readonly Concept[]>;
}

/**
 * Checks the concepts of a query, and explains an empty result.
 *
 * @param parts Where the concepts are looked up.
 * @param query The concepts, and whether the result was empty.
 * @param signal The call's.
 * @returns Lines for the answer: warnings about concepts that are not standard or not valid; for a result without rows, the other concepts or the
 * other column that have records.
 * @throws {OmcpError} `concept_not_found` if the CDM lacks one, with near matches.
 */
export async function conceptNotes(
  parts: NoteParts,
  { ids, column, descendants = false, empty = false }: NamedConcepts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { source, usage } = parts;
  const distinct = [...new Set(ids)].filter((id) => id !== 0);
  const found = await conceptMap(source, distinct, signal);
  const missing = distinct.filter((id) => !found.has(id));
  const absent = await inData(source, missing, { column, signal });
  await refuseMissing(source, missing.filter((id) => !absent.has(id)), signal);
  const known = [...found.values()];
  const lacking = empty
    ? []
    : [...absent].map((id) => `Warning: ${column.column} has ${id}, which this CDM's concept table lacks.`);
  const standardColumn = !column.column.includes("_source_");
  const doubtful = known.filter((concept) =>
    standardColumn && concept.standard_concept !== "S" || concept.invalid_reason !== null ||
    isMisplaced(concept, column, usage)
  );
  const concerned = empty ? known : doubtful;
  const explained = concerned.slice(0, EXPLAINED);
  if (explained.length === 0) return lacking;
  const notes = [...lacking];
  if (empty) {
    const details = await conceptDetails({ source, usage }, explained, signal);
    for (const concept of explained) {
      notes.push(await emptyNote(parts, concept, { details, column, descendants }));
    }
  } else {
    const mapsTo = await mappings(source, explained, signal);
    notes.push(...explained.map((concept) => warning(concept, { mapsTo, usage, column })));
  }
  const left = concerned.length - explained.length;
  return left > 0 ? [...notes, `[and ${counted(left, "more concept")} that this does not explain]`] : notes;
}

/** Which ids a column holds: a site may use concepts that its vocabulary lacks. */
async function inData(
  source: ConceptSource,
  ids: readonly number[],
  { column, signal }: { readonly column: NamedConcepts["column"]; readonly signal: AbortSignal },
): Promise<ReadonlySet<number>> {
  const exists = cdmTables(source.version).find(({ name }) => name === column.table)
    ?.columns.some(({ name }) => name === column.column) === true;
  if (ids.length === 0 || !exists || !source.relations.has(column.table)) return new Set();
  const rows = await readRows(source, idsInColumn(ids, column, source.schema), signal);
  return new Set(rows.map(integersOf).map(([id = 0]) => id));
}

/** Whether a column's concepts are of another domain, by OHDSI's conventions and as far as the records are counted. */
function isMisplaced(
  { concept_id, standard_concept, domain_id }: Concept,
  { table, column }: NamedConcepts["column"],
  usage: ConceptUsage,
): boolean {
  const domain = columnDomain(column);
  // A combined domain, such as Condition/Meas, fits each of its parts.
  return domain !== undefined && standard_concept === "S" && !domain_id.includes(domain) &&
    !usage.everywhere(concept_id).some((use) => use.table === table && use.column === column);
}

function warning(
  concept: Concept,
  { mapsTo, usage, column }: {
    readonly mapsTo: ConceptDetails["mapsTo"];
    readonly usage: ConceptUsage;
    readonly column: NamedConcepts["column"];
  },
): string {
  const { concept_id, concept_name, standard_concept, invalid_reason } = concept;
  const what = [
    ...(standard_concept === "S"
      ? []
      : [standard_concept === "C" ? "a classification concept" : "not standard"]),
    ...(invalid_reason === null ? [] : [`invalid (${invalid_reason})`]),
    ...(isMisplaced(concept, column, usage)
      ? [`of domain ${concept.domain_id}, whose records ${column.column} does not hold`]
      : []),
  ].join(" and ");
  return `Warning: ${concept_id} ${concept_name} is ${what}${
    mappedText(mapsTo.get(concept_id) ?? [], usage)
  }.`;
}

function mappedText(targets: readonly Concept[], usage: ConceptUsage): string {
  if (targets.length === 0) return "";
  const named = targets.slice(0, ALTERNATIVES).map((target) => withRecords(target, usage));
  const more = targets.length - named.length;
  return `; it maps to ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

async function emptyNote(
  parts: NoteParts,
  concept: Concept,
  query: {
    readonly details: ConceptDetails;
    readonly column: NamedConcepts["column"];
    readonly descendants: boolean;
  },
): Promise<string> {
  const { usage } = parts;
  const { details, column, descendants } = query;
  const { concept_id, concept_name } = concept;
  const notes: string[] = [];
  const below = details.below.get(concept_id);
  const own = usage.everywhere(concept_id)
    .find((use) => use.table === column.table && use.column === column.column);
  if (own !== undefined) {
    return `${concept_id} ${concept_name} has ${
      counted(own.records, "record")
    } in ${column.table}: another condition leaves no row.`;
  }
  if (descendants && below !== undefined) {
    return `${concept_id} ${concept_name} has ${
      counted(below.records, "record")
    } under its descendants, which are included: another condition, or their column, leaves no row.`;
  }
  if (below !== undefined) {
    const most = below.ids.slice(0, ALTERNATIVES).join(", ");
    notes.push(
      `${counted(below.records, "record")} are under ${counted(below.ids.length, "descendant")} (${most}${
        below.ids.length > ALTERNATIVES ? ", …" : ""
      }): include descendants`,
    );
  }
  const elsewhere = usage.everywhere(concept_id)
    .filter((use) => use.table !== column.table || use.column !== column.column)
    .map((use) => `${use.table}.${use.column} has ${counted(use.records, "record")} of it`);
  notes.push(...elsewhere.slice(0, ALTERNATIVES));
  const targets = (details.mapsTo.get(concept_id) ?? []).slice(0, ALTERNATIVES);
  if (targets.length > 0) {
    notes.push(`it maps to ${targets.map((target) => withRecords(target, usage)).join(", ")}`);
  }
  if (notes.length === 0) notes.push(await similarText(parts, concept));
  return `No rows for ${concept_id} ${concept_name}: ${notes.join("; ")}.`;
}

/** Explains a concept of which neither a descendant, a mapping nor another column has records. */
async function similarText(
  { usage, named }: NoteParts,
  { concept_id, concept_name }: Concept,
): Promise<string> {
  const alike = (await named(concept_name))
    .filter((other) => other.concept_id !== concept_id && usage.records(other.concept_id) > 0)
    .slice(0, ALTERNATIVES);
  if (alike.length > 0) {
    return `similar concepts have records: ${alike.map((other) => withRecords(other, usage)).join(", ")}`;
  }
  return usage.knowsAll
    ? "neither it, a descendant nor a mapped concept has a record in this CDM"
    : "not all records are counted";
}

function withRecords({ concept_id, concept_name }: Concept, usage: ConceptUsage): string {
  return `${concept_id} ${concept_name} (${counted(usage.records(concept_id), "record")})`;
}
