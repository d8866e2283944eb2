import assert from "node:assert/strict";
import * as z from "zod";
import { OmcpError } from "../../../src/errors.ts";
import { errorResult } from "../../../src/mcp/results.ts";
import { readConfig } from "../../../src/app/config.ts";
import { offeredTools } from "../../../src/mcp/offered_tools.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import type { ToolContext } from "../../../src/mcp/tool.ts";
import { TOOLSETS } from "../../../src/mcp/toolsets.ts";
import { NO_SANDBOXES } from "../../fixtures/mcp/no_sandboxes.ts";

const SETTINGS = {
  ...readConfig((name) => name === "OMCP_IMAGES" ? "site/python:3.13, site/r" : undefined),
  memoryMaxBytes: 8 * 1024 ** 3,
  cpusMax: 4,
};
const TOOLS = offeredTools({ cdmVersion: "5.4", disclosure: "open", toolsets: TOOLSETS }, SETTINGS);

function unreachable(): never {
  throw new Error("refused arguments reach no service");
}

/** A context, which a call with refused arguments does not use. */
const CONTEXT: ToolContext = {
  principal: LOCAL_USER,
  services: {
    sandboxes: NO_SANDBOXES,
    cdm: undefined,
    packages: undefined,
    limits: SETTINGS,
    audit: { execution: unreachable },
  },
  signal: new AbortController().signal,
  progress() {},
  limit() {},
  note() {},
};
const SANDBOX = `sbx_${"0".repeat(32)}`;

