/** The container that resolves and downloads packages for one call: confined like a sandbox, but with a network and without user code. */
import { GUEST_MODULES, LOADER_COMMAND } from "../../guest/mod.ts";
import {
  confinement,
  type ContainerSpec,
  CPU_SHARES,
  DATABASE_UID,
  labelsOf,
  networkConfinement,
  SANDBOX_SECCOMP,
} from "../../runtime/mod.ts";
import { VERSION } from "../../version.ts";

const MIB = 1024 * 1024;
/** Memory for uv and Python, besides the files. */
const PROGRAM_BYTES = 512 * MIB;
/** What uv caches besides the wheels: the index's pages. */
const CACHE_BYTES = 64 * MIB;
const INODES = 200_000;

/** What a {@link resolverSpec} depends on. */
export interface ResolverSpecOptions {
  /** Its image. */
  readonly image: string;
  /** The server's instance. */
  readonly instance: string;
  /** Its handle. */
  readonly id: string;
  /** The network that it joins; undefined if it only looks at its image. */
  readonly network: string | undefined;
  /** The most that the unpacked packages may take, in bytes. */
  readonly treeBytes: number;
}

/**
 * The container's specification.
 *
 * @param options See {@link ResolverSpecOptions}.
 */
export function resolverSpec(options: ResolverSpecOptions): ContainerSpec {
  const { image, instance, id, network, treeBytes } = options;
  const tmpBytes = treeBytes + CACHE_BYTES;
  return {
    image,
    labels: labelsOf({ instance, role: "resolver", name: id, version: VERSION }),
    env: { HOME: "/tmp", LANG: "C.UTF-8" },
    command: LOADER_COMMAND,
    workingDir: "/tmp",
    hostname: "resolver",
    confinement: network === undefined
      ? confinement(DATABASE_UID, SANDBOX_SECCOMP)
      : networkConfinement(DATABASE_UID),
    limits: {
      memoryBytes: tmpBytes + INODES * 1024 + PROGRAM_BYTES,
      cpus: 1,
      cpuShares: CPU_SHARES.sandbox,
      pids: 128,
      openFiles: 1024,
      oomScoreAdj: 500,
    },
    tmpfs: [
      { path: "/tmp", bytes: tmpBytes, inodes: INODES, mode: "0700", exec: false },
      // Without it, the engine would mount one of 64 MiB.
      { path: "/dev/shm", bytes: MIB, inodes: 64, mode: "0700", exec: false },
    ],
    stdin: "ends-with-attach",
    ...(network === undefined ? {} : { network }),
  };
}

/** The program's modules, by the names that the loader and the program look for. */
export const RESOLVER_MODULES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(GUEST_MODULES).filter(([name]) =>
      name === "resolver" || name.startsWith("resolver.") ||
      ["agent.attestation", "agent.process", "agent.rate"].includes(name)
    ),
  ),
  // The loader calls the module of this name.
  agent: "from resolver import main\n",
};
