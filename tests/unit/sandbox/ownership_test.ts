import assert from "node:assert/strict";
import { containerName, ownedName, readOwnership } from "../../../src/sandbox/ownership.ts";
import { newSandboxId } from "../../../src/sandbox/factory.ts";

Deno.test("a container's name records the owner, and no two names are the same", () => {
  for (const owner of ["local", "", "jörg@example.org", "a".repeat(45)]) {
    const ownership = { id: newSandboxId(), owner, createdAt: 1_796_000_000_000, idleMs: 86_400_000 };
    if (owner === "") {
      assert.equal(readOwnership(ownedName(ownership)), undefined);
      continue;
    }
    const name = ownedName(ownership);
    assert.match(name, /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/);
    assert.deepEqual(readOwnership(name), ownership);
    assert.notEqual(ownedName(ownership), name);
  }
});

Deno.test("an owner that the name has no room for is refused", () => {
  const ownership = { id: newSandboxId(), owner: "a".repeat(46), createdAt: 0, idleMs: 1000 };
  assert.throws(() => ownedName(ownership), { code: "invalid_argument" });
});

Deno.test("a name that is not a record has no owner", () => {
  const id = newSandboxId();
  const names = [
    containerName(id),
    `${containerName(id)}.tp7h2l.2s0.091746b3`,
    `${containerName(id)}.tp7h2l.2s0.091746b3.`,
    `${containerName(id)}.tp7h2l.2s0.091746b3.b`,
    `${containerName(id)}.tp7h2l.2s0.091746b3._w`,
    `${containerName(id)}.tp7h2l.2s0.091746b3.bG9jYWw.x`,
    `x${containerName(id)}.tp7h2l.2s0.091746b3.bG9jYWw`,
    "omcp-sbx_1.tp7h2l.2s0.091746b3.bG9jYWw",
  ];
  for (const name of names) assert.equal(readOwnership(name), undefined, name);
});
