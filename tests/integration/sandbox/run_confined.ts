import * as z from "zod";
import type { CreateContainerRequest, HostConfigSpec } from "../../../src/docker/mod.ts";
import { createContainerRequest } from "../../../src/runtime/docker/mod.ts";
import type { ContainerSpec, SeccompProfile } from "../../../src/runtime/mod.ts";
import { sandboxContainerSpec, type SandboxPolicy } from "../../../src/sandbox/policy.ts";
import { TEST_POLICY } from "../../fixtures/oci_runtime.ts";
import { textOf } from "../../fixtures/docker/support.ts";
import { connectTestEngine } from "../../fixtures/server.ts";

/** How {@link runConfined} runs. */
export interface RunConfinedOptions {
  readonly image: string;
  /** The Python program; it prints one JSON value. */
  readonly program: string;
  /** Its arguments. */
  readonly args?: readonly string[];
  /** @default TEST_UID */
  readonly uid?: number;
  /** @default TEST_POLICY */
  readonly policy?: SandboxPolicy;
  /** @default SANDBOX_SECCOMP */
  readonly seccomp?: SeccompProfile;
  /** What differs from a sandbox's container, in the engine's terms. */
  readonly hostConfig?: HostConfigSpec;
  readonly request?: Partial<CreateContainerRequest>;
}

/** The uid of every program run here: outside the range of sandboxes, which it could disturb. */
export const TEST_UID = 60_001;

/** Milliseconds a program may take. */
const DEADLINE_MS = 300_000;

/** The container of {@link runConfined}, without what differs. */
export function confinedSpec(
  options: Pick<RunConfinedOptions, "image" | "program" | "args" | "uid" | "policy">,
  name: string,
): ContainerSpec {
  return sandboxContainerSpec(options.policy ?? TEST_POLICY, {
    image: options.image,
    uid: options.uid ?? TEST_UID,
    labels: { "org.omcp.test": name },
    env: { HOME: "/tmp/home" },
    command: ["python3", "-c", options.program, ...options.args ?? []],
  });
}

/**
 * Runs a program as PID 1 of a container like a sandbox's, without our agent, and always removes the container.
 *
 * @param options What to run.
 * @param schema What the program prints.
 * @returns What it printed.
 */
export async function runConfined<S extends z.ZodType>(
  options: RunConfinedOptions,
  schema: S,
): Promise<z.output<S>> {
  const engine = await connectTestEngine();
  const name = `omcp-test-${crypto.randomUUID()}`;
  const sandbox = confinedSpec(options, name);
  const { seccomp = sandbox.confinement.seccomp } = options;
  const request = createContainerRequest({
    ...sandbox,
    confinement: { ...sandbox.confinement, seccomp },
  });
  const changed = {
    ...request,
    ...options.request,
    HostConfig: { ...request.HostConfig, ...options.hostConfig },
  };
  const warnings: string[] = [];
  try {
    const id = await engine.createContainer(changed, { name, onWarning: (text) => warnings.push(text) });
    const attachment = await engine.attach(id);
    await engine.startContainer(id);
    const timer = setTimeout(() => attachment.close(), DEADLINE_MS);
    try {
      const [out, err] = await Promise.all([textOf(attachment.readable), textOf(attachment.stderr)]);
      if (out === "") throw new Error(`the program printed nothing: ${err} ${warnings.join("; ")}`);
      return schema.parse(JSON.parse(out));
    } finally {
      clearTimeout(timer);
      attachment.close();
    }
  } finally {
    await engine.removeContainer(name);
    engine.close();
  }
}
