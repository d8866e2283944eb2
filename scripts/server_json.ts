/** `server.json`: what the MCP registry says about this server. The npm package and the wheel have its name, too, which proves their owner. */
import { type SettingName, SETTINGS } from "../src/app/config.ts";
import { VERSION } from "../src/version.ts";
import { DESCRIPTION, MCP_NAME, PACKAGE } from "./package/about.ts";

/** What a user sets most; the others are in docs/settings.md. */
const SHOWN: readonly SettingName[] = [
  "OMCP_DATABASE_URL",
  "OMCP_CDM_SCHEMA",
  "OMCP_DISCLOSURE",
  "DOCKER_HOST",
];

function variables() {
  const shown = SHOWN.map((name) => ({
    name,
    description: SETTINGS[name].description,
    ...(SETTINGS[name].default === "" ? {} : { default: SETTINGS[name].default }),
    // For a database by URL, it contains the password.
    ...(name === "OMCP_DATABASE_URL" ? { isSecret: true } : {}),
  }));
  return [
    ...shown,
    { name: "OMCP_ENV_FILE", description: "A file with settings, as lines NAME=VALUE.", format: "filepath" },
  ];
}

function distribution(registryType: "npm" | "pypi", runtimeHint: "npx" | "uvx") {
  return {
    registryType,
    identifier: PACKAGE,
    version: VERSION,
    runtimeHint,
    transport: { type: "stdio" },
    environmentVariables: variables(),
  };
}

/** The file's text. */
export const SERVER_JSON: string = `${
  JSON.stringify(
    {
      $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
      name: MCP_NAME,
      title: "OMCP Python Sandbox",
      description: DESCRIPTION,
      version: VERSION,
      packages: [distribution("npm", "npx"), distribution("pypi", "uvx")],
    },
    null,
    2,
  )
}\n`;
