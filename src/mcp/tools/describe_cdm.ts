import * as z from "zod";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { OmcpError } from "../../errors.ts";
import { cdmTable, cdmTables } from "../../omop/cdm/mod.ts";
import { answerWithin } from "../answer_within.ts";
import { cdmOf } from "../cdm_of.ts";
import { overviewText, tableText } from "../description_text.ts";
import { disclosureLines } from "../disclosure_lines.ts";
import { qualityText } from "../quality_text.ts";
import { textResult } from "../results.ts";
import { type CdmService, defineTool, type Tool, type ToolContext } from "../tool.ts";

/** Tables that one answer describes. */
const MOST_TABLES = 10;
/** How long all checks of the data may take together, in ms; and the start of a local database beside them. */
const QUALITY_MS = 120_000;
const START_MS = 60_000;

const input = z.strictObject({
  table: z.array(z.string().max(64)).max(MOST_TABLES).optional().describe(
    "A table, or several. Without it: all tables in a line each.",
  ),
});

/** Arguments that only some servers offer, so that they are not in the type of the schema. */
const offeredByChoice = z.object({ data_quality: z.boolean().default(false) });

/** Describes the CDM. */
export const tool: Tool = defineTool({
  toolset: "omop",
  define: ({ cdmVersion, disclosure }) => ({
    name: "describe_cdm",
    title: "Describe the CDM",
    description: disclosure === "open"
      ? `Describes this OMOP CDM ${cdmVersion}: without arguments its source, the observed time and its tables with their rows; with table the ` +
        "columns, types, keys, meanings, missing values. With data_quality it checks the data instead: about 15 checks of OHDSI's " +
        "DataQualityDashboard and Achilles, with counts and verdicts. Needs no sandbox."
      : `Describes this OMOP CDM ${cdmVersion}: its tables, with table their columns, types, keys and meanings, and the rules by which ` +
        "numbers leave it. Needs no sandbox.",
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: disclosure === "open"
      ? input.extend({
        data_quality: z.boolean().optional().describe("Checks the data, of the given tables or of all."),
      })
      : input,
    renamed: { tables: "table" },
    unknownArgument: (name) =>
      name === "data_quality"
        ? "not in this mode: its checks show rows and counts of few persons"
        : undefined,
  }),
  async handle({ table = [], ...rest }, context) {
    const { data_quality } = offeredByChoice.parse(rest);
    const cdm = await cdmOf(context);
    const names = [...new Set(table.map((name) => cdmTable(cdm.version, name.trim().toLowerCase()).name))];
    if (data_quality && cdm.disclosure === undefined) return await checkData(cdm, names, context);
    return textResult(
      names.length === 0 ? await describeAll(cdm, context) : await describeTables(cdm, names, context.signal),
    );
  },
  async data({ table = [], ...rest }, context) {
    if (offeredByChoice.parse(rest).data_quality) {
      throw new OmcpError("invalid_argument", "Code cannot use data_quality", {
        next: "Call the tool describe_cdm with it.",
      });
    }
    const cdm = await cdmOf(context);
    const names = [...new Set(table.map((name) => cdmTable(cdm.version, name.trim().toLowerCase()).name))];
    return await describedData(cdm, names, context);
  },
});

/** What code gets: all tables, the named ones with their columns, and how many numbers the caller may still ask for. */
async function describedData(
  { description, disclosure, version, schema }: CdmService,
  names: readonly string[],
  { signal, principal, services: { limits: { queryMs } } }: Pick<
    ToolContext,
    "signal" | "principal" | "services"
  >,
): Promise<Record<string, unknown>> {
  const present = await description.tables(signal);
  const columns = await description.columns(names.filter((name) => present.has(name)), signal);
  return {
    version,
    schema,
    tables: cdmTables(version).filter(({ name }) =>
      names.length === 0 ? present.has(name) : names.includes(name)
    ).map(({ name, description, columns: defined }) => ({
      name,
      present: present.has(name),
      description,
      ...(names.length === 0 ? {} : {
        columns: (columns.get(name) ?? []).map((column) => ({
          name: column.name,
          type: column.type,
          description: defined.find((one) => one.name === column.name)?.description ?? null,
        })),
      }),
    })),
    ...(disclosure === undefined ? {} : {
      preset: disclosure.rules.preset,
      k: disclosure.rules.k,
      remaining: await disclosure.remaining(principal.id, { ms: queryMs, signal }),
    }),
  };
}

async function describeAll(
  cdm: CdmService,
  { signal, principal, services: { limits: { queryMs } } }: ToolContext,
): Promise<string> {
  const { description, disclosure, version, schema } = cdm;
  const present = await description.tables(signal);
  const open = disclosure === undefined;
  const [rows, about] = open
    ? await Promise.all([description.rows([...present], signal), description.about(signal)])
    : [undefined, undefined];
  return [
    overviewText({ version, schema, present, rows, about }),
    ...(open ? [] : [
      "",
      ...disclosureLines(
        disclosure.rules,
        await disclosure.remaining(principal.id, { ms: queryMs, signal }),
      ),
    ]),
  ].join("\n");
}

async function describeTables(
  cdm: CdmService,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const { description, disclosure, version } = cdm;
  const tables = await description.tables(signal);
  const present = names.filter((name) => tables.has(name));
  const open = disclosure === undefined;
  const [columns, rows] = await Promise.all([
    description.columns(present, signal),
    open && present.length > 0 ? description.rows(present, signal) : undefined,
  ]);
  return names.map((name) =>
    tableText({
      table: cdmTable(version, name),
      version,
      present: tables.has(name),
      rows: rows?.get(name),
      columns: columns.get(name),
      statistics: open,
    })
  ).join("\n\n");
}

async function checkData(
  cdm: CdmService,
  names: readonly string[],
  context: ToolContext,
): Promise<CallToolResult> {
  return await answerWithin(context, {
    sandbox: undefined,
    tool: "describe_cdm",
    source: `describe_cdm data_quality ${names.join(", ") || "all tables"}`,
    timeoutMs: QUALITY_MS + START_MS,
    work: async (run) => {
      run.progress("waiting for the database");
      const report = await cdm.description.quality({
        tables: names.length === 0 ? undefined : names,
        ms: QUALITY_MS,
        signal: run.signal,
        onTable: (name) => run.progress(`checking ${name}`),
      });
      return { kind: "text", text: qualityText(report) };
    },
  });
}
