/** What a server answers to `initialize`. It depends on the settings only: clients wait for this answer when they start. */
import { McpServer, type ServerCapabilities } from "@modelcontextprotocol/server";
import { VERSION } from "../version.ts";
import type { ServerScope } from "./server_scope.ts";

/** The library's name of its skills extension, whose module takes time to load. */
const SKILLS_EXTENSION = "io.modelcontextprotocol/skills";

/**
 * A server without tools, resources and prompts, which already declares them.
 *
 * @param scope What the settings decide.
 */
export function describedServer(scope: ServerScope): McpServer {
  return new McpServer(
    { name: "omcp-python-sandbox", title: "OMCP Python Sandbox", version: VERSION },
    { capabilities: capabilities(scope), instructions: instructions(scope) },
  );
}

/** `createMcpServer()` registers what belongs to them. */
function capabilities({ toolsets, disclosure }: ServerScope): ServerCapabilities {
  const hasOmop = toolsets.includes("omop");
  return {
    tools: { listChanged: true },
    resources: { listChanged: false },
    ...(hasOmop ? { extensions: { [SKILLS_EXTENSION]: { directoryRead: true } } } : {}),
    ...(hasOmop && disclosure === "open" ? { prompts: { listChanged: true }, completions: {} } : {}),
  };
}

/** They are sent before anything has been reached, so they say what is configured, not what is there. */
function instructions(scope: ServerScope): string {
  const hasOmop = scope.toolsets.includes("omop");
  const names = ["execute_python_code", ...(hasOmop && scope.disclosure === "open" ? ["query_omop"] : [])];
  return [
    "Runs Python in isolated sandboxes: no network, no access to the host. A sandbox keeps its state between cells.",
    `Start with create_sandbox, pass its sandbox_id to ${names.join(" and ")}, and end with remove_sandbox.`,
    ...databaseInstructions(scope, hasOmop),
    ...(scope.toolsets.includes("files")
      ? []
      : ["There are no tools for files, although messages may name them: use a cell."]),
  ].join(" ");
}

function databaseInstructions({ disclosure, hasDatabase }: ServerScope, hasTools: boolean): string[] {
  if (!(hasDatabase ?? hasTools)) return ["No database is configured."];
  const concepts = "Never guess a concept id: search_concepts finds it, without a sandbox.";
  if (disclosure === "aggregate") {
    const rows = "Rows of the OMOP CDM stay in the database";
    return hasTools
      ? [
        `${rows}: query_omop and analyze_cohort answer with numbers on groups of persons; their sandbox_id is optional, and leaves them there as ` +
        "a DataFrame.",
        concepts,
      ]
      : [`${rows}, and this server offers no tool for it.`];
  }
  const code =
    "Code reads an OMOP CDM through psycopg.connect() with no arguments; the description of create_sandbox has its version and schema.";
  return hasTools ? [code, concepts] : [code];
}
