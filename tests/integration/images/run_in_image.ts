import type { HostConfigSpec } from "../../../src/docker/mod.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

/** How {@link runInImage} runs. */
export interface RunInImageOptions {
  /** `uid:gid`. @default the image's own */
  readonly user?: string;
  readonly env?: readonly string[];
  /** Mount point to tmpfs options. */
  readonly tmpfs?: Readonly<Record<string, string>>;
}

/** The result of a run. */
export interface RunInImageResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs a command in a new container without a network, on a read-only root, and always removes the container. */
export async function runInImage(
  image: string,
  command: readonly string[],
  options: RunInImageOptions = {},
): Promise<RunInImageResult> {
  const engine = await connectTestEngine();
  const name = `omcp-test-${crypto.randomUUID()}`;
  const host: HostConfigSpec = {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    LogConfig: { Type: "none" },
    Tmpfs: { "/tmp": "size=256m,mode=1777", ...options.tmpfs },
  };
  try {
    const id = await engine.createContainer({
      Image: image,
      Cmd: command,
      Labels: { "org.omcp.test": name },
      HostConfig: host,
      ...(options.user ? { User: options.user } : {}),
      ...(options.env ? { Env: options.env } : {}),
    }, { name });
    const attachment = await engine.attach(id);
    const output = Promise.all([
      new Response(attachment.readable).text(),
      new Response(attachment.stderr).text(),
    ]);
    await engine.startContainer(id);
    const [stdout, stderr] = await output;
    const { exitCode } = await engine.waitContainer(id);
    attachment.close();
    return { stdout, stderr, exitCode };
  } finally {
    await engine.removeContainer(name);
    engine.close();
  }
}
