/** Rules about concepts and codes in conditions. */
import { isConceptColumn } from "../cdm/mod.ts";
import { columnDomain, columnsOf, EVENT_TABLES, SOURCE_VOCABULARIES, VALUES } from "./columns.ts";
import type { Scope, TableColumn } from "./scope.ts";
import type { LintWarning } from "./warning.ts";

type Found = readonly LintWarning[];

const EQUAL: ReadonlySet<string> = new Set(["=", "in"]);

/** The source's own texts differ from site to site and within one. */
export function sourceValue(scope: Scope): Found {
  const [first] = [
    ...scope.constants(({ column }) => column.endsWith("_source_value")),
  ].filter(({ comparison: { clause } }) => clause === "where" || clause === "on");
  return first === undefined ? [] : [sourceValueWarning(first.column.table, first.column.column)];
}

/** @param table The table. @param column The column. */
export function sourceValueWarning(table: string, column: string): LintWarning {
  const standard = column.replace(/_source_value$/, "_concept_id");
  return {
    rule: "source-value",
    problem: `${table}.${column} is the source's own text, whose spelling differs between and within sites`,
    fix: `Compare ${standard} with a concept set: search_concepts finds it, by code too`,
  };
}

/** Standard columns hold standard concepts, source columns mostly do not. */
export function standardMismatch(scope: Scope): Found {
  return joinedConcepts(scope).flatMap(({ column, alias }) => {
    const of = (name: string) => scope.constants((one) => one.alias === alias && one.column === name);
    const source = column.column.includes("_source_concept_id");
    const wanted = of("standard_concept").filter(({ values, comparison: { op } }) =>
      EQUAL.has(op) && values.includes("S")
    );
    const vocabularies = of("vocabulary_id").filter(({ values, comparison: { op, optional } }) =>
      EQUAL.has(op) && !optional && values.every((value) => SOURCE_VOCABULARIES.has(value))
    );
    if (source && wanted.length > 0) {
      return [{
        rule: "standard-concept",
        problem: `${column.column} holds the source's concepts, of which few are standard`,
        fix: `Join ${column.column.replace("_source_concept_id", "_concept_id")}`,
      }];
    }
    const [first] = vocabularies;
    if (source || first === undefined) return [];
    return [{
      rule: "standard-concept",
      problem: `${column.column} holds standard concepts, and ${first.values.join(", ")} has none`,
      fix: `Follow "Maps to" to the standard concepts, or join ${
        column.column.replace("_concept_id", "_source_concept_id")
      }`,
    }];
  });
}

/** A column's concepts are of one domain. */
export function domainMismatch(scope: Scope): Found {
  return joinedConcepts(scope).flatMap(({ column, alias }) => {
    const domain = columnDomain(column.column);
    const [first] = scope.constants((one) => one.alias === alias && one.column === "domain_id")
      .filter(({ comparison: { op, optional } }) => EQUAL.has(op) && !optional);
    if (domain === undefined || first === undefined || first.values.some((value) => value.includes(domain))) {
      return [];
    }
    return [{
      rule: "domain-mismatch",
      problem: `${column.table}.${column.column} holds concepts of domain ${domain}, not ${
        first.values.join(", ")
      }`,
      fix: "Query the table of that domain, or correct domain_id",
    }];
  });
}

/** Concept 0 means a code without a concept. */
export function conceptZero(scope: Scope): Found {
  const found = scope.constants(({ column, table }) =>
    isConceptColumn(column) &&
    (EVENT_TABLES.has(table) || table === "concept_ancestor" || table === "person")
  );
  return found.flatMap(({ column, values, comparison: { op } }) => {
    if (!EQUAL.has(op)) return [];
    return conceptIdWarning(column.column, values) ?? [];
  });
}

/**
 * What is wrong with ids that a column is compared with.
 *
 * @param column The column.
 * @param ids The ids.
 */
export function conceptIdWarning(column: string, ids: readonly string[]): LintWarning | undefined {
  if (ids.some((id) => id.startsWith("-"))) {
    return {
      rule: "concept-0",
      problem: `${column} is compared with a negative id, which no concept has`,
      fix: "search_concepts finds the id",
    };
  }
  if (!ids.includes("0") || ids.length === 1 && column !== "ancestor_concept_id") return undefined;
  return {
    rule: "concept-0",
    problem:
      "0 stands for every code without a concept, whatever it means, and is not a kind of any other concept",
    fix: "Leave 0 out, or count it by itself",
  };
}

