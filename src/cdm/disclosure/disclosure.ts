import { createHash } from "node:crypto";
import { OmcpError } from "../../errors.ts";
import { inSlices } from "../../lib/async/in_slices.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import type { CohortExpression } from "../../omop/cohorts/mod.ts";
import { conceptOf, conceptsById } from "../../omop/concepts/mod.ts";
import {
  compileAttrition,
  type CompiledDisclosedQuery,
  compileDisclosedQuery,
  compilePersonRows,
  type DisclosedOptions,
  type DisclosedQuery,
  type PersonRows,
} from "../../omop/disclosed/mod.ts";
import { type ConceptSource, readRows } from "../concepts/source.ts";
import { readCells } from "./cells.ts";
import type { DisclosureFacts } from "./facts.ts";
import { Ledger } from "./ledger.ts";
import { type CdmLoad, type LedgerStore, type LoadLedgers, MOST_PRINCIPALS } from "./ledger_store.ts";
import { type Cell, type ReleasedCell, type ReleasedTable, releaseTable } from "./release.ts";
import { type DisclosureRules, leastShown } from "./rules.ts";
import { BUCKETS } from "./sketch.ts";
import { unforeseen } from "./unforeseen.ts";
import { hasUniquePersons } from "./unique_persons.ts";
import { withoutValues } from "./without_values.ts";

/** The numbers of a query that may be shown. */
export interface DisclosedTable {
  readonly query: CompiledDisclosedQuery;
  readonly cells: readonly ReleasedCell[];
  /** The names of concepts that the groups have, by id. */
  readonly names: ReadonlyMap<string, string>;
  /** Numbers that the caller may still learn. */
  readonly remaining: number;
  readonly facts: DisclosureFacts;
}

/** How a question is asked. */
export interface AskOptions {
  /** Milliseconds that the database has. */
  readonly ms: number;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** Finds a cohort of the caller's by its name. */
  readonly cohort?: DisclosedOptions["cohort"];
}

/** A cohort's attrition, as far as it may be shown. */
export interface DisclosedSteps {
  readonly steps: readonly {
    readonly label: string;
    /** Undefined: fewer than 2k − 1, or none. */
    readonly persons: number | undefined;
    readonly derived: boolean;
  }[];
  readonly remaining: number;
  readonly facts: DisclosureFacts;
}

/** The database, and which load of the CDM it has. */
export interface DisclosedSource extends ConceptSource {
  /** Known once the database has been checked. */
  readonly load: CdmLoad;
}

/** Calls of one caller that wait. */
const MOST_WAITING = 20;
/** Digits of a fingerprint. */
const FINGERPRINT = 16;
const ALL_PERSONS: DisclosedQuery = { table: "person", limit: 1 };

interface Account {
  readonly turn: Semaphore;
  ledger: Ledger | undefined;
}

/** Answers queries of callers who may not see rows, and remembers each caller's answers. */
export class Disclosure {
  readonly rules: DisclosureRules;
  readonly #source: DisclosedSource;
  readonly #store: LedgerStore;
  readonly #accounts = new Map<string, Account>();
  #ledgers: LoadLedgers | undefined;
  #hasUniquePersons: boolean | undefined;

  /**
   * @param source The database.
   * @param rules The rules in force.
   * @param store Where answers are remembered.
   */
  constructor(source: DisclosedSource, rules: DisclosureRules, store: LedgerStore) {
    this.#source = source;
    this.rules = rules;
    this.#store = store;
  }

  /**
   * Numbers that a caller may still learn.
   *
   * @param principal The caller.
   * @param how See {@link AskOptions}.
   * @throws {OmcpError} As {@link answer}.
   */
  async remaining(principal: string, { ms, signal }: AskOptions): Promise<number> {
    const ledgers = await this.#open(signal);
    const account = this.#accountOf(principal);
    using _turn = await account.turn.acquire(signal);
    const ledger = account.ledger ??= await this.#ledger(principal, ledgers, ms, signal);
    return ledger.remaining;
  }

  /**
   * Answers a query. A caller's queries are answered one after the other: each depends on the answers before.
   *
   * @param principal Who asks.
   * @param query The query.
   * @param how See {@link AskOptions}.
   * @throws {OmcpError} `invalid_argument`, `disclosure_not_allowed`, `capacity`, `database_refused`, `database_unavailable`, `timeout`.
   */
  async answer(principal: string, query: DisclosedQuery, how: AskOptions): Promise<DisclosedTable> {
    const ledgers = await this.#open(how.signal);
    return await this.#release(principal, ledgers, this.#compile(query, ledgers, how.cohort), how);
  }

  /**
   * Answers with the numbers of rows that another module selects.
   * @param principal Who asks.
   * @param rows The rows.
   * @param how See {@link AskOptions}.
   * @throws {OmcpError} As {@link answer}.
   */
  async count(principal: string, rows: PersonRows, how: AskOptions): Promise<DisclosedTable> {
    const ledgers = await this.#open(how.signal);
    return await this.#release(principal, ledgers, compilePersonRows(rows, this.#options(ledgers)), how);
  }

