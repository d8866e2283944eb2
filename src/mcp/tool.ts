/** A tool: its definition, a pure function, and its handler, which gets its services as an argument. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type * as z from "zod";
import type { Disclosure } from "../cdm/disclosure/mod.ts";
import type { ExchangeFolder } from "../exchange/mod.ts";
import type { CdmAnalyses, DisclosedAnalyses } from "../cdm/analyses/mod.ts";
import type { CdmCohorts } from "../cdm/cohorts/mod.ts";
import type { CdmConcepts } from "../cdm/concepts/mod.ts";
import type { CdmDescription } from "../cdm/description/description.ts";
import type { CdmVersion } from "../omop/cdm/mod.ts";
import type { AuditLog, MoreFacts } from "../observability/audit.ts";
import type { SqlScope } from "../lib/sql_outline.ts";
import type { Packages, SandboxManager } from "../sandbox/mod.ts";
import { argumentError } from "../lib/argument_error.ts";
import { lenientInput, renamedArguments } from "./lenient_input.ts";
import type { Principal } from "./principal.ts";
import type { Toolset } from "./toolsets.ts";
import type { DisclosureMode } from "./server_scope.ts";
import type { QuotedSettings, ToolVariant } from "./variant.ts";

/** MCP's tool annotations. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** What clients see of a tool, and how its arguments are checked. */
export interface ToolDefinition<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly annotations: ToolAnnotations;
  readonly input: Input;
  /** Earlier names of arguments, which are still understood: old name → name. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** Says what to use in place of an argument, or of a field such as `aggregates.as`, that does not exist; the name is in lower case. */
  readonly unknownArgument?: (name: string) => string | undefined;
}

/** The sandboxes, as far as tools need them. */
export type SandboxService = Pick<
  SandboxManager,
  "create" | "get" | "list" | "pool" | "timeLeft" | "remove" | "executions" | "findExecution"
>;

/** Installations into sandboxes, as far as tools need them. */
export type PackageService = Pick<Packages, "check" | "install">;

/** The configured database, as far as tools need it. */
export interface CdmService {
  readonly version: CdmVersion;
  readonly schema: string;
  readonly concepts: CdmConcepts;
  /** The cohorts that callers have defined. */
  readonly cohorts: CdmCohorts;
  readonly description: CdmDescription;
  /** Computes statistics of them. */
  readonly analyses: CdmAnalyses;
  /** Whether the server has not found the database yet. */
  readonly away: boolean;
  /** What aggregates may leave the database; undefined if rows may. */
  readonly disclosure: Disclosure | undefined;
  /** Analyses whose numbers may leave it; undefined if rows may. */
  readonly disclosedAnalyses: DisclosedAnalyses | undefined;
  /** Finds the CDM's version unless it has been found; throws an error that says why it cannot. */
  look(signal?: AbortSignal): Promise<void>;
  /** Outlines a statement of an owner's, for the lint; undefined if that cannot be done. */
  outline(sql: string, owner: string, signal: AbortSignal): Promise<readonly SqlScope[] | undefined>;
  /** Resolves when the database can be used; rejects with the cause otherwise, which code in a sandbox must not see. */
  ready(signal: AbortSignal): Promise<unknown>;
}

/** Limits of a call. */
export interface ToolLimits {
  /** How long a call waits for its execution. */
  readonly waitMs: number;
  readonly cellTimeoutMs: number;
  readonly cellTimeoutMaxMs: number;
  /** Characters of a cell's output in its result. */
  readonly outputBytes: number;
  readonly queryMs: number;
  /** The size of /workspace. */
  readonly workspaceBytes: number;
}

