import assert from "node:assert/strict";
import { readConfig } from "../../../src/app/config.ts";
import { CdmAnalyses } from "../../../src/cdm/analyses/mod.ts";
import { CdmCohorts } from "../../../src/cdm/cohorts/mod.ts";
import { CdmConcepts } from "../../../src/cdm/concepts/mod.ts";
import { CdmDescription } from "../../../src/cdm/description/description.ts";
import { LOCAL_USER } from "../../../src/mcp/principal.ts";
import { tool } from "../../../src/mcp/tools/query_omop.ts";
import { AuditLog } from "../../../src/observability/audit.ts";
import { withManager } from "../../fixtures/fake_manager.ts";

const CONFIG = readConfig(() => undefined);
const SOURCE = {
  schema: "cdm",
  version: "5.4",
  relations: new Set<string>(),
  reader: () => Promise.reject(new Error("this test reads no database")),
} as const;

Deno.test("code's query_omop holds the persons of its result once its SQL has been run, not before", async () => {
  await withManager(async (sandboxes) => {
    const { id } = await sandboxes.create();
    const cohorts = new CdmCohorts(SOURCE);
    const cdm = {
      ...SOURCE,
      concepts: new CdmConcepts(SOURCE),
      cohorts,
      description: new CdmDescription(SOURCE),
      analyses: new CdmAnalyses(SOURCE),
      away: false,
      disclosure: undefined,
      disclosedAnalyses: undefined,
      look: () => Promise.resolve(),
      outline: () => Promise.resolve(undefined),
      ready: () => Promise.resolve(),
    };
    const context = {
      principal: LOCAL_USER,
      services: {
        sandboxes,
        cdm,
        packages: undefined,
        limits: { ...CONFIG, queryMs: 500 },
        audit: new AuditLog({ ready: () => true, write() {}, close() {} }, false),
      },
      signal: new AbortController().signal,
      audit: {},
      empty: false,
      progress() {},
      limit() {},
      note() {},
    };
    const { data } = tool.offer({ cdmVersion: "5.4", disclosure: "open", toolsets: ["omop"] }, {
      ...CONFIG,
      memoryMaxBytes: undefined,
      cpusMax: undefined,
    });
    const given = { table: "visit_occurrence", as_cohort: "seen", sandbox_id: id };
    await data?.(given, { ...context, ran: false });
    assert.deepEqual(cohorts.names(LOCAL_USER.id), []);
    await data?.({ ...given, explain: true }, { ...context, ran: true });
    assert.deepEqual(cohorts.names(LOCAL_USER.id), []);
    // The code has the notes on the query since its first call.
    const held = await data?.(given, { ...context, ran: true });
    assert.deepEqual(held?.["notes"], []);
    assert.deepEqual(cohorts.names(LOCAL_USER.id), ["seen"]);
  });
});
