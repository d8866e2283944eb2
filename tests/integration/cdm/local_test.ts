import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { markerName, volumeName } from "../../../src/cdm/local_name.ts";
import { openCdmGateway } from "../../../src/cdm/gateway.ts";
import { loadLocal, type LocalLoadOptions } from "../../../src/cdm/local_load.ts";
import { LABEL_LOAD } from "../../../src/cdm/load_marker.ts";
import { cdmLines, listLocalCdms, ROLE_CDM } from "../../../src/cdm/local_store.ts";
import { readConfig } from "../../../src/app/config.ts";
import type { Engine } from "../../../src/docker/mod.ts";
import { DockerRuntime } from "../../../src/runtime/docker/mod.ts";
import { LABEL_CREATED, LABEL_ROLE } from "../../../src/runtime/mod.ts";
import { type CdmSource, folderSource, type LoadReport, sampleSource } from "../../../src/cdm/load/mod.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { POSTGRES_IMAGE } from "../../fixtures/images.ts";
import { connectTestEngine, newSandbox, withServer } from "../../fixtures/server.ts";
import { newCdmName } from "../../fixtures/cdm/command.ts";
import { withFolder } from "../../fixtures/cdm/folder_files.ts";
import { PERSON } from "../../fixtures/cdm/loaded.ts";
import { assertGibleedConcepts } from "./gibleed_concepts.ts";

const SHARED = new URL("../../../../shared/data/", import.meta.url);
const LABEL_TEST = "org.omcp.test";

/** Runs a test that creates local CDMs, and removes them. */
async function withEngine(
  test: (
    engine: Engine,
    load: (name: string, source: CdmSource, more?: Partial<LocalLoadOptions>) => Promise<LoadReport>,
  ) => Promise<void>,
): Promise<void> {
  const engine = await connectTestEngine();
  const runtime = new DockerRuntime(engine);
  const labels = { [LABEL_TEST]: crypto.randomUUID() };
  const signal = new AbortController().signal;
  try {
    await test(
      engine,
      (name, source, more = {}) => loadLocal({ runtime, name, source, labels, signal, ...more }),
    );
  } finally {
    for (const { name } of await engine.listVolumes({ labels })) await engine.removeVolume(name);
    engine.close();
  }
}

function environment(name: string): Record<string, string> {
  return { OMCP_DATABASE_URL: `local:${name}`, OMCP_DISCLOSURE: "open" };
}

Deno.test("loadLocal() creates a CDM that one server at a time serves", async () => {
  await withEngine(async (engine, load) => {
    const name = newCdmName();
    await load(name, sampleSource({ persons: 50, seed: 5 }));
    const volume = await engine.inspectVolume(volumeName(name));
    assert.equal(volume?.labels[LABEL_ROLE], ROLE_CDM);
    assert.ok(volume?.labels[LABEL_LOAD]);

    await assert.rejects(load(name, sampleSource({ persons: 1 })), {
      code: "invalid_argument",
      message: /already/,
    });
    await withServer(environment(name), async (server) => {
      const sandbox_id = await newSandbox(server);
      const reply = await server.call("query_omop", { sandbox_id, table: "person", into: "people" });
      assert.match(reply.text, /`people`: 50 rows/);

      await withServer(environment(name), async (other) => {
        const code = "import psycopg\npsycopg.connect()";
        const reply = await other.call("execute_python_code", { sandbox_id: await newSandbox(other), code });
        assert.match(reply.text, /OperationalError/);
      });
      await refusesToServe(engine, name, { code: "cdm_in_use" });
      await assert.rejects(load(name, sampleSource({ persons: 1 }), { replace: true }), {
        code: "cdm_in_use",
      });
    });

    await load(name, sampleSource({ persons: 7 }), { replace: true });
    await withServer(environment(name), async (server) => {
      const sandbox_id = await newSandbox(server);
      const reply = await server.call("query_omop", { sandbox_id, table: "person", into: "people" });
      assert.match(reply.text, /`people`: 7 rows/);
    });
  });
});

Deno.test("a failed loadLocal() leaves no volume", async () => {
  await withEngine(async (engine, load) => {
    const name = newCdmName();
    await withFolder({ "person.csv": PERSON.replace("8507", "male") }, async (folder) => {
      await assert.rejects(load(name, await folderSource(folder)), {
        code: "cdm_invalid",
        state: /There is no local CDM/,
      });
    });
    assert.equal(await engine.inspectVolume(volumeName(name)), undefined);
    assert.equal(await engine.inspectVolume(markerName(name)), undefined);
  });
});

/** Opens the gateway of a server on a local CDM, and uses it. */
async function refusesToServe(
  engine: Engine,
  name: string,
  error: Readonly<Record<string, string | RegExp>>,
): Promise<void> {
  const variables = environment(name);
  const config = readConfig((variable) => variables[variable]);
  const audit = { record: () => {}, ready: () => true, keepsSource: false };
  await assert.rejects(async () => {
    const gateway = await openCdmGateway(config, new DockerRuntime(engine), audit);
    try {
      await gateway?.describe();
    } finally {
      await gateway?.close();
    }
  }, error);
}

