import assert from "node:assert/strict";
import { databaseName } from "../../../src/app/database_name.ts";

Deno.test("databaseName() names the database and no user or password", () => {
  const url = "postgres://reader:hunter2@db.example.org:5433/omop?sslmode=verify-full";
  assert.equal(databaseName({ kind: "url", url }), "db.example.org:5433/omop");
  assert.equal(
    databaseName({ kind: "url", url: "postgres:///omop?host=/run/pg&user=reader" }),
    "/run/pg/.s.PGSQL.5432/omop",
  );
  assert.equal(databaseName({ kind: "local", name: "mine" }), "local:mine");
  assert.equal(databaseName({ kind: "sample" }), "sample");
  assert.equal(databaseName({ kind: "none" }), "none");
});
