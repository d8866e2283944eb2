/** The shape of what the guard's worker sends of a statement. `src/lib/sql_outline.ts` says what its parts mean. */
import * as z from "zod";
import type { SqlScope } from "../../lib/sql_outline.ts";

const name = z.string().max(200);

const ColumnUseSchema = z.object({
  /** The relation's alias or name in lower case; null if the statement names none. */
  relation: name.nullable(),
  column: name,
});

const OperandSchema = z.object({
  /** Set where the operand is a column and nothing else. */
  column: ColumnUseSchema.exactOptional(),
  /** Set if it is a constant, as text. */
  value: z.string().max(200).exactOptional(),
  /** True if it is the constant NULL. */
  isNull: z.literal(true).exactOptional(),
  /** The function, if it is a call. */
  call: name.exactOptional(),
  /** All columns in it. */
  columns: z.array(ColumnUseSchema).readonly(),
});

const CLAUSES = ["where", "on", "having", "output", "group", "order"] as const;

const ComparisonSchema = z.object({
  /** `=`, `<`, `like`, `in`, `between`, `is null`, … in lower case. */
  op: name,
  left: OperandSchema,
  right: z.array(OperandSchema).readonly(),
  clause: z.enum(CLAUSES),
  /** Whether it is one of several conditions of which one is enough, or negated, or within CASE. */
  optional: z.boolean(),
});

const CallSchema = z.object({
  name,
  distinct: z.boolean(),
  star: z.boolean(),
  columns: z.array(ColumnUseSchema).readonly(),
  /** The alias of the output column that contains it; null if that has none, or if no output column contains it. */
  alias: name.nullable(),
  clause: z.enum(CLAUSES),
  /** Whether it is over a window. */
  window: z.boolean(),
});

const RelationSchema = z.object({
  alias: name,
  /** The table's name; null for a subquery, a common table expression or a function. */
  table: name.nullable(),
  join: z.enum(["listed", "inner", "left", "right", "full", "cross"]),
});

const ScopeSchema = z.object({
  /** The SELECT around it, by its number in the list. */
  parent: z.int().nullable(),
  distinct: z.boolean(),
  /** Whether it is a part of a UNION, INTERSECT or EXCEPT. */
  combined: z.boolean(),
  relations: z.array(RelationSchema).readonly(),
  comparisons: z.array(ComparisonSchema).readonly(),
  /** Differences `left - right`. */
  differences: z.array(z.tuple([OperandSchema, OperandSchema])).readonly(),
  calls: z.array(CallSchema).readonly(),
  columns: z.array(ColumnUseSchema.extend({ clause: z.enum(CLAUSES) })).readonly(),
});

/** The schema of an outline. */
export const OutlineSchema: z.ZodType<readonly SqlScope[]> = z.array(ScopeSchema).readonly();
