import * as z from "zod";
import { agentVersion } from "./agent_version.ts";
import { EXECUTION_DEADLINES } from "./deadlines.ts";

/** The fields of both modes, by their names on the wire. */
export interface CommonBootConfig {
  /** The agent's version, see {@link agentVersion}. */
  readonly version: string;
  /** The agent exits after this many seconds without a frame from a server. */
  readonly lease_seconds: number;
  /** The services that the agent may open streams to. */
  readonly services: readonly string[];
  /** Where the agent listens for database connections. @default "/run/postgresql" */
  readonly postgres_socket_directory?: string;
}

/** The boot configuration of a sandbox's agent. */
export interface SandboxBootConfig extends CommonBootConfig {
  /** The agent runs kernels. */
  readonly mode: "sandbox";
  /** How the agent starts and ends kernels. */
  readonly kernel: {
    /** Modules that are imported before a kernel's first cell. */
    readonly preload: readonly string[];
    /** Whether their import waits for the request `preload`. @default false */
    readonly preload_waits?: boolean;
    /** From {@link EXECUTION_DEADLINES}. */
    readonly second_interrupt_ms: number;
    readonly kill_ms: number;
    readonly clear_ms: number;
  };
}

/** The boot configuration of a database container's agent. Paths are absolute. */
export interface DatabaseBootConfig extends CommonBootConfig {
  /** The agent runs Postgres. */
  readonly mode: "database";
  /** Postgres's folders and settings. */
  readonly database: {
    /** A data folder that is copied to `data` if that is empty. */
    readonly template: string | null;
    readonly data: string;
    /** A file that the agent locks, so that one agent at a time uses the data. */
    readonly lock: string | null;
    /** Postgres's settings, by name. */
    readonly settings: Readonly<Record<string, string>>;
    /** Where Postgres listens. @default "/run/postgresql" */
    readonly socket_directory?: string;
  };
}

/** A boot configuration. */
export type BootConfig = SandboxBootConfig | DatabaseBootConfig;

const path = z.string().max(4096);
const graceMs = z.int().min(0).max(60_000);
const common = {
  version: z.string().max(100),
  lease_seconds: z.number().positive().max(86_400),
  services: z.array(z.string()).readonly(),
  postgres_socket_directory: z.string().max(100).exactOptional(),
};
const kernelSchema = z.strictObject({
  preload: z.array(z.string()).readonly(),
  preload_waits: z.boolean().exactOptional(),
  second_interrupt_ms: graceMs,
  kill_ms: graceMs,
  clear_ms: graceMs,
}).refine(({ second_interrupt_ms, kill_ms }) => second_interrupt_ms <= kill_ms);
const databaseSchema = z.strictObject({
  template: path.nullable(),
  data: path,
  lock: path.nullable(),
  settings: z.record(z.string(), z.string().max(1000)).readonly(),
  socket_directory: z.string().max(100).exactOptional(),
});

/** The schema of a boot configuration. */
export const bootConfigSchema: z.ZodType<BootConfig> = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("sandbox"), ...common, kernel: kernelSchema }),
  z.strictObject({ mode: z.literal("database"), ...common, database: databaseSchema }),
]);

/**
 * Makes the boot configuration of a sandbox.
 *
 * @param options Seconds that the agent lives without a server; services to which the agent may open streams; modules to import before a kernel's
 * first cell. They are imported at once, or with `preloadWaits` at the request `preload`.
 */
export function sandboxBootConfig(
  { leaseSeconds, services = [], preload = [], preloadWaits = false }: {
    readonly leaseSeconds: number;
    readonly services?: readonly string[];
    readonly preload?: readonly string[];
    readonly preloadWaits?: boolean;
  },
): SandboxBootConfig {
  return {
    mode: "sandbox",
    version: agentVersion(),
    lease_seconds: leaseSeconds,
    services,
    kernel: {
      preload,
      preload_waits: preloadWaits,
      second_interrupt_ms: EXECUTION_DEADLINES.secondInterruptMs,
      kill_ms: EXECUTION_DEADLINES.killMs,
      clear_ms: EXECUTION_DEADLINES.clearMs,
    },
  };
}

/**
 * Makes the boot configuration of a database container.
 *
 * @param options Seconds that the agent lives without a server; Postgres's folders (absolute paths) and settings.
 */
export function databaseBootConfig(
  { leaseSeconds, template, data, lock, settings }: {
    readonly leaseSeconds: number;
    readonly template: string;
    readonly data: string;
    readonly lock: string;
    readonly settings: Readonly<Record<string, string>>;
  },
): DatabaseBootConfig {
  return {
    mode: "database",
    version: agentVersion(),
    lease_seconds: leaseSeconds,
    services: [],
    database: { template, data, lock, settings },
  };
}
