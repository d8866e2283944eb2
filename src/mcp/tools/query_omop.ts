import type { CdmVersion } from "../../omop/cdm/mod.ts";
import { type CompiledOmopQuery, compileOmopQuery, omopQuerySchema } from "../../omop/query/mod.ts";
import { type QueryAnswer, runQuery } from "../../cdm/query_runner/run_query.ts";
import type { SandboxManager } from "../../sandbox/manager.ts";
import { textResult } from "../results.ts";
import { sandboxIdSchema } from "../sandbox_id.ts";
import { readableBytes, showable } from "../../lib/text.ts";
import { defineTool, type Tool } from "../tool.ts";

/** A row of a result is at most this wide in the text; the DataFrame has it all. */
const TEXT_CELL_CHARACTERS = 40;
const MAX_ROWS = 1_000_000;

const RAW_SQL = "raw SQL: psycopg in execute_python_code";

/** Arguments that one looks for in vain, and what to use. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...["sql", "query", "statement", "code", "join", "joins", "having"].map((name) => [name, RAW_SQL] as const),
  ["where", `use filters; ${RAW_SQL}`],
  ["select", "use columns"],
  ["from", "use table"],
  ["sort", "use order_by"],
]);

/** The CDM that queries are about. */
export interface CdmTarget {
  readonly version: CdmVersion;
  readonly schema: string;
  /** Looks whether the database can be used; throws what an operator or a caller must know, which the inside is not told. */
  ready(signal: AbortSignal): Promise<void>;
  /** Time of one query, ms. */
  readonly queryMs: number;
}

/**
 * The tool that runs a typed query on the CDM.
 *
 * @param sandboxes Where sandboxes live.
 * @param cdm The CDM's version and schema.
 */
export function queryOmopTool(sandboxes: SandboxManager, cdm: CdmTarget): Tool {
  return defineTool({
    name: "query_omop",
    title: "Query the OMOP CDM",
    description:
      `Runs a typed query on one table of the OMOP CDM ${cdm.version}, with the columns of each row's person as person.<column>, from inside ` +
      "a sandbox and leaves the rows there as a pandas DataFrame (variable `into`), for execute_python_code to go on with. Returns the SQL, " +
      "the columns, the row count and at most 20 rows. For other joins " +
      "and anything else, use psycopg.connect() in execute_python_code.",
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: omopQuerySchema(cdm.version).extend({ sandbox_id: sandboxIdSchema }),
    unknownArgument: (name) => ELSEWHERE.get(name),
    async run({ sandbox_id, ...query }, call) {
      const compiled = compileOmopQuery(query, {
        version: cdm.version,
        schema: cdm.schema,
        maxRows: MAX_ROWS,
      });
      const sandbox = sandboxes.get(sandbox_id);
      call.progress("querying the CDM");
      await cdm.ready(AbortSignal.any([call.signal, AbortSignal.timeout(cdm.queryMs)]));
      const answer = await runQuery(sandbox, compiled, {
        into: query.into,
        timeoutMs: cdm.queryMs,
        signal: call.signal,
      });
      return textResult(describe(query.into, compiled, answer));
    },
  });
}

function describe(into: string, compiled: CompiledOmopQuery, answer: QueryAnswer): string {
  const { sql, parameters, limit } = compiled;
  const shape = `${answer.rows} rows × ${answer.columns.length} columns (${
    readableBytes(answer.memoryBytes)
  } in memory)`;
  const lines = [
    `The result is in the sandbox as the DataFrame \`${into}\`: ${shape}.`,
    ...(answer.truncated
      ? [`[truncated: there are more than ${limit} rows; raise limit, filter or aggregate]`]
      : []),
    `Columns: ${answer.columns.map(({ name, dtype }) => `${name} ${dtype}`).join(", ")}`,
    `SQL: ${sql}`,
    ...(parameters.length === 0 ? [] : [`Parameters: ${showable(JSON.stringify(parameters))}`]),
    "",
    answer.columns.map(({ name }) => name).join(" | "),
    ...answer.preview.map((row) => row.map((value) => showable(short(value))).join(" | ")),
  ];
  if (answer.rows > answer.preview.length) {
    lines.push(`… ${answer.rows - answer.preview.length} more rows in \`${into}\``);
  }
  return lines.join("\n");
}

function short(value: string | boolean | null): string {
  const text = value === null ? "" : String(value);
  return text.length <= TEXT_CELL_CHARACTERS ? text : `${text.slice(0, TEXT_CELL_CHARACTERS - 1)}…`;
}
