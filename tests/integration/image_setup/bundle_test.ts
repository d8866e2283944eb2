/** `omcp bundle` and `omcp load` as commands, on a real engine, with the images of a copy of the program. */
import assert from "node:assert/strict";
import { programFiles } from "../../../scripts/package/files.ts";
import { buildOneFile } from "../../../scripts/package/packages.ts";
import { connectCommand } from "../../../src/cli/demo/client.ts";
import { type OtherVersion, otherVersion } from "../../fixtures/other_version.ts";
import { type ProgramOutput, programOutput } from "../../fixtures/program_output.ts";
import { assertNothingLeft, connectTestEngine, newInstance, newSandbox } from "../../fixtures/server.ts";

/** Runs a command of the copy. */
function omcp({ project }: OtherVersion, args: readonly string[]): Promise<ProgramOutput> {
  return programOutput(
    Deno.execPath(),
    ["run", "-A", "--no-check", "--cached-only", `${project}/src/main.ts`, ...args],
    { cwd: project, env: { NO_COLOR: "1" } },
  );
}

Deno.test("what `bundle` writes, `load` loads where no registry can be reached; what is damaged loads nothing", async (t) => {
  const engine = await connectTestEngine();
  const folder = await Deno.makeTempDir({ prefix: "omcp-bundle-test-" });
  const archive = `${folder}/omcp.tar`;
  try {
    await using version = await otherVersion(engine);
    const references = Object.values(version.references);
    const present = async () => {
      const found = await Promise.all(
        references.map(async (name) => await engine.inspectImage(name) ? [name] : []),
      );
      return found.flat();
    };
    await t.step("`bundle` refuses to write what the engine lacks, and leaves no file", async () => {
      const { code, stderr } = await omcp(version, ["bundle", archive, "--images-only"]);
      assert.equal(code, 1);
      assert.match(stderr, /^image_missing: [^]*setup/m);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    });
    await version.setup.ensureImages(version.engine, ["python", "postgres"], {
      progress: () => {},
      read: (name) => Deno.env.get(name),
      source: { kind: "build" },
    });
    await t.step("without the program, `bundle` says how to make it", async () => {
      const { code, stderr } = await omcp(version, ["bundle", archive]);
      assert.equal(code, 1);
      assert.match(stderr, /dist\/omcp[^]*task package[^]*--images-only/);
    });
    let sha256 = "";
    await t.step("`bundle` writes the program and the images", async () => {
      await buildOneFile(version.project, await programFiles(version.project), `${version.project}/dist`);
      const { code, stdout, stderr } = await omcp(version, ["bundle", archive]);
      assert.equal(code, 0, stderr);
      sha256 = /SHA-256 ([0-9a-f]{64})/.exec(stdout)?.[1] ?? "";
      const listed = await new Deno.Command("tar", { args: ["-tf", archive] }).output();
      assert.equal(
        new TextDecoder().decode(listed.stdout),
        "omcp-bundle.json\nomcp\nimages/python.tar.gz\nimages/postgres.tar.gz\nSHA256SUMS\n",
      );
      const sum = await new Deno.Command("sha256sum", { args: [archive] }).output();
      assert.ok(new TextDecoder().decode(sum.stdout).startsWith(sha256));
      const again = await omcp(version, ["bundle", archive]);
      assert.match(again.stderr, /exists already/);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["omcp.tar"]);
    });
    await t.step("`sha256sum -c` and `tar` read it, too", async () => {
      const unpacked = `${folder}/unpacked`;
      await Deno.mkdir(unpacked);
      const script =
        `tar -xf ${archive} -C ${unpacked} && cd ${unpacked} && sha256sum --quiet -c SHA256SUMS && test -x omcp`;
      const { success, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      await Deno.remove(unpacked, { recursive: true });
    });
    for (const name of references) await engine.removeImage(name);
    await t.step("`load` refuses damaged archives, and loads nothing of them", async () => {
      const { size } = await Deno.stat(archive);
      const damaged = `${folder}/damaged.tar`;
      const changes: readonly (readonly [string, (file: Deno.FsFile) => Promise<unknown>])[] = [
        ["cut off", (file) => file.truncate(size - 4096)],
        ["cut off in the middle", (file) => file.truncate(Math.floor(size / 2))],
        ["a byte of the last image changed", async (file) => {
          await file.seek(size - 8192, Deno.SeekMode.Start);
          await file.write(new TextEncoder().encode("!"));
        }],
      ];
      for (const [what, change] of changes) {
        await Deno.copyFile(archive, damaged);
        using file = await Deno.open(damaged, { write: true });
        await change(file);
        const { code, stderr } = await omcp(version, ["load", damaged]);
        assert.equal(code, 1, what);
        assert.match(stderr, /^invalid_argument: The archive cannot be used/m, what);
        assert.deepEqual(await present(), [], what);
      }
      const absent = await omcp(version, ["load", `${folder}/absent.tar`]);
      assert.match(absent.stderr, /^image_missing: Cannot read the archive/m);
    });
    await t.step("`load` of another version's archive loads nothing", async () => {
      const identity = `${version.project}/src/images/identity.ts`;
      const text = await Deno.readTextFile(identity);
      await Deno.writeTextFile(identity, text.replace(/const RECIPE = "/, "$&another"));
      const { code, stderr } = await omcp(version, ["load", archive]);
      await Deno.writeTextFile(identity, text);
      assert.equal(code, 1);
      assert.match(stderr, /^image_missing: The archive .* is of version/m);
      assert.deepEqual(await present(), []);
    });
    await t.step("the archive is all that a machine without a network needs", async () => {
      await Deno.mkdir(`${folder}/site`);
      const unpacked = await new Deno.Command("tar", {
        args: ["-xf", archive, "omcp"],
        cwd: `${folder}/site`,
      }).output();
      assert.ok(unpacked.success);
      const env = {
        HOME: `${folder}/site`,
        PATH: "/usr/bin:/bin",
        DOCKER_HOST: Deno.env.get("DOCKER_HOST") ?? "unix:///var/run/docker.sock",
      };
      // In a network namespace of its own, whose only interface is down.
      const alone = [
        "unshare",
        ...(Deno.uid() === 0 ? [] : ["--user", "--map-current-user"]),
        "--net",
        "./omcp",
      ];
      const start = { cwd: `${folder}/site`, clearEnv: true, env };
      const [command = "", ...args] = alone;
      const load = await new Deno.Command(command, {
        ...start,
        args: [...args, "load", archive],
        stdin: "null",
      }).output();
      assert.ok(load.success, new TextDecoder().decode(load.stderr));
      const printed = new TextDecoder().decode(load.stdout);
      assert.ok(printed.includes(sha256), printed);
      assert.deepEqual(await present(), references);
      const instance = newInstance();
      const server = await connectCommand({
        ...start,
        command,
        args,
        env: {
          ...env,
          OMCP_INSTANCE: instance,
          OMCP_LOG_LEVEL: "error",
          OMCP_AUDIT_FOLDER: `${folder}/audit`,
        },
      });
      try {
        const sandbox_id = await newSandbox(server);
        const cell = await server.call("execute_python_code", { sandbox_id, code: "print(6 * 7)" });
        assert.match(cell.text, /^42$/m);
      } finally {
        await server.close();
      }
      await assertNothingLeft(await connectTestEngine(), instance);
    });
    await t.step("OMCP_IMAGE_FILE does the same where the images are missing", async () => {
      for (const name of references) await engine.removeImage(name);
      await version.setup.ensureImages(version.engine, ["python", "postgres"], {
        progress: () => {},
        read: () => undefined,
        source: { kind: "file", path: archive },
      });
      assert.deepEqual(await present(), references);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
    engine.close();
  }
});
