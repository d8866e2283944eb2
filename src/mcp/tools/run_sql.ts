import * as z from "zod";
import { runQuery } from "../../cdm/query_runner/run_query.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, resultNameSchema } from "../../omop/query/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf, databaseReady } from "../cdm_of.ts";
import { contextArgument, inContext } from "../context_argument.ts";
import { frameText, isEmpty } from "../frame_text.ts";
import { sqlCell } from "../notebook/query_cell.ts";
import { sqlNotes } from "../sql_notes.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Far below what the guard takes: a longer statement is data, and belongs in a file. */
const SQL_CHARACTERS = 100_000;

const sqlSchema = z.string().min(1).max(SQL_CHARACTERS)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must be text without NUL")
  .describe("One statement that returns rows, such as SELECT, WITH or EXPLAIN; in PostgreSQL's dialect.");

/** Runs one statement of SQL. */
export const tool: Tool = defineTool({
  toolset: "omop",
  disclosure: "open",
  define: ({ databaseAway = false }, { cdmSchema }) => ({
    name: "run_sql",
    title: "Run SQL",
    description:
      `Runs one read-only SQL statement on the database${
        databaseAway ? "" : ` (the CDM is in schema ${cdmSchema})`
      } for what ` +
      "query_omop cannot express. It runs inside a sandbox, through the same guard as code there, and leaves the rows as a pandas DataFrame (variable `into`). Returns the " +
      "columns, the row count and at most 20 rows.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: z.strictObject({
      sandbox_id: sandboxIdSchema,
      sql: sqlSchema,
      into: resultNameSchema.default("sql_df").describe("The variable that receives the DataFrame."),
      limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe(
        "The most rows; more are not read.",
      ),
      context: contextArgument("Where `into` is."),
    }),
    renamed: { query: "sql", statement: "sql" },
  }),
  async handle({ sandbox_id, sql, into, limit, context: name }, context) {
    const { sandboxes, limits: { queryMs, outputBytes } } = context.services;
    const cdm = await cdmOf(context);
    const sandbox = sandboxes.get(sandbox_id);
    return await answerWithin(context, {
      sandbox,
      tool: "run_sql",
      source: sql,
      timeoutMs: queryMs,
      usesKernel: true,
      ...inContext(name),
      notebook: sqlCell(into, sql, limit),
      work: async (run) => {
        await databaseReady(cdm, run, queryMs);
        const statement = { sql, parameters: [], columns: undefined, limit };
        const answer = await runQuery(sandbox, statement, {
          into,
          ...inContext(name),
          shownSql: sql,
          timeoutMs: queryMs,
          previewBytes: outputBytes,
          run,
        });
        const asked = { sql, owner: sandbox_id, empty: isEmpty(answer) };
        const notes = await sqlNotes(cdm, asked, run.signal);
        return {
          kind: "text",
          text: frameText({ into, limit, before: notes, after: [] }, answer),
          bytes: answer.memoryBytes,
        };
      },
    });
  },
  /** Notes on the statement, which the code runs itself. */
  async data({ sandbox_id, sql }, context) {
    const cdm = await cdmOf(context);
    const asked = { sql, owner: sandbox_id, empty: context.empty };
    return { notes: await sqlNotes(cdm, asked, context.signal) };
  },
});
