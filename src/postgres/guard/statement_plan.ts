/** What becomes of one statement. The guard's worker makes plans; the server checks their shape and acts on them. */
import * as z from "zod";

const COMMANDS = [
  "begin",
  "close",
  "commit",
  "copy_out",
  "deallocate",
  "declare",
  "discard",
  // The command that the broker gives a text without a statement.
  "empty",
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
] as const;

/** The kinds of statements that are let through; the broker handles some of them itself. */
export const forwardCommandSchema: z.ZodEnum<{ readonly [Name in ForwardCommand]: Name }> = z.enum(COMMANDS);

const ForwardSchema = z.object({
  kind: z.literal("forward"),
  /** The text to send; it may differ from what the client wrote. */
  sql: z.string(),
  command: forwardCommandSchema,
  /** Where its parts are in the client's text. */
  places: z.array(z.tuple([z.number(), z.number()]).readonly()).readonly(),
  /** Set if it may change settings: what follows must wait until the server has answered. */
  changesSettings: z.literal(true).exactOptional(),
  /** The query that it runs, where the broker estimates its cost before it sends it. */
  estimated: z.string().exactOptional(),
  /** The statement without comments and constants, for the audit log. */
  normalized: z.string(),
  /** The statement as the client wrote it, where `sql` differs. */
  source: z.string().exactOptional(),
  /** The name that PREPARE or DEALLOCATE gives, the snapshot to import, or what DISCARD and RESET name (`ALL`). */
  argument: z.string().exactOptional(),
  /** The prepared statement that it runs, with all effects of that one. */
  executes: z.string().exactOptional(),
}).readonly();

const RefuseSchema = z.object({
  kind: z.literal("refuse"),
  sqlstate: z.string(),
  message: z.string(),
  hint: z.string().exactOptional(),
  /** 1-based character of the client's text, for a syntax error. */
  position: z.number().exactOptional(),
  normalized: z.string().nullable(),
  /** The statement as the client wrote it, where the text could be divided into statements. */
  source: z.string().exactOptional(),
}).readonly();

/** The shape of a plan. */
export const PlanSchema: z.ZodType<StatementPlan> = z.union([ForwardSchema, RefuseSchema]);

/** A kind of statement that is let through. */
export type ForwardCommand = (typeof COMMANDS)[number];

/** What becomes of one statement. */
export type StatementPlan = z.infer<typeof ForwardSchema> | z.infer<typeof RefuseSchema>;
