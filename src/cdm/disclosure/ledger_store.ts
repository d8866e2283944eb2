/** Where callers' ledgers are kept: in memory until the server ends, or in a folder of the operator's. */
import { randomBytes } from "node:crypto";
import type { Decided } from "./decision.ts";

/** Callers whose ledgers are kept; each has at most a budget of decisions, of some KiB. */
export const MOST_PRINCIPALS = 100;

/** One load of a CDM. */
export interface CdmLoad {
  /** Which CDM; it contains no password. */
  readonly name: string;
  /** Changes when the CDM is loaded again; empty if nothing shows that. */
  readonly load: string;
}

/** The ledgers about one load of a CDM. */
export interface LoadLedgers {
  /** The secret number by which persons are hashed: sketches of two seeds cannot be compared. */
  readonly seed: bigint;
  /**
   * Reads a caller's decisions.
   *
   * @param principal Who asks.
   * @returns The oldest first.
   */
  read(principal: string): readonly Decided[];
  /**
   * Keeps further decisions: all or none, and on the disk when it returns.
   *
   * @param principal Who asks.
   * @param decisions The decisions.
   * @throws {OmcpError} `capacity` if they cannot be written.
   */
  append(principal: string, decisions: readonly Decided[]): void;
}

/** Keeps ledgers. */
export interface LedgerStore {
  /**
   * Opens the ledgers about a load of a CDM, and deletes those about an earlier load of it.
   *
   * @param load Which load.
   */
  open(load: CdmLoad): LoadLedgers;
  close(): void;
}

/**
 * Keeps nothing but a seed: the callers' ledgers are in memory anyway. A server that starts again has forgotten them.
 */
export function memoryLedgers(): LedgerStore {
  return {
    open: () => ({ seed: newSeed(), read: () => [], append: () => {} }),
    close: () => {},
  };
}

/** A signed 64-bit number. */
export function newSeed(): bigint {
  return randomBytes(8).readBigInt64BE();
}