  /**
   * Counts who is left after each step of a cohort's definition.
   *
   * @param principal Who asks.
   * @param expression The definition.
   * @param how See {@link AskOptions}.
   * @returns The steps; persons is undefined if they are fewer than 2k − 1, or none.
   * @throws {OmcpError} As {@link answer}.
   */
  async attrition(
    principal: string,
    expression: CohortExpression,
    how: AskOptions,
  ): Promise<DisclosedSteps> {
    const ledgers = await this.#open(how.signal);
    const compiled = compileAttrition(expression, this.#options(ledgers));
    // The last step first: all later questions are about its persons, and a step near it gets its number.
    const table = await this.#release(principal, ledgers, compiled, how, (cells) => cells.toReversed());
    const steps = compiled.labels.map((label, at) => {
      const cell = table.cells.find(({ keys: [step] }) => Number(step) === at);
      return { label, persons: cell?.persons, derived: cell?.derived === true };
    });
    return { steps, remaining: table.remaining, facts: table.facts };
  }

  async #release(
    principal: string,
    ledgers: LoadLedgers,
    compiled: CompiledDisclosedQuery,
    { ms, signal }: AskOptions,
    order = (cells: readonly Cell[]) => cells,
  ): Promise<DisclosedTable> {
    const account = this.#accountOf(principal);
    using _turn = await account.turn.acquire(signal);
    const ledger = account.ledger ??= await this.#ledger(principal, ledgers, ms, signal);
    const cells = order(await this.#cells(compiled, ms, signal));
    const steps = releaseTable(cells, compiled.groups.length, ledger, this.rules);
    const released = await inSlices(steps, signal);
    // Before anything is shown: after a crash, the server must still know what the caller knows.
    ledgers.append(principal, ledger.unrecorded);
    ledger.recorded();
    const names = await this.#namesOf(compiled, released.cells, signal);
    const facts = factsOf(cells, released, ledger, this.rules);
    return { query: compiled, cells: released.cells, names, remaining: ledger.remaining, facts };
  }

  async #open(signal: AbortSignal): Promise<LoadLedgers> {
    // The load is known only after the check.
    await this.#source.reader(signal);
    this.#hasUniquePersons ??= await hasUniquePersons(this.#source, signal);
    return this.#ledgers ??= this.#store.open(this.#source.load);
  }

  /** Looks up the names of the concepts that released groups have, and of no others. */
  async #namesOf({ groups }: CompiledDisclosedQuery, cells: readonly ReleasedCell[], signal: AbortSignal) {
    const ids = new Set(
      cells.flatMap(({ keys }) => keys.filter((key, at) => key !== null && groups[at]?.use === "concept")),
    );
    if (ids.size === 0) return new Map<string, string>();
    const rows = await readRows(
      this.#source,
      conceptsById([...ids].map(Number), this.#source.schema),
      signal,
    );
    return new Map(
      rows.map(conceptOf).map(({ concept_id, concept_name }) => [String(concept_id), concept_name]),
    );
  }

  #compile(
    query: DisclosedQuery,
    ledgers: LoadLedgers,
    cohort?: AskOptions["cohort"],
  ): CompiledDisclosedQuery {
    return compileDisclosedQuery(query, { ...this.#options(ledgers), cohort });
  }

  #options({ seed }: LoadLedgers): DisclosedOptions {
    const { schema, version } = this.#source;
    const hasUniquePersons = this.#hasUniquePersons === true;
    return { schema, version, seed, buckets: BUCKETS, k: this.rules.k, hasUniquePersons };
  }

  async #cells(compiled: CompiledDisclosedQuery, ms: number, signal: AbortSignal) {
    try {
      const rows = await readRows(this.#source, compiled.statement, signal, ms);
      return await inSlices(readCells(rows, compiled, this.rules), signal);
    } catch (error) {
      throw withoutValues(error);
    }
  }

  async #ledger(
    principal: string,
    ledgers: LoadLedgers,
    ms: number,
    signal: AbortSignal,
  ): Promise<Ledger> {
    const [population] = await this.#cells(this.#compile(ALL_PERSONS, ledgers), ms, signal);
    if (population === undefined || population.persons.value < leastShown(this.rules)) {
      throw new OmcpError(
        "disclosure_not_allowed",
        `This CDM has fewer than ${leastShown(this.rules)} persons`,
        { next: "Nothing of it can be released under the rules in force." },
      );
    }
    return new Ledger(this.rules, population.persons, unforeseen, ledgers.read(principal));
  }

  #accountOf(principal: string): Account {
    const known = this.#accounts.get(principal);
    if (known !== undefined) return known;
    if (this.#accounts.size >= MOST_PRINCIPALS) {
      throw new OmcpError("capacity", `The answers of ${MOST_PRINCIPALS} callers are kept already`, {
        retryable: false,
        next: "Ask the server's operator to restart it.",
      });
    }
    const account = { turn: new Semaphore(1, MOST_WAITING), ledger: undefined };
    this.#accounts.set(principal, account);
    return account;
  }
}

function factsOf(
  all: readonly Cell[],
  { cells, adjusted }: ReleasedTable,
  ledger: Ledger,
  { k }: DisclosureRules,
): DisclosureFacts {
  const hash = createHash("sha256");
  // There may be tens of thousands of cells of too few persons. They have no sketches; only their places are hashed.
  hash.update(all.map(({ persons }) => persons.value < k ? "0" : "1").join(""));
  for (const { persons, values } of all) {
    if (persons.value < k) continue;
    for (const { sketch } of [persons, ...values]) {
      hash.update(new Uint8Array(sketch.buffer, sketch.byteOffset, sketch.byteLength));
    }
  }
  // The margin over all columns has the highest level; without groups, it is the only cell.
  const [whole] = all.toSorted((a, b) => b.level - a.level);
  const decision = whole && ledger.decided(whole.persons);
  return {
    fingerprint: hash.digest("hex").slice(0, FINGERPRINT),
    persons: decision?.kind === "answer" ? decision.answer : null,
    rows: cells.length,
    withheld: all.filter(({ level }) => level === 0).length - cells.length,
    adjusted,
    derived: cells.filter(({ derived }) => derived).length,
  };
}
