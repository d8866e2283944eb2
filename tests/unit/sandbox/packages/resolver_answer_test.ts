import assert from "node:assert/strict";
import { factsSchema } from "../../../../src/sandbox/packages/resolver_answer.ts";

Deno.test("an image's distributions cannot become options of the resolver", () => {
  const facts = (name: string, version: string) =>
    factsSchema.safeParse({
      implementation: "cpython",
      python: "3.13.5",
      machine: "x86_64",
      libc: null,
      installed: [[name, version, true]],
    }).success;
  assert(facts("zope.interface", "1!2.0.post1+local-3"));
  for (
    const [name, version] of [
      ["a\n--index-url http://elsewhere/", "1"],
      ["a", "1\n--index-url http://elsewhere/"],
      ["a", "1\n"],
      ["-r", "1"],
      ["a @ http://elsewhere/a.whl", "1"],
      ["a", "1 ; python_version > '3'"],
      ["a", "1#"],
      ["", ""],
    ] as const
  ) assert(!facts(name, version), JSON.stringify([name, version]));
});
