import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../../../src/app/config.ts";
import { offeredTools } from "../../../src/mcp/offered_tools.ts";
import { DISCLOSURE_MODES, type Toolset, TOOLSETS, type ToolVariant } from "../../../src/mcp/variant.ts";
import { CDM_VERSIONS } from "../../../src/omop/cdm/mod.ts";
import { assertSnapshot } from "../../fixtures/snapshot.ts";

/** As on a machine with 16 GiB and 8 processors. */
const SETTINGS = { ...readConfig(() => undefined), memoryMaxBytes: 8 * 1024 ** 3, cpusMax: 4 };

/** Every variant that a server can have. Without the toolset `omop` the CDM's version has no effect. */
function variants(): Record<string, ToolVariant> {
  const found: Record<string, ToolVariant> = {};
  for (const disclosure of DISCLOSURE_MODES) {
    for (const cdmVersion of CDM_VERSIONS) {
      const omop: readonly Toolset[] = ["sandbox", "files", "omop", "packages"];
      found[`all_${cdmVersion}_${disclosure}`] = { cdmVersion, disclosure, toolsets: TOOLSETS };
      found[`omop_${cdmVersion}_${disclosure}`] = { cdmVersion, disclosure, toolsets: omop };
      found[`sandbox_${disclosure}`] = { cdmVersion, disclosure, toolsets: ["sandbox", "files"] };
    }
  }
  return found;
}

function listed(variant: ToolVariant): unknown[] {
  return offeredTools(variant, SETTINGS).map(({ name, title, description, annotations, input }) => ({
    name,
    title,
    description,
    annotations,
    inputSchema: z.toJSONSchema(input, { io: "input" }),
  }));
}

for (const [name, variant] of Object.entries(variants())) {
  Deno.test(`the tools of ${name} match the snapshot`, () => {
    assertSnapshot(import.meta.url, `tools_${name}.json`, `${JSON.stringify(listed(variant), null, 2)}\n`);
  });

  Deno.test(`the tools of ${name} take less than 32 kB of a model's context`, () => {
    assert.ok(JSON.stringify(listed(variant)).length < 32_000);
  });

  Deno.test(`defining the tools of ${name} again gives the same definitions`, () => {
    assert.deepEqual(listed(variant), listed(variant));
  });
}

Deno.test("a server without a database offers no tool that needs one, and does not mention a CDM", () => {
  const tools = offeredTools(
    { cdmVersion: "5.4", disclosure: "open", toolsets: ["sandbox", "files"] },
    SETTINGS,
  );
  const names = tools.map(({ name }) => name);
  assert.ok(names.includes("execute_python_code"));
  assert.ok(!names.includes("query_omop"));
  assert.doesNotMatch(JSON.stringify(tools.map(({ description }) => description)), /CDM|psycopg\.connect/);
});

Deno.test("where rows must stay in the database, no tool names a driver", () => {
  const tools = listed({ cdmVersion: "5.4", disclosure: "aggregate", toolsets: TOOLSETS });
  assert.doesNotMatch(JSON.stringify(tools), /psycopg|sqlalchemy|to_sql|read_sql/i);
});

Deno.test("install_package names what the operator's list allows, and how many more there are", () => {
  const described = (packages: Record<string, string>) => {
    const config = { ...SETTINGS, ...readConfig((name) => packages[name]) };
    const tools = offeredTools({ cdmVersion: "5.4", disclosure: "open", toolsets: ["packages"] }, {
      ...config,
      memoryMaxBytes: SETTINGS.memoryMaxBytes,
      cpusMax: SETTINGS.cpusMax,
    });
    return tools.find(({ name }) => name === "install_package")?.description ?? "";
  };
  const few = { OMCP_PACKAGES: "allowlist", OMCP_PACKAGES_ALLOWLIST: "rapidfuzz, Humanize" };
  assert.match(described(few), /The operator allows only humanize, rapidfuzz, with what they depend on\. /);
  const names = Array.from({ length: 100 }, (_, at) => `package-${100 + at}`);
  const many = { OMCP_PACKAGES: "allowlist", OMCP_PACKAGES_ALLOWLIST: names.join(",") };
  assert.match(described(many), /only package-100, .*, package-129 and 70 more, with/);
  assert.doesNotMatch(described({ OMCP_PACKAGES: "any" }), /operator/);
});