Deno.test("a killed load leaves a remnant that no server serves, and the next load replaces it", async () => {
  await withEngine(async (engine, load) => {
    const runtime = new DockerRuntime(engine);
    const name = newCdmName();
    const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
    const loader = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", main, "cdm", "sample", "--persons", "1000000", "--into", `local:${name}`],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      const output = loader.stdout.getReader();
      let text = "";
      // The report's head is printed: the load creates the tables now.
      while (!text.includes("rejected")) text += new TextDecoder().decode((await output.read()).value);
      await eventually(
        async () => await stateIn(runtime, name) === "loading",
        "the load mounts its volume",
        60_000,
      );
      await delay(3000);
      loader.kill("SIGKILL");
      await loader.status;
      await output.cancel();
      await removeUsers(engine, volumeName(name));

      assert.equal(await stateIn(runtime, name), "remnant");
      await refusesToServe(engine, name, { code: "cdm_invalid", message: /runs, or was killed/ });
      // A moment after its start, it could be a load that has not mounted its volume yet.
      await assert.rejects(load(name, sampleSource({ persons: 3 })), {
        code: "cdm_in_use",
        next: /it replaces the remnant/,
      });
      const marker = await engine.inspectVolume(markerName(name));
      await engine.removeVolume(markerName(name));
      const before = new Date(Date.now() - 120_000).toISOString();
      await engine.createVolume(markerName(name), { ...marker?.labels, [LABEL_CREATED]: before });
      await load(name, sampleSource({ persons: 3 }));
      assert.equal(await stateIn(runtime, name), "loaded");
      assert.equal(await engine.inspectVolume(markerName(name)), undefined);
      await withServer(environment(name), async (server) => {
        const sandbox_id = await newSandbox(server);
        const reply = await server.call("query_omop", { sandbox_id, table: "person", into: "people" });
        assert.match(reply.text, /`people`: 3 rows/);
      });
    } finally {
      await removeUsers(engine, volumeName(name));
      await engine.removeVolume(volumeName(name));
      await engine.removeVolume(markerName(name));
    }
  });
});

/** What `omcp cdm list` shows for one CDM. */
async function stateIn(runtime: DockerRuntime, name: string): Promise<string | undefined> {
  const line = cdmLines(await listLocalCdms(runtime)).find((line) => line.startsWith(`local:${name} `));
  return /\b(?:loaded|loading|remnant)\b/.exec(line ?? "")?.[0];
}

Deno.test("the log of a load does not stay on disk", async () => {
  await withEngine(async (_, load) => {
    const name = newCdmName();
    await load(name, sampleSource({ persons: 2000, seed: 1 }));
    const { stdout } = await new Deno.Command("docker", {
      args: ["run", "--rm", "--entrypoint", "du", "-v", `${volumeName(name)}:/data`, POSTGRES_IMAGE].concat([
        "-sk",
        "/data/pgdata/base",
        "/data/pgdata/pg_wal",
      ]),
    }).output();
    const [base = 0, log = 0] = new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
      Number.parseInt(line)
    );
    assert.ok(base > 20_000, `${base} KiB of data`);
    assert.ok(log > 0 && log < 5000, `${log} KiB of log`);
  });
});

/** Ends the database of a killed load at once; its lease would end it later. */
async function removeUsers(engine: Engine, volume: string): Promise<void> {
  for (const { id } of await engine.listContainers({ volume, all: true })) await engine.removeContainer(id);
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

interface Expected {
  readonly folder: string;
  readonly version: string;
  readonly rows: Readonly<Record<string, number>>;
  readonly primaryKeysLeftOut: readonly string[];
}

/** Counts from the data sets' own descriptions. */
const REAL: readonly Expected[] = [
  {
    folder: "gibleed_5.3",
    version: "5.3",
    rows: {
      person: 2694,
      condition_occurrence: 65_332,
      drug_exposure: 67_707,
      measurement: 44_053,
      procedure_occurrence: 37_409,
      condition_era: 65_719,
      drug_era: 52_508,
    },
    primaryKeysLeftOut: ["drug_exposure", "measurement", "observation"],
  },
  { folder: "synthea27nj_5.4", version: "5.4", rows: { person: 28 }, primaryKeysLeftOut: [] },
];

for (const { folder, version, rows, primaryKeysLeftOut } of REAL) {
  const path = fileURLToPath(new URL(folder, SHARED));
  Deno.test({
    name: `folderSource() loads ${folder} whole (skipped where ../shared/data is absent)`,
    ignore: !isFolder(path),
    fn: async () => {
      await withEngine(async (_, load) => {
        const name = newCdmName();
        const source = await folderSource(path);
        assert.equal(source.version, version);
        const { tables, keys } = await load(name, source);
        for (const [table, count] of Object.entries(rows)) {
          const found = tables.find((report) => report.table === table);
          assert.deepEqual([found?.read, found?.loaded, found?.rejected], [count, count, 0], table);
        }
        assert.equal(tables.reduce((sum, { rejected }) => sum + rejected, 0), 0);
        assert.deepEqual(keys.primaryKeysLeftOut.map(({ table }) => table).sort(), primaryKeysLeftOut);
        await withServer(environment(name), async (server) => {
          const sandbox_id = await newSandbox(server);
          const reply = await server.call("query_omop", {
            sandbox_id,
            table: "person",
            group_by: ["gender_concept_id"],
            aggregates: [{ fn: "count", as: "persons" }],
            into: "by_sex",
          });
          assert.equal(reply.isError, false, reply.text);
          const code = "int(by_sex.persons.sum())";
          const sum = await server.call("execute_python_code", { sandbox_id, code });
          assert.match(sum.text, new RegExp(`\\b${rows["person"]}\\b`));
          if (folder.startsWith("gibleed")) await assertGibleedConcepts(server);
        });
      });
    },
  });
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
