/** MCP prompts: studies that a user may start from a menu. Their arguments are completed from the CDM. */
import { completable, type GetPromptResult, type McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";
import { type CompletionServices, suggestColumns, suggestConcepts, suggestTables } from "./completions.ts";
import { cohortStudy, dataQualityLook, drugUtilisation } from "./texts.ts";

/** A name is put into a text for the model: no line of it can look like a step of the prompt. */
const LINE = /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u;

/**
 * Offers the prompts, whose tools the server must offer.
 *
 * @param server The server; not connected yet.
 * @param services What completes their arguments.
 */
export function registerPrompts(server: McpServer, services: CompletionServices): void {
  registerStudies(server, services);
  server.registerPrompt("data_quality", {
    title: "A first look at data quality",
    description: "What the data can be used for: emptiness, checks, gaps, units.",
    argsSchema: z.object({
      table: completable(
        oneLine("A table to look at closely. Without it: all."),
        (typed) => suggestTables(typed, services),
      ).optional(),
      column: completable(
        oneLine("A column of that table."),
        (typed, context) => suggestColumns(typed, context?.arguments?.["table"], services),
      ).optional(),
    }),
  }, ({ table, column }) => asked(dataQualityLook(table, column)));
}

function registerStudies(server: McpServer, services: CompletionServices): void {
  const concept = (description: string, domain: string) =>
    completable(oneLine(description), (typed) => suggestConcepts(typed, domain, services));
  server.registerPrompt("cohort_study", {
    title: "A cohort study",
    description: "Patients with a condition: who they are and what happens to them.",
    argsSchema: z.object({
      condition: concept("What the patients have, such as Type 2 diabetes mellitus.", "Condition"),
      outcome: concept("What may follow. Without it: only who they are.", "Condition").optional(),
    }),
  }, ({ condition, outcome }) => asked(cohortStudy(condition, outcome)));
  server.registerPrompt("drug_utilisation", {
    title: "A drug-utilisation study",
    description: "Who takes a drug, since when and for how long.",
    argsSchema: z.object({
      drug: concept("The drug or its ingredient, such as metformin.", "Drug"),
    }),
  }, ({ drug }) => asked(drugUtilisation(drug)));
}

/** A schema of its own for each argument: the library marks the one that it completes. */
function oneLine(description: string): z.ZodString {
  return z.string().min(1).max(200).regex(LINE, "must be one line").describe(description);
}

function asked(text: string): GetPromptResult {
  return { messages: [{ role: "user", content: { type: "text", text } }] };
}
