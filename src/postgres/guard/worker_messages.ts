import * as z from "zod";
import type { ForwardCommand, GuardPolicy } from "./types.ts";

const PolicySchema: z.ZodType<GuardPolicy> = z.object({
  cdmSchema: z.string(),
  relations: z.set(z.string()),
  columns: z.set(z.string()).exactOptional(),
  extraFunctions: z.array(z.string()).exactOptional(),
  rowFunctions: z.set(z.string()).exactOptional(),
  veiled: z.set(z.string()).exactOptional(),
  snapshots: z.boolean().exactOptional(),
  timeLimits: z.map(z.string(), z.number()).exactOptional(),
});

/** What the worker is told. */
export const RequestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), policy: PolicySchema }),
  z.object({ type: z.literal("plan"), sql: z.string(), protocol: z.enum(["simple", "extended"]) }),
]);

const COMMANDS = [
  "begin",
  "close",
  "commit",
  "copy_out",
  "deallocate",
  "declare",
  "discard",
  "execute",
  "explain",
  "export_snapshot",
  "fetch",
  "import_snapshot",
  "prepare",
  "release",
  "reset",
  "rollback",
  "rollback_to",
  "savepoint",
  "select",
  "set",
  "show",
  "unlisten",
] as const satisfies readonly ForwardCommand[];

const PlanSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("forward"),
    sql: z.string(),
    command: z.enum(COMMANDS),
    places: z.array(z.tuple([z.number(), z.number()]).readonly()).readonly(),
    changesSettings: z.literal(true).exactOptional(),
    estimated: z.string().exactOptional(),
    normalized: z.string(),
    argument: z.string().exactOptional(),
    executes: z.string().exactOptional(),
  }),
  z.object({
    kind: z.literal("refuse"),
    sqlstate: z.string(),
    message: z.string(),
    hint: z.string().exactOptional(),
    position: z.number().exactOptional(),
    normalized: z.string().nullable(),
  }),
]);

/** What the worker answers; after `failed` its parser is in an unknown state. */
export const ReplySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("planned"), plans: z.array(PlanSchema) }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
]);

/** A request to the worker. */
export type WorkerRequest = z.infer<typeof RequestSchema>;

/** An answer of the worker. */
export type WorkerReply = z.infer<typeof ReplySchema>;
