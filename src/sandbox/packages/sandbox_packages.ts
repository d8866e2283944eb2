/** The packages of one sandbox: what calls have asked for, and what is installed. One installation runs at a time. */
import { addAbortListener } from "node:events";
import { StreamResetError } from "../../agent_protocol/mod.ts";
import { OmcpError } from "../../errors.ts";
import { Semaphore } from "../../lib/async/semaphore.ts";
import type { AgentContainer } from "../../runtime/mod.ts";
import { MAX_RUNNING_EXECUTIONS } from "../executions/execution_spec.ts";
import type { Lifetime } from "../lifetime.ts";
import { Installation } from "./installation.ts";
import type { Requirement } from "./requirement.ts";

/** Most requirements of all installations of a sandbox together. */
const MAX_REQUIREMENTS = 200;

/** What a sandbox has, as far as the server knows. */
export interface PackageState {
  /** All that was asked for, in canonical form: name → requirement. */
  readonly requirements: ReadonlyMap<string, string>;
  /** What installations put there: name → version. */
  readonly versions: ReadonlyMap<string, string>;
}

/** The packages of one sandbox. */
export class SandboxPackages {
  readonly #lifetime: Lifetime;
  readonly #container: Pick<AgentContainer, "channel">;
  readonly #semaphore = new Semaphore(1, MAX_RUNNING_EXECUTIONS);
  #state: PackageState = { requirements: new Map(), versions: new Map() };

  /**
   * Begins without packages.
   *
   * @param lifetime The sandbox's.
   * @param container Its container.
   */
  constructor(lifetime: Lifetime, container: Pick<AgentContainer, "channel">) {
    this.#lifetime = lifetime;
    this.#container = container;
  }

  /** Whether an installation runs or waits. */
  get busy(): boolean {
    return this.#semaphore.busy;
  }

  /**
   * Runs an installation after earlier ones have ended.
   *
   * @param wanted What is asked for: it replaces earlier requirements of the same name.
   * @param signal Ends the wait, and cuts the installer off.
   * @param work Gets the installer, all requirements, and the versions that are installed and still there; returns the versions after it.
   * @throws {OmcpError} `sandbox_lost`, `sandbox_not_found`, `capacity`, the signal's reason, or what `work` throws.
   */
  async install<T extends { readonly versions: ReadonlyMap<string, string> }>(
    wanted: readonly Requirement[],
    signal: AbortSignal,
    work: (installation: Installation, state: PackageState) => Promise<T>,
  ): Promise<T> {
    this.#lifetime.throwIfEnded();
    using _permit = await this.#semaphore.acquire(signal);
    this.#lifetime.throwIfEnded();
    const installation = new Installation(await this.#container.channel.openStream("packages", signal));
    using _cutOff = addAbortListener(signal, () => installation.close());
    let begun = false;
    try {
      const present = await installation.present();
      begun = true;
      const state = this.#next(wanted, present);
      const result = await work(installation, state);
      this.#state = { requirements: state.requirements, versions: result.versions };
      return result;
    } catch (error) {
      this.#lifetime.throwIfEnded();
      if (!(error instanceof StreamResetError)) throw error;
      throw new OmcpError(
        "package_failed",
        `Cannot install: ${
          begun ? "the sandbox's installer ended early" : "the sandbox's agent could not start an installer"
        }: ${error.message}`,
        {
          state: begun ? "Packages may be installed in part." : "Nothing was installed.",
          next: begun
            ? "Try again once; lack of memory, or a cell that ends other processes, can end an installer."
            : "Try again; a sandbox that has as many processes as it may have cannot start one.",
          cause: error,
        },
      );
    } finally {
      installation.close();
      this.#lifetime.touch();
    }
  }

  /** Adds the new requirements. Of the versions that the sandbox reports, it trusts only those that the server installed: its code can forge the rest. */
  #next(wanted: readonly Requirement[], present: ReadonlyMap<string, string>): PackageState {
    const versions = [...this.#state.versions].filter(([name, version]) => present.get(name) === version);
    const requirements = new Map([
      ...this.#state.requirements,
      ...wanted.map(({ name, text }) => [name, text] as const),
    ]);
    if (requirements.size > MAX_REQUIREMENTS) {
      throw new OmcpError("invalid_argument", `A sandbox takes at most ${MAX_REQUIREMENTS} requirements`, {
        state: "Nothing was installed.",
        next: "Install into a new sandbox.",
      });
    }
    return { requirements, versions: new Map(versions) };
  }
}