/** The error of a tool that refuses its arguments. */
async function refusal(name: string, input: unknown, tools = TOOLS): Promise<OmcpError> {
  const tool = tools.find((one) => one.name === name);
  assert(tool !== undefined);
  try {
    await tool.call(input, CONTEXT);
  } catch (error) {
    assert(error instanceof OmcpError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${name} accepted ${JSON.stringify(input)}` });
}

/** Arguments, with the lines that the error must have. */
const REFUSED: readonly [string, unknown, readonly string[]][] = [
  ["execute_python_code", {}, ["sandbox_id: is required", "code: is required"]],
  ["execute_python_code", { sandbox_id: null, code: 5 }, [
    "sandbox_id: must be a string; received null",
    "code: must be a string; received 5",
  ]],
  ["remove_sandbox", { sandbox_id: "../x" }, [
    'sandbox_id: must be a sandbox_id as create_sandbox returned it; received "../x"',
  ]],
  ["read_file", { sandbox_id: SANDBOX, path: "" }, ['path: must have at least 1 character; received ""']],
  ["create_sandbox", { idle_timeout: "soon" }, ['idle_timeout: must be a finite number; received "soon"']],
  ["create_sandbox", { idle_timeout: "NaN" }, ['idle_timeout: must be a finite number; received "NaN"']],
  ["create_sandbox", { idle_timeout: NaN }, ["idle_timeout: must be a finite number; received NaN"]],
  ["create_sandbox", { idle_timeout: 1e309 }, ["idle_timeout: must be a finite number; received Infinity"]],
  ["create_sandbox", { idle_timeout: "-1" }, ["idle_timeout: must be at least 10; received -1"]],
  ["create_sandbox", { idle_timeout: 86_401 }, ["idle_timeout: must be at most 86400; received 86401"]],
  ["create_sandbox", { timeout: 9 }, ["idle_timeout: must be at least 10; received 9"]],
  ["create_sandbox", { timeout: 60, idle_timeout: 60 }, [
    'unknown argument "timeout" (did you mean idle_timeout?); allowed: idle_timeout, memory_mb, cpus, files, wait, packages, image',
  ]],
  ["create_sandbox", { idle_time_out: 60 }, [
    'unknown argument "idle_time_out" (did you mean idle_timeout?); allowed: idle_timeout, memory_mb, cpus, files, wait, packages, image',
  ]],
  ["create_sandbox", { memory_mb: NaN, cpus: 1e309 }, [
    "memory_mb: must be a finite number; received NaN",
    "cpus: must be a finite number; received Infinity",
  ]],
  ["create_sandbox", { memory_mb: -1, cpus: -1 }, [
    "memory_mb: must be at least 256; received -1",
    "cpus: must be at least 0.05; received -1",
  ]],
  ["create_sandbox", { memory_mb: 8193, cpus: "4.5" }, [
    "memory_mb: must be at most 8192; received 8193",
    "cpus: must be at most 4; received 4.5",
  ]],
  ["create_sandbox", { memory: "2g", image: "--privileged" }, [
    'memory_mb: must be a finite number; received "2g"',
    'image: must be one of site/python:3.13, site/r; received "--privileged"',
  ]],
  ["list_sandboxes", { include_inactive: "yes" }, [
    'include_inactive: must be true or false; received "yes"',
  ]],
  ["list_sandboxes", JSON.parse('{"__proto__":1,"constructor":2}'), [
    'unknown argument "__proto__", "constructor"; allowed: sandbox_id, include_inactive',
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", limit: "1.5" }, [
    "limit: must be an integer; received 1.5",
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", columns: 5, group_by: 7 }, [
    "columns: must be a list; received 5",
    "group_by: must be a list; received 7",
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", columns: [["a"]] }, [
    'columns[0]: must be a string; received ["a"]',
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", filters: [{ column: "x", operator: "=" }] }, [
    'filters[0]: unknown field "operator" (did you mean op?); allowed: column, op, value, or, and, not',
  ]],
  ["query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    filters: [{ column: "x", concepts: [{ concept_id: 1 }] }],
  }, [
    'filters[0]: unknown field "concepts" (write "op": "in_concept_set", "value": {"items": [{"concept_id": …, "include_descendants": true}]}); allowed: column, op, value, or, and, not',
  ]],
  ["query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    persons: { with: [{ table: "death", concept_set: [1] }] },
  }, [
    'persons.with[0]: unknown field "concept_set" (write "filters": [{"column": …, "op": "in_concept_set", "value": {"items": [{"concept_id": …, "include_descendants": true}]}}]); allowed: table, cohort, filters, window, overlaps, before_per_person, at_least',
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", filters: ["x = 1"], order_by: [7] }, [
    'filters[0]: must be an object with column, op, value, or, and, not; received "x = 1"',
    "order_by[0]: must be a string or an object with column, direction; received 7",
  ]],
  ["query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    filters: [{ column: "x", op: "=", value: {} }],
  }, [
    "filters[0].value.items: is required",
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", order_by: [{ column: "x", dir: "desc" }] }, [
    'order_by[0]: unknown field "dir" (did you mean direction?); allowed: column, direction',
  ]],
  ["query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    filters: [{ column: "x", op: "in_concept_set", value: { items: [1] } }],
  }, ["filters[0].value.items[0]: must be an object; received 1"]],
  ["analyze_cohort", { analysis: "prevalence", periods: { from: "2015", to: "2015-02-30" } }, [
    'periods.from: must be a date that exists, as YYYY-MM-DD; received "2015"',
    'periods.to: must be a date that exists, as YYYY-MM-DD; received "2015-02-30"',
  ]],
  ["query_omop", { sandbox_id: SANDBOX, table: "person", into: "class" }, [
    'into: must not be a Python keyword or built-in name; received "class"',
  ]],
];

/** The objects that an argument may be or contain: where each is, and the arguments down to it, with one unknown field in it. */
function withUnknownField(schema: z.core.JSONSchema.JSONSchema, path: string): [string, unknown][] {
  if (schema.type === "array" && typeof schema.items === "object" && !Array.isArray(schema.items)) {
    return withUnknownField(schema.items, `${path}[0]`).map(([where, value]) => [where, [value]]);
  }
  if (schema.properties === undefined || schema.additionalProperties !== false) return [];
  return [
    [path, { no_such_field: 1 }],
    ...Object.entries(schema.properties).flatMap(([name, field]) =>
      typeof field === "boolean" ? [] : withUnknownField(field, path === "" ? name : `${path}.${name}`).map((
        [where, value],
      ): [string, unknown] => [where, { [name]: value }])
    ),
  ];
}

for (const { name, input } of TOOLS) {
  Deno.test(`${name} names the allowed fields of each object among its arguments`, async () => {
    const places = withUnknownField(z.toJSONSchema(input, { io: "input" }), "");
    assert.ok(places.length > 0);
    for (const [where, value] of places) {
      const { message } = await refusal(name, value);
      const line = message.split("\n").find((one) => one.includes('"no_such_field"'));
      assert.match(line ?? "", /unknown (?:argument|field) .*; allowed: (?!none)\w+/, `${where}: ${message}`);
    }
  });
}

for (const [name, input, lines] of REFUSED) {
  Deno.test(`${name} refuses ${JSON.stringify(input)} and names the place, the value and what is allowed`, async () => {
    const error = await refusal(name, input);
    assert.equal(error.code, "invalid_argument");
    assert.equal(error.state, "Nothing was done.");
    assert.deepEqual(error.message.split("\n"), lines);
  });
}

Deno.test("the error of an unknown choice names the closest choices, or all", async () => {
  const close = await refusal("query_omop", { sandbox_id: SANDBOX, table: "persons" });
  assert.equal(
    close.message,
    'table: must be one of the 39 in its schema (did you mean person?); received "persons"',
  );
  const far = await refusal("query_omop", { sandbox_id: SANDBOX, table: "pg_shadow" });
  assert.match(far.message, /^table: must be one of person, .*, drug_strength; received "pg_shadow"$/);
  const short = await refusal("query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    aggregates: { fn: "countt" },
  });
  assert.equal(
    short.message,
    "aggregates[0].fn: must be one of count, count_persons, sum, avg, min, max, stddev, median, percentile, person_years " +
      '(did you mean count?); received "countt"',
  );
  const synonym = await refusal("query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    aggregates: [{ fn: "mean", column: "year_of_birth" }, { fn: "count_distinct", column: "person_id" }],
  });
  assert.match(synonym.message, /\(did you mean avg\?\); received "mean"/);
  assert.match(synonym.message, /\(did you mean count with "distinct": true\?\); received "count_distinct"/);
});

Deno.test("query_omop names the tool for SQL to a caller that sends SQL", async () => {
  const { message } = await refusal("query_omop", {
    sandbox_id: SANDBOX,
    table: "person",
    SQL: "x",
    where: 1,
  });
  assert.match(message, /"SQL" \(for SQL use run_sql\)/);
  assert.match(
    message,
    /"where" \(use filters; for SQL use run_sql\); allowed: .*filters.*sandbox_id/,
  );
});

Deno.test("query_omop in aggregate mode says that the result names its columns", async () => {
  const aggregate = { cdmVersion: "5.4", disclosure: "aggregate", toolsets: TOOLSETS } as const;
  const aggregates = [{ fn: "avg", column: "value_as_number", as: "mean" }];
  const tools = offeredTools(aggregate, SETTINGS);
  const { message } = await refusal("query_omop", { table: "measurement", aggregates }, tools);
  assert.match(message, /"as" \(not in this mode: the result names its columns itself, such as avg_value/);
});

Deno.test("fifty wrong arguments take ten lines and a count", async () => {
  const filters = Array.from({ length: 50 }, () => ({ column: "x", op: "no" }));
  const { message } = await refusal("query_omop", { sandbox_id: SANDBOX, table: "person", filters });
  assert.equal(message.split("\n").length, 11);
  assert.match(message, /and 40 more$/);
});

Deno.test("errorResult() writes code, cause, state, next step, details and whether to retry", async () => {
  const result = errorResult(await refusal("create_sandbox", { idle_timeout: 1 }));
  assert.equal(result.isError, true);
  assert.deepEqual(result.content, [{
    type: "text",
    text:
      "Error invalid_argument: idle_timeout: must be at least 10; received 1.\nState: Nothing was done.\n" +
      "Next: Correct the arguments and call again.\nretryable: no",
  }]);
  const other = errorResult(
    new OmcpError("database_refused", "No such table", { details: { sqlstate: "42P01" } }),
  );
  assert.deepEqual(other.content, [{
    type: "text",
    text:
      "Error database_refused: No such table.\nState: Nothing was read; variables are kept.\nDetails: sqlstate: 42P01\nretryable: no",
  }]);
  assert.equal("structuredContent" in result, false);
});
