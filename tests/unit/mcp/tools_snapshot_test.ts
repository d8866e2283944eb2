import assert from "node:assert/strict";
import * as z from "zod";
import { readConfig } from "../../../src/app/config.ts";
import { serverScope } from "../../../src/app/server_scope.ts";
import { toolVariant } from "../../../src/app/tool_variant.ts";
import { offeredTools } from "../../../src/mcp/offered_tools.ts";
import { type Toolset, TOOLSETS } from "../../../src/mcp/toolsets.ts";
import { DISCLOSURE_MODES } from "../../../src/mcp/server_scope.ts";
import type { ToolVariant } from "../../../src/mcp/variant.ts";
import { CDM_VERSIONS } from "../../../src/omop/cdm/mod.ts";
import { assertSnapshot } from "../../fixtures/snapshot.ts";

/** As on a machine with 16 GiB and 8 processors. */
const SETTINGS = { ...readConfig(() => undefined), memoryMaxBytes: 8 * 1024 ** 3, cpusMax: 4 };

/** Every variant that a server can have. Without the toolset `omop` the CDM's version has no effect. */
function variants(): Record<string, ToolVariant> {
  const found: Record<string, ToolVariant> = {};
  for (const disclosure of DISCLOSURE_MODES) {
    for (const cdmVersion of CDM_VERSIONS) {
      const omop: readonly Toolset[] = ["core", "files", "omop", "packages"];
      found[`all_${cdmVersion}_${disclosure}`] = { cdmVersion, disclosure, toolsets: TOOLSETS };
      found[`omop_${cdmVersion}_${disclosure}`] = { cdmVersion, disclosure, toolsets: omop };
      found[`sandbox_${disclosure}`] = { cdmVersion, disclosure, toolsets: ["core", "files"] };
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

  Deno.test(`the tools of ${name} take less than 48 kB of a model's context`, () => {
    assert.ok(JSON.stringify(listed(variant)).length < 48_000);
  });

  Deno.test(`defining the tools of ${name} again gives the same definitions`, () => {
    assert.deepEqual(listed(variant), listed(variant));
  });
}

for (const disclosure of DISCLOSURE_MODES) {
  Deno.test(`a server without further settings offers at most 24 tools in ${disclosure} mode`, () => {
    const config = readConfig((name) => name === "OMCP_DISCLOSURE" ? disclosure : undefined);
    const variant = toolVariant(serverScope(config), { version: "5.4", away: false });
    assert.equal(variant.disclosure, disclosure);
    assert.ok(offeredTools(variant, SETTINGS).length <= 24);
  });
}

Deno.test("a server offers the toolsets that the operator names, and core in any case", () => {
  const settings = {
    database: { kind: "sample" },
    disclosure: undefined,
    packages: { mode: "allowlist" },
    exchangeFolder: undefined,
  } as const;
  assert.deepEqual(serverScope({ ...settings, toolsets: ["files"] }).toolsets, ["core", "files"]);
  assert.deepEqual(serverScope({ ...settings, toolsets: [] }).toolsets, [
    "core",
    "files",
    "omop",
    "packages",
  ]);
});

Deno.test("without the toolset omop, a server names the database that code reaches, and no tool for it", () => {
  const variant = { cdmVersion: "5.4", toolsets: ["core"], hasDatabase: true } as const;
  const [open] = offeredTools({ ...variant, disclosure: "open" }, SETTINGS);
  assert.match(open?.description ?? "", /psycopg\.connect\(\).*read-only\./);
  const [closed] = offeredTools({ ...variant, disclosure: "aggregate" }, SETTINGS);
  assert.match(closed?.description ?? "", /offers no tool for it\./);
  assert.doesNotMatch(`${open?.description}${closed?.description}`, /query_omop/);
});

Deno.test("a server without a database offers no tool that needs one, and does not mention a CDM", () => {
  const tools = offeredTools(
    { cdmVersion: "5.4", disclosure: "open", toolsets: ["core", "files"] },
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
