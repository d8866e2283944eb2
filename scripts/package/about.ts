/** What registries say about the packages. */

/** The name of both packages and of their command. */
export const PACKAGE = "omcp-python-sandbox";
/** The server's name in the MCP registry, which looks for it in the npm package and on the wheel's page. */
export const MCP_NAME = "io.github.omcp/omcp-python-sandbox";
/** One line. */
export const DESCRIPTION = "MCP server: Python sandboxes in Docker for AI agents, with OMOP data on Postgres";
/** SPDX identifiers of the licenses of what the packages contain; each was looked at. The project's own comes first. */
export const BUNDLED_LICENSES: readonly string[] = [
  "MIT",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "PostgreSQL",
];
/** The same as an SPDX expression: all of them apply. */
export const LICENSE_EXPRESSION: string = BUNDLED_LICENSES.join(" AND ");
/** For a registry's search. */
export const KEYWORDS = ["mcp", "mcp-server", "python", "sandbox", "omop", "ohdsi"] as const;
