import * as z from "zod";
import { VERSION } from "../../version.ts";
import { EXECUTION_DEADLINES } from "./deadlines.ts";

/** What both modes have, by its names on the wire. */
export interface CommonBootConfig {
  /** Of this server, which sends the agent's modules. */
  readonly version: string;
  /** Seconds without a frame of a server after which the agent ends itself. */
  readonly lease_seconds: number;
  /** What the server offers streams to. */
  readonly services: readonly string[];
  /** Where the agent listens for database connections. @default "/run/postgresql" */
  readonly postgres_socket_directory?: string;
}

/** The boot configuration of a sandbox's agent. */
export interface SandboxBootConfig extends CommonBootConfig {
  /** It runs kernels. */
  readonly mode: "sandbox";
  /** How kernels are made and ended. */
  readonly kernel: {
    /** Modules that kernels have imported. */
    readonly preload: readonly string[];
    /** Times of {@link EXECUTION_DEADLINES}. */
    readonly second_interrupt_ms: number;
    readonly kill_ms: number;
    readonly clear_ms: number;
  };
}

/** The boot configuration of a database container's agent. Paths are absolute. */
export interface DatabaseBootConfig extends CommonBootConfig {
  /** It runs Postgres. */
  readonly mode: "database";
  /** Where Postgres has its data. */
  readonly database: {
    /** Copied where there are no data yet. */
    readonly template: string | null;
    readonly data: string;
    /** A file that one agent at a time locks. */
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

/** What an agent accepts as its boot configuration. */
export const bootConfigSchema: z.ZodType<BootConfig> = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("sandbox"), ...common, kernel: kernelSchema }),
  z.strictObject({ mode: z.literal("database"), ...common, database: databaseSchema }),
]);

/**
 * The boot configuration of a sandbox.
 *
 * @param options Seconds that the agent lives without a server; what the server offers streams to; modules that kernels have imported.
 */
export function sandboxBootConfig(
  { leaseSeconds, services = [], preload = [] }: {
    readonly leaseSeconds: number;
    readonly services?: readonly string[];
    readonly preload?: readonly string[];
  },
): SandboxBootConfig {
  return {
    mode: "sandbox",
    version: VERSION,
    lease_seconds: leaseSeconds,
    services,
    kernel: {
      preload,
      second_interrupt_ms: EXECUTION_DEADLINES.secondInterruptMs,
      kill_ms: EXECUTION_DEADLINES.killMs,
      clear_ms: EXECUTION_DEADLINES.clearMs,
    },
  };
}

/**
 * The boot configuration of a database container.
 *
 * @param options Seconds that the agent lives without a server; where Postgres has its data (absolute paths); its settings.
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
    version: VERSION,
    lease_seconds: leaseSeconds,
    services: [],
    database: { template, data, lock, settings },
  };
}
