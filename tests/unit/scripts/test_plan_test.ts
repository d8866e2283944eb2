import assert from "node:assert/strict";
import {
  moduleNames,
  pathsOf,
  snapshotTests,
  type TestFolders,
  wholeSuite,
} from "../../../scripts/test_plan.ts";

const TREE: Readonly<Record<string, readonly string[]>> = {
  "tests/unit": ["lib", "mcp", "postgres"],
  "tests/unit/mcp": ["snapshots", "tools_test.ts", "text_test.ts"],
  "tests/unit/mcp/snapshots": ["tools.json"],
  "tests/conformance": ["mcp"],
  "tests/integration": ["cdm", "guest", "image_setup", "mcp", "omop", "postgres"],
  "tests/attacks": ["neighbours.ts", "postgres"],
  "tests/faults": ["sandbox"],
  "tests/fuzz": ["postgres"],
  "tests/integration/cdm": ["whole_test.ts"],
  "tests/integration/postgres": ["broker_test.ts", "growth_test.ts", "roles", "server.py"],
  "tests/unit/postgres": ["guard"],
  "tests/unit/postgres/guard": ["guard_test.ts"],
};
const TEXTS: Readonly<Record<string, string>> = {
  "tools_test.ts": 'import { assertSnapshot } from "../fixtures/snapshot.ts";',
  "growth_test.ts": "const before = Deno.memoryUsage().rss;",
  "whole_test.ts": "const before = Deno.memoryUsage().rss;",
};
const FOLDERS: TestFolders = {
  exists: (path) =>
    TREE[path] !== undefined ||
    TREE[path.slice(0, path.lastIndexOf("/"))]?.includes(path.slice(path.lastIndexOf("/") + 1)) === true,
  names: (folder) => [...TREE[folder] ?? []],
  text: (path) => TEXTS[path.slice(path.lastIndexOf("/") + 1)] ?? "",
};

/** The file that measures its process, in a group that runs several files at a time. */
const measured = ["tests/integration/postgres/growth_test.ts"];

Deno.test("a module's name means its tests of every kind, a kind's name its folder, a path itself", () => {
  assert.deepEqual(pathsOf("postgres", FOLDERS), [
    "tests/unit/postgres",
    "tests/integration/postgres",
    "tests/attacks/postgres",
    "tests/fuzz/postgres",
  ]);
  assert.deepEqual(pathsOf("postgres/guard/", FOLDERS), ["tests/unit/postgres/guard"]);
  assert.deepEqual(pathsOf("attacks", FOLDERS), ["tests/attacks"]);
  assert.deepEqual(pathsOf("tests/unit/postgres/guard/guard_test.ts", FOLDERS), [
    "tests/unit/postgres/guard/guard_test.ts",
  ]);
  assert.deepEqual(pathsOf("postgrse", FOLDERS), []);
  assert.deepEqual(pathsOf("tests/unit/nothing", FOLDERS), []);
  assert.deepEqual(moduleNames(FOLDERS), [
    "cdm",
    "guest",
    "image_setup",
    "lib",
    "mcp",
    "omop",
    "postgres",
    "sandbox",
  ]);
});

Deno.test("an update of snapshots runs only the tests that have snapshots", () => {
  assert.deepEqual(snapshotTests(["tests/unit", "tests/conformance/mcp"], FOLDERS), [
    "tests/unit/mcp/tools_test.ts",
  ]);
  assert.deepEqual(snapshotTests(["tests/unit/mcp/tools_test.ts"], FOLDERS), [
    "tests/unit/mcp/tools_test.ts",
  ]);
  assert.deepEqual(snapshotTests(["tests/unit/postgres"], FOLDERS), []);
});

Deno.test("the whole suite has each folder of tests once, with the attacks first and alone", () => {
  const stages = wholeSuite(FOLDERS);
  assert.deepEqual(stages[0], [[{ name: "attacks", paths: ["tests/attacks"], jobs: 2 }]]);
  const paths = stages.flat(2).flatMap((group) => group.paths);
  assert.equal(new Set(paths).size, paths.length);
  const integration = TREE["tests/integration"] ?? [];
  assert.deepEqual(
    paths.toSorted(),
    [
      ...["attacks", "conformance", "faults", "fuzz", "unit"].map((kind) => `tests/${kind}`),
      ...integration.filter((name) => name !== "postgres").map((name) => `tests/integration/${name}`),
      "tests/integration/postgres/broker_test.ts",
      "tests/integration/postgres/roles",
      ...measured,
    ].toSorted(),
  );
});

Deno.test("tests that build images run after the faults, which build images, too", () => {
  const lane = wholeSuite(FOLDERS).flat().find((groups) => groups.some(({ name }) => name === "faults"));
  assert.deepEqual(lane?.slice(0, 2).map(({ paths }) => paths), [["tests/faults"], [
    "tests/integration/image_setup",
  ]]);
});

Deno.test("tests of integration that measure the memory of their process run in one that runs nothing beside them", () => {
  const groups = wholeSuite(FOLDERS).flat(2);
  const named = (wanted: string) => groups.find(({ name }) => name === wanted);
  assert.deepEqual(named("memory"), { name: "memory", paths: [...measured] });
  assert.equal(
    named("integration")?.paths.some((path) => measured.some((file) => file.startsWith(path))),
    false,
  );
  const without = { ...FOLDERS, text: () => "" };
  assert.equal(wholeSuite(without).flat(2).some(({ name }) => name === "memory"), false);
});
