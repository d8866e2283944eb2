import * as z from "zod";
import { OutlineSchema } from "./outline_schema.ts";
import { PlanSchema } from "./statement_plan.ts";
import type { GuardPolicy } from "./types.ts";

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

/** Requests to the worker. */
export const RequestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), policy: PolicySchema }),
  z.object({ type: z.literal("plan"), sql: z.string(), protocol: z.enum(["simple", "extended"]) }),
  z.object({ type: z.literal("outline"), sql: z.string() }),
]);

/** What the worker answers; after `failed` its parser is in an unknown state. */
export const ReplySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  // `heapBytes` is the memory that the worker's own heap takes from the system.
  z.object({ type: z.literal("planned"), plans: z.array(PlanSchema), heapBytes: z.number() }),
  z.object({ type: z.literal("outlined"), outline: OutlineSchema.nullable(), heapBytes: z.number() }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
]);

/** A request to the worker. */
export type WorkerRequest = z.infer<typeof RequestSchema>;

/** An answer of the worker. */
export type WorkerReply = z.infer<typeof ReplySchema>;
