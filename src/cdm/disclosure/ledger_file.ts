/**
 * Ledgers in a file. SQLite writes a table's decisions all or not at all, whenever the process ends, and locks the file for one server.
 * The file has the seed, and sketches from which, with the seed and the persons' ids, sets of persons could be computed. Only somebody
 * who can read the database has these ids; for anybody else the file has random numbers. So it is not encrypted with a key that would
 * have to lie beside it, but readable by its owner only.
 */
import { Buffer } from "node:buffer";
import { closeSync, constants, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod";
import { OmcpError } from "../../errors.ts";
import { errorMessage } from "../../lib/error_message.ts";
import type { Decided, Decision } from "./decision.ts";
import {
  type CdmLoad,
  type LedgerStore,
  type LoadLedgers,
  MOST_PRINCIPALS,
  newSeed,
} from "./ledger_store.ts";
import { NOT_RELEASED } from "./not_released.ts";
import { BUCKETS } from "./sketch.ts";

/** The file in the folder. */
export const LEDGER_FILE = "ledger.sqlite";

/** Must change with the tables, the number of buckets, and the way in which persons are hashed. */
const FORMAT = 4;
const OWNER_ONLY = 0o600;

const TABLES = `
create table if not exists cdm (id integer primary key, name text unique not null, load text not null, seed text not null);
create table if not exists decision (
  id integer primary key, cdm integer not null references cdm on delete cascade, principal text not null,
  kind text not null, answer real, persons integer, sketch blob not null, counts blob, echo_of integer);
create index if not exists decision_of on decision (cdm, principal);
pragma user_version = ${FORMAT}`;

const cdmSchema = z.object({ id: z.number(), load: z.string(), seed: z.string().transform(BigInt) });
const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const decisionSchema = z.object({
  kind: z.enum(["withheld", "answer", "derived"]),
  answer: z.number().nullable(),
  persons: z.number().nullable(),
  sketch: bytesSchema,
  counts: bytesSchema.nullable(),
  echo_of: z.int().min(-1).nullable(),
});

/** Keeps ledgers in a file of a folder. */
export class LedgerFile implements LedgerStore {
  readonly #database: DatabaseSync;

  /**
   * Opens the file, which is created with mode 0600, and locks it until {@link close} or the process's end.
   *
   * @param folder An absolute path of a folder that exists.
   * @throws {OmcpError} `config_invalid` if the file cannot be used, or another server uses it.
   */
  constructor(folder: string) {
    const path = `${folder}/${LEDGER_FILE}`;
    try {
      // SQLite would create it for everybody to read.
      closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, OWNER_ONLY));
      this.#database = opened(path);
    } catch (cause) {
      const isLocked = /database is locked/.test(errorMessage(cause));
      throw new OmcpError(
        "config_invalid",
        isLocked
          ? `Another server uses the ledger in ${folder}`
          : `Cannot use the ledger ${path}: ${errorMessage(cause)}`,
        {
          state: "The ledger is untouched.",
          next: isLocked
            ? "Give each server a folder of its own in OMCP_DISCLOSURE_FOLDER, or end the other one."
            : "Name a folder in OMCP_DISCLOSURE_FOLDER that exists and that this user may read and write, and allow it with --allow-read and --allow-write. A damaged ledger must be restored from a copy, or removed: then callers can ask everything again.",
          cause,
        },
      );
    }
  }

  /** @inheritdoc */
  open({ name, load }: CdmLoad): LoadLedgers {
    const database = this.#database;
    const found = database.prepare("select id, load, seed from cdm where name = ?").get(name);
    const known = found === undefined ? undefined : cdmSchema.parse(found);
    if (known !== undefined && known.load === load) return this.#ledgers(known.id, known.seed);
    const seed = newSeed();
    database.exec("pragma foreign_keys = on");
    database.prepare("delete from cdm where name = ?").run(name);
    const { lastInsertRowid } = database.prepare("insert into cdm (name, load, seed) values (?, ?, ?)")
      .run(name, load, String(seed));
    return this.#ledgers(Number(lastInsertRowid), seed);
  }

  /** @inheritdoc */
  close(): void {
    this.#database.close();
  }

  #ledgers(cdm: number, seed: bigint): LoadLedgers {
    const database = this.#database;
    const insert = database.prepare(
      "insert into decision (cdm, principal, kind, answer, persons, sketch, counts, echo_of) values (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    const select = database.prepare(
      "select kind, answer, persons, sketch, counts, echo_of from decision where cdm = ? and principal = ? order by id",
    );
    const others = database.prepare(
      "select count(distinct principal) as n from decision where cdm = ? and principal <> ?",
    );
    return {
      seed,
      read: (principal) => select.all(cdm, principal).map((row) => decidedOf(decisionSchema.parse(row))),
      append: (principal, decisions) => {
        try {
          const { n } = z.object({ n: z.number() }).parse(others.get(cdm, principal));
          if (n >= MOST_PRINCIPALS) throw new Error(`it has the answers of ${n} other callers`);
          database.exec("begin");
          for (const decided of decisions) insert.run(cdm, principal, ...rowOf(decided));
          database.exec("commit");
        } catch (cause) {
          if (database.isTransaction) database.exec("rollback");
          throw new OmcpError("capacity", `Cannot record what is released: ${errorMessage(cause)}`, {
            state: NOT_RELEASED,
            next: "This is for the server's operator: the folder of OMCP_DISCLOSURE_FOLDER needs room.",
            cause,
          });
        }
      },
    };
  }
}

/** Opens and locks the file, and creates its tables. */
function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("pragma locking_mode = exclusive; pragma synchronous = full; begin exclusive");
    const { user_version } = z.object({ user_version: z.number() })
      .parse(database.prepare("pragma user_version").get());
    if (user_version !== 0 && user_version !== FORMAT) {
      throw new Error(`it has format ${user_version}, and this program writes ${FORMAT}`);
    }
    database.exec(`${TABLES}; commit`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

type DecisionRow = z.infer<typeof decisionSchema>;

function decidedOf({ kind, answer, persons, sketch, counts, echo_of: echoOf }: DecisionRow): Decided {
  const decision: Decision = kind === "withheld" || answer === null
    ? { kind: "withheld" }
    : { kind: "answer", answer, derived: kind === "derived" };
  const numbers = new Float64Array(new Uint8Array(inflated(sketch, 8 * BUCKETS)).buffer);
  if (persons === null || counts === null) {
    return { sketch: numbers, decision, echoOf: echoOf ?? undefined };
  }
  return {
    sketch: numbers,
    decision,
    small: { persons, counts: new Uint8ClampedArray(inflated(counts, BUCKETS)) },
  };
}

/** Exactly as many bytes as a sketch has: a damaged file must not be taken for another sketch. */
function inflated(bytes: Uint8Array, length: number): Buffer {
  const all = inflateRawSync(bytes, { maxOutputLength: length });
  if (all.length !== length) throw new RangeError(`A sketch in the ledger has ${all.length} bytes`);
  return all;
}

function rowOf({ sketch, decision, small, echoOf }: Decided) {
  const kind = decision.kind === "withheld" ? "withheld" : decision.derived ? "derived" : "answer";
  return [
    kind,
    decision.kind === "withheld" ? null : decision.answer,
    small?.persons ?? null,
    deflateRawSync(new Uint8Array(sketch.buffer, sketch.byteOffset, sketch.byteLength)),
    small === undefined ? null : deflateRawSync(small.counts),
    echoOf ?? null,
  ] as const;
}
