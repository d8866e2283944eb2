import { randomBytes } from "node:crypto";
import { OmcpError } from "../../errors.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import { conceptOf, conceptsById } from "../../omop/concepts/mod.ts";
import {
  type CompiledDisclosedQuery,
  compileDisclosedQuery,
  type DisclosedQuery,
} from "../../omop/disclosed/mod.ts";
import { type ConceptSource, readRows } from "../concepts/source.ts";
import { readCells } from "./cells.ts";
import { Ledger } from "./ledger.ts";
import { type ReleasedCell, releaseTable } from "./release.ts";
import type { DisclosureRules } from "./rules.ts";
import { BUCKETS } from "./sketch.ts";

/** The numbers of a query that may be shown. */
export interface DisclosedTable {
  readonly query: CompiledDisclosedQuery;
  readonly cells: readonly ReleasedCell[];
  /** The names of concepts that the groups have, by id. */
  readonly names: ReadonlyMap<string, string>;
  /** Numbers that the caller may still learn. */
  readonly remaining: number;
}

/** Principals whose ledgers are kept, and calls of one that wait. */
const MOST_PRINCIPALS = 100;
const MOST_WAITING = 20;
const ALL_PERSONS: DisclosedQuery = { table: "person", limit: 1 };

interface Account {
  readonly turn: Semaphore;
  ledger: Ledger | undefined;
}

/** Answers queries of callers who may not see rows, and remembers each caller's answers until the server ends. */
export class Disclosure {
  readonly rules: DisclosureRules;
  readonly #source: ConceptSource;
  readonly #seed = randomBytes(8).readBigInt64BE();
  readonly #accounts = new Map<string, Account>();

  /**
   * @param source The database.
   * @param rules The rules in force.
   */
  constructor(source: ConceptSource, rules: DisclosureRules) {
    this.#source = source;
    this.rules = rules;
  }

  /**
   * Answers a query. A caller's queries are answered one after the other: each depends on the answers before.
   *
   * @param principal Who asks.
   * @param query The query.
   * @param how Milliseconds that the database has, and the end of the call.
   * @throws {OmcpError} `invalid_argument`, `disclosure_not_allowed`, `database_refused`, `database_unavailable`, `timeout`.
   */
  async answer(
    principal: string,
    query: DisclosedQuery,
    { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
  ): Promise<DisclosedTable> {
    const compiled = this.#compile(query);
    const account = this.#accountOf(principal);
    using _turn = await account.turn.acquire(signal);
    const ledger = account.ledger ??= await this.#open(ms, signal);
    const cells = await this.#cells(compiled, ms, signal);
    const released = await releaseTable(
      cells,
      compiled.groups.length,
      ledger,
      this.rules,
      signal,
    );
    const names = await this.#namesOf(compiled, released, signal);
    return { query: compiled, cells: released, names, remaining: ledger.remaining };
  }

  /** Of released groups only. */
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

  #compile(query: DisclosedQuery): CompiledDisclosedQuery {
    const { schema, version } = this.#source;
    return compileDisclosedQuery(query, {
      schema,
      version,
      seed: this.#seed,
      buckets: BUCKETS,
      k: this.rules.k,
    });
  }

  async #cells(compiled: CompiledDisclosedQuery, ms: number, signal: AbortSignal) {
    try {
      return readCells(await readRows(this.#source, compiled.statement, signal, ms), compiled);
    } catch (error) {
      throw withoutValues(error);
    }
  }

  async #open(ms: number, signal: AbortSignal): Promise<Ledger> {
    const [population] = await this.#cells(this.#compile(ALL_PERSONS), ms, signal);
    if (population === undefined || population.persons.value < this.rules.k) {
      throw new OmcpError("disclosure_not_allowed", `This CDM has fewer than ${this.rules.k} persons`, {
        next: "Nothing of it can be released under the rules in force.",
      });
    }
    return new Ledger(this.rules, population.persons, unforeseen);
  }

  #accountOf(principal: string): Account {
    const known = this.#accounts.get(principal);
    if (known !== undefined) return known;
    if (this.#accounts.size >= MOST_PRINCIPALS) {
      throw new OmcpError("capacity", `The answers of ${MOST_PRINCIPALS} callers are kept already`, {
        next: "Ask the server's operator to restart it.",
      });
    }
    const account = { turn: new Semaphore(1, MOST_WAITING), ledger: undefined };
    this.#accounts.set(principal, account);
    return account;
  }
}

/** The database's own message can contain a value of a row. */
function withoutValues(error: unknown): unknown {
  if (!(error instanceof OmcpError) || error.code !== "database_refused") return error;
  const { sqlstate } = error.details;
  return new OmcpError("database_refused", "The database could not compute the query", {
    state: "Nothing was released.",
    next: "Ask for fewer groups or narrower filters.",
    ...(sqlstate === undefined ? {} : { details: { sqlstate } }),
  });
}

/** A number from 0 to below 1 that nobody can foresee. */
function unforeseen(): number {
  return randomBytes(4).readUInt32BE() / 2 ** 32;
}
