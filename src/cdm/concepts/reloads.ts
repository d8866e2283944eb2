/** Notices that the CDM has been loaded again, so that nothing of the load before is shown as if it were of this one. */
import { cdmRevision } from "../../omop/concepts/mod.ts";
import { type ConceptSource, readRows } from "./source.ts";

/** Within this time after a check a call does not check again, in ms. */
const TRUSTED_MS = 30_000;
/** How long a check may take, in ms. */
const CHECK_MS = 2_000;

/** Checks the revision of a CDM. */
export class Reloads {
  readonly #source: ConceptSource;
  readonly #onReload: () => void;
  readonly #trustedMs: number;
  #revision: string | undefined;
  #checked = -Infinity;
  #checking: Promise<void> | undefined;

  /**
   * @param source The database.
   * @param onReload Called where the CDM is another one than at the check before.
   * @param trustedMs Within how many milliseconds after a check none is needed. @default 30,000
   */
  constructor(source: ConceptSource, onReload: () => void, trustedMs: number = TRUSTED_MS) {
    this.#source = source;
    this.#onReload = onReload;
    this.#trustedMs = trustedMs;
  }

  /**
   * Checks, unless that was done a moment ago. Calls of the same time share a check.
   *
   * @param signal The call's.
   */
  async check(signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#checked < this.#trustedMs) return;
    await (this.#checking ??= this.#check(signal).finally(() => this.#checking = undefined));
  }

  async #check(signal: AbortSignal): Promise<void> {
    const { schema, relations } = this.#source;
    // Without an answer, what is known counts as being of this load: the call's own statements report what is wrong with the database.
    const rows = await readRows(this.#source, cdmRevision(schema, relations), signal, CHECK_MS).catch(
      () => [],
    );
    const revision = rows[0]?.[0] ?? undefined;
    if (revision === undefined) return;
    this.#checked = performance.now();
    const before = this.#revision;
    this.#revision = revision;
    if (before !== undefined && before !== revision) this.#onReload();
  }
}
