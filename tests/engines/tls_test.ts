/** An engine over TCP with mutual TLS, as `dockerd --tlsverify` serves it; certificates are made here. */
import assert from "node:assert/strict";
import { engineAccess } from "../../src/app/engine_access.ts";
import { connectServer } from "../../src/cli/demo/client.ts";
import { Engine } from "../../src/docker/mod.ts";
import { OmcpError } from "../../src/errors.ts";
import { freePort } from "../fixtures/free_port.ts";
import { newSandbox, WITHOUT_POOL } from "../fixtures/server.ts";
import { textOf } from "../fixtures/docker/support.ts";
import { imageReference } from "../../src/images/identity.ts";
import { withSecondEngine } from "./second_engine.ts";

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command("openssl", { args: [...args], stderr: "piped" }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** A folder with ca.pem, and cert.pem and key.pem that this authority issued for a purpose. */
async function makeAuthority(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await openssl(
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", "/CN=omcp test authority", "-keyout", `${folder}/ca-key.pem`, "-out", `${folder}/ca.pem`],
    ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"],
  );
}

async function issue(authority: string, folder: string, extension: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/extensions`, extension);
  await openssl(
    ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=omcp test"],
    ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/request.pem`],
  );
  await openssl(
    ...["x509", "-req", "-days", "2", "-in", `${folder}/request.pem`, "-out", `${folder}/cert.pem`],
    ...["-CA", `${authority}/ca.pem`, "-CAkey", `${authority}/ca-key.pem`, "-CAcreateserial"],
    ...["-extfile", `${folder}/extensions`],
  );
  await Deno.copyFile(`${authority}/ca.pem`, `${folder}/ca.pem`);
}

Deno.test("an engine over TCP is used with mutual TLS and with nothing less, and each error says what to do", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "omcp-tls-" });
  try {
    const [ours, others] = [`${folder}/ours`, `${folder}/others`];
    await makeAuthority(ours);
    await makeAuthority(others);
    const client = `${folder}/client`;
    await issue(ours, `${folder}/engine`, "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth");
    await issue(ours, client, "extendedKeyUsage=clientAuth");
    await issue(others, `${folder}/stranger`, "extendedKeyUsage=clientAuth");
    const port = freePort();
    const host = `tcp://localhost:${port}`;
    const tls = ["--tlsverify", "--tlscacert", `${ours}/ca.pem`, "--tlscert", `${folder}/engine/cert.pem`];
    const args = [...tls, "--tlskey", `${folder}/engine/key.pem`, "--host", `tcp://127.0.0.1:${port}`];

    /** What a connection fails with. */
    const failure = async (address: string, certificates: string | undefined): Promise<OmcpError> => {
      const error: unknown = await Engine.connect({ host: address, certificates }).then(
        (engine) => engine.close(),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof OmcpError, `it connected to ${address}`);
      const key = await Deno.readTextFile(`${client}/key.pem`);
      const shown = Deno.inspect(error, { depth: 10 });
      assert.ok(!shown.includes(key.split("\n")[1] ?? key), "the key is shown");
      return error;
    };
    /** The client's folder with one file in place of another's. */
    const mixed = async (name: string, file: string, from: string): Promise<string> => {
      const made = `${folder}/${name}`;
      await Deno.mkdir(made);
      for (const each of ["ca.pem", "cert.pem", "key.pem"]) {
        await Deno.copyFile(`${client}/${each}`, `${made}/${each}`);
      }
      await Deno.copyFile(from, `${made}/${file}`);
      return made;
    };

    await withSecondEngine({ args }, async ({ copyImage }) => {
      await t.step("errors", async () => {
        const plain = await failure(host, undefined);
        assert.equal(plain.code, "config_invalid");
        assert.match(`${plain.message} ${plain.next}`, /needs TLS[^]*DOCKER_TLS_VERIFY=1[^]*--tlsverify/);
        const wrongCa = await failure(host, await mixed("wrong-ca", "ca.pem", `${others}/ca.pem`));
        assert.equal(wrongCa.code, "engine_unreachable");
        assert.match(
          `${wrongCa.message} ${wrongCa.next}`,
          /not issued by the authority in ca\.pem[^]*into ca\.pem/,
        );
        const wrongName = await failure(`tcp://127.0.0.1:${port}`, client);
        assert.equal(wrongName.code, "engine_unreachable");
        assert.match(`${wrongName.message} ${wrongName.next}`, /for another name[^]*subjectAltName/);
        await Deno.copyFile(`${ours}/ca.pem`, `${folder}/stranger/ca.pem`);
        const stranger = await failure(host, `${folder}/stranger`);
        assert.equal(stranger.code, "engine_unreachable");
        assert.match(
          `${stranger.message} ${stranger.next}`,
          /does not accept the client's certificate[^]*cert\.pem/,
        );
        await Deno.remove(`${folder}/stranger/key.pem`);
        const unreadable = await failure(host, `${folder}/stranger`);
        assert.equal(unreadable.code, "config_invalid");
        assert.match(
          unreadable.message,
          /^Cannot read \S+\/stranger\/key\.pem, which DOCKER_CERT_PATH names: /,
        );
        const other = await failure(host, await mixed("wrong-key", "key.pem", `${folder}/engine/key.pem`));
        assert.match(other.message, /key\.pem|certificate/);
      });
      await copyImage("python");
      await t.step("an attach over TLS carries stdin, its end, and both outputs", async () => {
        const engine = await Engine.connect({ host, certificates: client });
        const id = await engine.createContainer({
          Image: imageReference("python"),
          Entrypoint: [
            "python3",
            "-c",
            "import sys; t=sys.stdin.read(); print(len(t)); print('e', file=sys.stderr)",
          ],
          OpenStdin: true,
          StdinOnce: true,
          HostConfig: { NetworkMode: "none" },
        }, { name: `omcp-test-${crypto.randomUUID()}` });
        try {
          const attachment = await engine.attach(id);
          await engine.startContainer(id);
          const writer = attachment.writable.getWriter();
          await writer.write(new Uint8Array(3_000_000).fill(97));
          await writer.close();
          const outputs = await Promise.all([textOf(attachment.readable), textOf(attachment.stderr)]);
          assert.deepEqual(outputs, ["3000000\n", "e\n"]);
        } finally {
          await engine.removeContainer(id);
          engine.close();
        }
      });
      await t.step("a server with exactly the permissions for it runs a cell", async () => {
        const server = await connectServer({
          ...WITHOUT_POOL,
          DOCKER_HOST: host,
          DOCKER_TLS_VERIFY: "1",
          DOCKER_CERT_PATH: client,
          OMCP_DATABASE_URL: "none",
        }, engineAccess({ host, certificates: client }));
        try {
          const sandbox_id = await newSandbox(server);
          const { text } = await server.call("execute_python_code", { sandbox_id, code: "print(6 * 7)" });
          assert.match(text, /^\[stdout\]\n42\n/);
          await server.call("remove_sandbox", { sandbox_id });
        } finally {
          await server.close();
        }
      });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
