/** The Python image on a processor that this machine does not have: what of it can be checked here. */
import assert from "node:assert/strict";
import { hostCertificates } from "../../../src/lib/host_certificates.ts";
import { PYTHON_IMAGE } from "../../fixtures/images.ts";
import { PROJECT } from "../../fixtures/server.ts";

/** The wheels that uv chooses for aarch64 and the image's own Python: a lock file by PEP 751. Nothing is downloaded but metadata. */
async function lockFor(requirements: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-test-" });
  try {
    const certificates = await hostCertificates((name) => Deno.env.get(name));
    await Deno.writeTextFile(`${folder}/ca.pem`, certificates);
    await Deno.writeTextFile(`${folder}/requirements.txt`, requirements);
    await Deno.chmod(folder, 0o755);
    const index = Deno.env.get("PIP_INDEX_URL");
    const { code, stdout, stderr } = await new Deno.Command("docker", {
      args: [
        ...["run", "--rm", "--network", "bridge", "-v", `${folder}:/given:ro`, "-e", "HOME=/tmp"],
        ...(certificates === "" ? [] : ["-e", "SSL_CERT_FILE=/given/ca.pem"]),
        ...[PYTHON_IMAGE, "/opt/venv/bin/uv", "pip", "compile", "--no-cache", "--no-deps", "--no-header"],
        ...["--only-binary", ":all:", "--python", "/opt/venv/bin/python", "--format", "pylock.toml"],
        ...["--python-platform", "aarch64-manylinux_2_28", "/given/requirements.txt"],
        ...(index === undefined ? [] : ["--default-index", index]),
      ],
      stdin: "null",
      signal: AbortSignal.timeout(120_000),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Name → hashes of the wheels, of a lock file. */
function wheels(lock: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    lock.split("[[packages]]").slice(1).map((part) => [
      /^name = "([^"]+)"$/m.exec(part)?.[1] ?? "",
      [...part.matchAll(/sha256 = "(\w{64})"/g)].map(([, hash = ""]) => hash),
    ]),
  );
}

/** Name → allowed hashes, of the requirements. */
function allowed(requirements: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...requirements.matchAll(/^([\w.-]+)==(?:.*\\\n)+.*$/gm)].map(([text, name = ""]) => [
      name,
      [...text.matchAll(/sha256:(\w{64})/g)].map(([, hash = ""]) => hash),
    ]),
  );
}

Deno.test("the hashed requirements of the Python image allow the wheel that aarch64 gets, for every package", async () => {
  const requirements = await Deno.readTextFile(`${PROJECT}/images/python/requirements.txt`);
  const known = allowed(requirements);
  const found = wheels(await lockFor(requirements));
  assert.ok(known.size > 100 && found.get("numpy")?.length === 1);
  assert.deepEqual([...found.keys()].sort(), [...known.keys()].sort());
  const missing = [...found].filter(([name, hashes]) =>
    !hashes.some((hash) => known.get(name)?.includes(hash))
  );
  assert.deepEqual(missing.map(([name]) => name), []);
});
