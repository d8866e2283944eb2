import assert from "node:assert/strict";
import { resolverError } from "../../../../src/sandbox/packages/resolver_error.ts";

/** What uv 0.13 prints. */
const WORDS: readonly (readonly [code: string, text: string])[] = [
  [
    "package_not_found",
    "error: No solution found when resolving dependencies\n  cause: Because nosuch was not found in the package registry and you require nosuch, we can conclude that your requirements are unsatisfiable.\n",
  ],
  [
    "package_not_found",
    "error: No solution found when resolving dependencies\n  cause: Because there is no version of numpy==99 and you require numpy==99, we can conclude that your requirements are unsatisfiable.\n",
  ],
  [
    "package_no_wheel",
    "error: No solution found when resolving dependencies\n  cause: Because all versions of pyradiomics have no usable wheels and you require pyradiomics, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for `pyradiomics` because building from source is disabled for all packages (i.e., with `--no-build`)\n",
  ],
  [
    "package_conflict",
    "error: No solution found when resolving dependencies\n  cause: Because requests==2.31.0 depends on urllib3>=1.21.1,<3 and you require requests==2.31.0, we can conclude that you require urllib3>=1.21.1,<3.\n         And because you require urllib3==1.20, we can conclude that your requirements are unsatisfiable.\n",
  ],
  [
    "package_index_unreachable",
    "error: Request failed after 3 retries in 10.0s\n  cause: Failed to fetch: <URL>\n  cause: error sending request for url (<URL>)\n  cause: client error (Connect)\n  cause: tcp connect error\n  cause: Connection refused (os error 111)\n",
  ],
  [
    "package_index_unreachable",
    "error: Failed to fetch: <URL>\n  cause: error sending request for url (<URL>)\n  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer\n",
  ],
  ["workspace_full", "error: Failed to extract archive: x\n  cause: No space left on device (os error 28)\n"],
  ["timeout", "timed out"],
  ["package_failed", "something else"],
];

Deno.test("a resolution's failure has a code, its reason in one line, the state and the next step", () => {
  for (const [code, text] of WORDS) {
    const error = resolverError({ step: "resolve", text });
    assert.equal(error.code, code, text);
    assert.match(error.state ?? "", /Nothing was installed/);
    assert.ok(error.next);
    assert.doesNotMatch(error.message, /\n/);
  }
});

Deno.test("a long explanation is cut in its middle, and says by how much", () => {
  const { message } = resolverError({
    step: "resolve",
    text: `No solution found ${"numpy ".repeat(900)} end\u001b[31m`,
  });
  assert.match(message, /\[… \d+ characters …\]/);
  assert.match(message, /end$/);
  assert.ok(message.length < 2000);
});