/** What handlers work with. */
export interface ToolServices {
  readonly sandboxes: SandboxService;
  /** Undefined if no database is configured. */
  readonly cdm: CdmService | undefined;
  /** Whether the server offers tools for the database. @default true */
  readonly hasOmopTools?: boolean;
  /** Undefined if nothing may be installed. */
  readonly packages: PackageService | undefined;
  /** Undefined if no exchange folder is configured. */
  readonly exchange?: ExchangeFolder | undefined;
  readonly limits: ToolLimits;
  readonly audit: Pick<AuditLog, "execution">;
  /** Resolves when the sandboxes of an earlier server can be found, after a bounded time; absent if there are none. */
  readonly settled?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

/** Facts for the log line of a call. */
export interface CallFacts {
  /** The sandbox that the call created. */
  readonly sandbox?: string;
  /** The execution that it started. */
  readonly execution?: string;
  /** The state of the execution that it started or is about. */
  readonly status?: string;
}

/** Reports on a running call. */
export interface CallReport {
  /** Aborted when the client cancels or disconnects. */
  readonly signal: AbortSignal;
  /** Sets the message of the next progress notification; does nothing where the client asked for none. */
  progress(message: string): void;
  /** Names the call's time limit, in ms, in later progress notifications. */
  limit(ms: number): void;
}

/** One call of a tool, besides its input. */
export interface ToolContext extends CallReport {
  readonly principal: Principal;
  readonly services: ToolServices;
  /** Adds facts to the call's log line. */
  note(facts: CallFacts): void;
}

/** What a tool's file exports, as {@link defineTool} takes it. */
export interface ToolModule<Input extends z.ZodObject> {
  readonly toolset: Toolset;
  /** The mode in which it is offered. @default every mode */
  readonly disclosure?: DisclosureMode;
  /** Pure: the same arguments give the same definition. */
  define(variant: ToolVariant, settings: QuotedSettings): ToolDefinition<Input>;
  /**
   * @param input The validated input.
   * @param context The caller, the services, the call's signal and progress.
   * @throws {OmcpError} Becomes a tool error that the model can act on.
   */
  handle(input: z.output<Input>, context: ToolContext): Promise<CallToolResult>;
  /**
   * The same answer as JSON, for code in a sandbox (`code_calls/`, the Python package `omcp`). It reads only. Without it, code cannot call
   * the tool. Its `notes` are lines that a model must see.
   *
   * @param input As {@link handle} gets it; a `sandbox_id` is that of the code's own sandbox.
   * @param context As {@link handle} gets it, and what the code found.
   * @throws {OmcpError} As {@link handle}.
   */
  data?(input: z.output<Input>, context: CodeContext): Promise<ToolData>;
}

/** One call by code in a sandbox. */
export interface CodeContext extends ToolContext {
  /** Whether the code has run the SQL of an earlier answer. */
  readonly ran: boolean;
  /** Whether it has, and found no rows: then the notes say why that may be. */
  readonly empty: boolean;
  /** Further fields of the call's line in the audit. */
  readonly audit: MoreFacts;
}

/** A tool's answer as JSON. */
export type ToolData = Readonly<Record<string, unknown>>;

/** A tool that a server offers: its definition, and its handler behind the check of its arguments. */
export interface OfferedTool extends ToolDefinition {
  /**
   * @param given The arguments as the client sent them.
   * @param context See {@link ToolContext}.
   * @throws {OmcpError} `invalid_argument`, or what the handler throws.
   */
  call(given: unknown, context: ToolContext): Promise<CallToolResult>;
  /** The same for code in a sandbox, see {@link ToolModule.data}; undefined if code cannot call the tool. */
  readonly data: ((given: unknown, context: CodeContext) => Promise<ToolData>) | undefined;
}

/** A tool, for any variant of a server. */
export interface Tool {
  readonly toolset: Toolset;
  /** The mode in which it is offered; undefined: every mode. */
  readonly disclosure: DisclosureMode | undefined;
  /** The tool as a server of this variant offers it. Pure. */
  offer(variant: ToolVariant, settings: QuotedSettings): OfferedTool;
}

/**
 * Creates a tool that validates its own input. The protocol's library would do that as well, but its messages have no code and do
 * not say what is allowed.
 *
 * @param module The definition and the handler.
 */
export function defineTool<Input extends z.ZodObject>(module: ToolModule<Input>): Tool {
  return {
    toolset: module.toolset,
    disclosure: module.disclosure,
    offer: (variant, settings) => {
      const definition = module.define(variant, settings);
      const { input: schema, renamed = {} } = definition;
      function checked(given: unknown): z.output<Input> {
        const input = lenientInput(schema, renamedArguments(given, renamed));
        const parsed = schema.safeParse(input);
        if (!parsed.success) throw argumentError(parsed.error, { ...definition, schema, input });
        return parsed.data;
      }
      return {
        ...definition,
        call: async (given, context) => await module.handle(checked(given), context),
        data: module.data && (async (given, context) => await module.data?.(checked(given), context) ?? {}),
      };
    },
  };
}