/** Values of the vocabulary are compared exactly. */
export function valueSpelling(scope: Scope): Found {
  return scope.constants(({ column, table }) =>
    VALUES.has(column) && columnsOf(table, scope.version).some(({ name }) => name === column)
  ).flatMap(({ column: { column }, values, comparison: { op } }) => {
    if (!EQUAL.has(op)) return [];
    const known = VALUES.get(column) ?? [];
    return values.flatMap((value) => {
      if (known.includes(value)) return [];
      const meant = known.find((one) => plain(one) === plain(value));
      if (meant === undefined && column !== "standard_concept") return [];
      return [{
        rule: "value-spelling",
        problem: `No ${column} is '${value}'`,
        fix: meant === undefined
          ? "standard_concept is 'S', 'C' or null; not standard: IS DISTINCT FROM 'S'"
          : `Write '${meant}'`,
      }];
    });
  });
}

/** Records have descendants; a question names the ancestor. */
export function ancestorDirection(scope: Scope): Found {
  return scope.joins.flatMap(([left, right]) => {
    const [ancestor, event] = left.table === "concept_ancestor" ? [left, right] : [right, left];
    const named = scope.constants((one) =>
      one.alias === ancestor.alias && one.column === "descendant_concept_id"
    );
    if (
      ancestor.table !== "concept_ancestor" || ancestor.column !== "ancestor_concept_id" ||
      named.length === 0 ||
      !EVENT_TABLES.has(event.table)
    ) return [];
    return [{
      rule: "ancestor-direction",
      problem:
        "The records' concepts are joined as ancestors of the named concept: broader ones match, kinds of it do not",
      fix: `Join ${event.column} = descendant_concept_id, and name the concept as ancestor_concept_id`,
    }];
  });
}

/** A pattern of a name misses kinds and other words for the same, and takes in what merely sounds alike. */
export function namePattern(scope: Scope): Found {
  const found = scope.own.comparisons.some(({ op, left, clause }) =>
    op === "like" && clause !== "output" &&
    left.columns.some((use) => use.column === "concept_name" && scope.find(use)?.table === "concept")
  );
  if (!found || scope.events.length === 0) return [];
  return [{
    rule: "name-pattern",
    problem:
      "Records are chosen by a pattern of concept_name: it misses kinds and synonyms, and takes in what sounds alike",
    fix: "Find the concept with search_concepts, and use its descendants by concept_ancestor",
  }];
}

/** One code means different things in different vocabularies. */
export function codeVocabulary(scope: Scope): Found {
  const [first] = scope.constants(({ table, column }) => table === "concept" && column === "concept_code")
    .filter(({ comparison: { op } }) => EQUAL.has(op));
  if (first === undefined || scope.uses(first.column.alias, (column) => column === "vocabulary_id")) {
    return [];
  }
  return [{
    rule: "code-vocabulary",
    problem: "concept_code is compared without vocabulary_id: other vocabularies use the same code",
    fix: "Add vocabulary_id, such as 'ICD10CM'",
  }];
}

/** concept_relationship has pairs of dozens of meanings, each in both directions. */
export function relationshipMissing(scope: Scope): Found {
  const found = scope.tables.find(({ table, alias }) =>
    table === "concept_relationship" && !scope.uses(alias, (column) => column === "relationship_id")
  );
  return found === undefined ? [] : [{
    rule: "relationship-missing",
    problem:
      "concept_relationship is read without relationship_id: it has pairs of many meanings, in both directions",
    fix: "Add relationship_id, such as 'Maps to'",
  }];
}

/** Nothing equals NULL. */
export function nullComparison(scope: Scope): Found {
  const found = scope.own.comparisons.some(({ op, right }) =>
    (op === "=" || op === "<>") && right[0]?.isNull === true
  );
  return found
    ? [{
      rule: "null-comparison",
      problem: "A comparison with NULL is never true",
      fix: "Write IS NULL or IS NOT NULL",
    }]
    : [];
}

/** Columns of persons and their events that are joined with `concept`. */
function joinedConcepts(scope: Scope): readonly { readonly column: TableColumn; readonly alias: string }[] {
  return scope.joins.flatMap(([left, right]) => {
    const [concept, column] = left.table === "concept" ? [left, right] : [right, left];
    return concept.table === "concept" && concept.column === "concept_id" &&
        isConceptColumn(column.column) &&
        (EVENT_TABLES.has(column.table) || column.table === "person")
      ? [{ column, alias: concept.alias }]
      : [];
  });
}

function plain(value: string): string {
  return value.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}
