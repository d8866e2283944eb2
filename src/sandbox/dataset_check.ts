/** Inspects the datasets before the first sandbox exists, so that a folder that sandboxes cannot read is an error at the server's start. */
import * as z from "zod";
import { OmcpError } from "../errors.ts";
import { GUEST_MODULES } from "../guest/mod.ts";
import { counted } from "../lib/counted.ts";
import { logger } from "../observability/log.ts";
import {
  type ContainerRuntime,
  labelsOf,
  type ProgramOutput,
  runProgram,
  verifyAttestation,
} from "../runtime/mod.ts";
import { VERSION } from "../version.ts";
import program from "./dataset_check.py" with { type: "text" };
import { type Dataset, datasetPath } from "./datasets.ts";
import { randomSandboxUid } from "./own_uid.ts";
import { sandboxContainerSpec, type SandboxPolicy } from "./policy.ts";

const log = logger("sandbox");

/** Milliseconds for the whole check: a network file system that does not respond must not hold the start forever. */
const DEADLINE_MS = 45_000;
const OUTPUT_BYTES = 256 * 1024;
/** This container runs without the loader, so the module's source is put before the program's. */
const PROGRAM = `${GUEST_MODULES["agent.attestation"]}\n${program}`;

/** File systems that show the machine and its processes, not data. */
const KERNEL_FILE_SYSTEMS: ReadonlySet<string> = new Set([
  "binfmt_misc",
  "bpf",
  "cgroup",
  "cgroup2",
  "configfs",
  "debugfs",
  "devpts",
  "devtmpfs",
  "efivarfs",
  "mqueue",
  "nsfs",
  "proc",
  "pstore",
  "securityfs",
  "sysfs",
  "tracefs",
]);

const datasetSchema = z.object({
  /** The mounted folder's path within its file system. It differs from the dataset's if a link led elsewhere, or if a file system is mounted there. */
  source: z.string().max(4096),
  /** The kind of file system. */
  kind: z.string().max(100),
  /** `not_a_folder`, or the system's message on why it cannot be read; null if it can. */
  problem: z.string().max(500).nullable(),
  files: z.int(),
  /** How many of them the sandbox's user can read. */
  readable: z.int(),
  /** Files and folders that the sandbox's user cannot read. */
  unreadable: z.int(),
  /** One of the unreadable files and folders. */
  example: z.string().max(1000).nullable(),
  /** Sockets, FIFOs and devices that it could write to. */
  writable: z.int(),
  /** Whether all of the dataset was looked at. */
  complete: z.boolean(),
});
const outputSchema = z.object({ datasets: z.array(datasetSchema), attestation: z.unknown() });

type Inspection = z.output<typeof datasetSchema>;

/** What {@link checkDatasets} needs. */
export interface DatasetCheckOptions {
  /** Where sandboxes run. */
  readonly runtime: ContainerRuntime;
  /** The server's instance, for the label. */
  readonly instance: string;
  /** An image with python3. */
  readonly image: string;
  /** What a sandbox may use; its datasets are checked. */
  readonly policy: SandboxPolicy;
  /** Why a folder of the engine's machine may not be a dataset, as the end of a sentence. Asked about the folder to which links led. @default nothing */
  readonly unfit?: (folder: string) => string | undefined;
}

/**
 * Mounts the datasets into a container like a sandbox's, and inspects them as a sandbox's user: of a large one the first 20,000 files and
 * folders. A part that cannot be read is a warning in the log.
 *
 * @param options See {@link DatasetCheckOptions}.
 * @returns A line about each dataset.
 * @throws {OmcpError} `config_invalid` for a folder that the engine's machine does not have, that sandboxes cannot read, or in which they could
 * write; the runtime's errors.
 */
export async function checkDatasets(options: DatasetCheckOptions): Promise<string[]> {
  const { policy: { datasets }, unfit = () => undefined } = options;
  if (datasets.length === 0) return [];
  const inspections = await inspect(options);
  const problems = datasets.flatMap((dataset, at) => {
    const inspection = inspections[at];
    return inspection === undefined ? [] : problemsOf(dataset, inspection, unfit);
  });
  if (problems.length > 0) {
    const steps = new Set(problems.map(({ next }) => next));
    throw unusable(problems.map(({ what }) => what).join("; "), [...steps].join(" "));
  }
  return datasets.map((dataset, at) => {
    const inspection = inspections[at];
    if (inspection === undefined) return `${dataset.name} was not inspected`;
    if (inspection.unreadable > 0) warn(dataset, inspection);
    const rest = inspection.complete ? "" : " and more that were not looked at";
    const unreadable = inspection.unreadable === 0
      ? ""
      : `, and ${
        counted(inspection.unreadable, "file or folder", "files or folders")
      } that sandboxes cannot read`;
    return `${datasetPath(dataset.name)} is ${dataset.folder}, read-only: ${
      counted(inspection.files, "file")
    }${rest}${unreadable}`;
  });
}

async function inspect(options: DatasetCheckOptions): Promise<readonly Inspection[]> {
  const { runtime, instance, image, policy } = options;
  const uid = randomSandboxUid();
  const name = `dataset-${crypto.randomUUID()}`;
  const spec = {
    ...sandboxContainerSpec(policy, {
      image,
      uid,
      labels: labelsOf({ instance, role: "check", name, version: VERSION, uid }),
      env: {},
      command: [
        "python3",
        "-I",
        "-S",
        "-c",
        PROGRAM,
        ...policy.datasets.map((each) => datasetPath(each.name)),
      ],
    }),
    stdin: "ends-with-attach",
  } as const;
  let output: ProgramOutput;
  try {
    output = await runProgram(runtime, spec, {
      name: `omcp-${name}`,
      deadlineMs: DEADLINE_MS,
      outputBytes: OUTPUT_BYTES,
    });
  } catch (error) {
    // The engine's message names the folder, as in "bind source path does not exist: /srv/x".
    if (!(error instanceof OmcpError) || !["engine_refused", "engine_failed"].includes(error.code)) {
      throw error;
    }
    throw unusable(
      mountProblem(error.message, policy.datasets),
      "Correct OMCP_DATASETS. The paths are those of the machine on which the engine runs.",
      error,
    );
  }
  const printed = parseOutput(output);
  const deviations = verifyAttestation(spec, printed).filter((each) => each.includes("/data/"));
  if (deviations.length > 0) throw unusable(deviations.join("; "), "Correct OMCP_DATASETS or the mounts.");
  return printed.datasets;
}

/**
 * The engine's message in plain words; the message itself is shown only if it is not understood. Of the datasets whose folder the message names,
 * it is about the one with the longest path, because paths can begin alike.
 */
function mountProblem(message: string, datasets: readonly Dataset[]): string {
  const about = datasets.filter(({ folder }) => message.includes(folder))
    .toSorted((a, b) => b.folder.length - a.folder.length)[0];
  if (about === undefined) {
    return `one of the datasets ${datasets.map(({ name }) => name).join(", ")} cannot be mounted: ${message}`;
  }
  return /not exist|no such file/i.test(message)
    ? `dataset ${about.name} (${about.folder}) does not exist on the engine's machine`
    : `dataset ${about.name} (${about.folder}) cannot be mounted: ${message}`;
}

function parseOutput({ stdout, stderr }: ProgramOutput): z.output<typeof outputSchema> {
  try {
    return outputSchema.parse(JSON.parse(stdout));
  } catch (cause) {
    throw unusable(
      "the program that inspects them failed",
      `It printed: ${stderr.trim().slice(-500) || "nothing"}`,
      cause,
    );
  }
}

/** What is wrong with a dataset, and what to do about it. */
interface Problem {
  readonly what: string;
  readonly next: string;
}

const OTHER_FOLDER = "Name a folder with data in OMCP_DATASETS.";

function problemsOf(
  { name, folder }: Dataset,
  inspection: Inspection,
  unfit: (folder: string) => string | undefined,
): Problem[] {
  const dataset = `dataset ${name} (${folder})`;
  const access =
    `Each sandbox has a user id of its own, so that files must be readable by everyone: \`chmod -R o+rX ${folder}\`, ` +
    "and where SELinux is enforced the type container_file_t.";
  const { kind, source } = inspection;
  if (KERNEL_FILE_SYSTEMS.has(kind)) {
    return [{ what: `${dataset} is the machine's ${kind}, not a folder with data`, next: OTHER_FOLDER }];
  }
  // Unless a link led elsewhere, the configured path ends with `source`, which begins at the root of its file system.
  const problem = folder.endsWith(source) || source === "/" ? undefined : unfit(source);
  if (problem !== undefined) {
    return [{ what: `${dataset} is the folder ${source}, which ${problem}`, next: OTHER_FOLDER }];
  }
  if (inspection.problem === "not_a_folder") {
    return [{
      what: `${dataset} is not a folder`,
      next: "Name the folder that holds the file in OMCP_DATASETS.",
    }];
  }
  if (inspection.problem !== null) {
    return [{ what: `${dataset} cannot be read by sandboxes: ${inspection.problem}`, next: access }];
  }
  if (inspection.files > 0 && inspection.readable === 0) {
    const files = counted(inspection.files, "file");
    return [{ what: `none of the ${files} of ${dataset} can be read by sandboxes`, next: access }];
  }
  if (inspection.writable > 0) {
    const special = counted(inspection.writable, "socket, FIFO or device", "sockets, FIFOs or devices");
    return [{
      what: `${dataset} has ${special} that sandboxes could write to`,
      next: "Move sockets, FIFOs and devices elsewhere.",
    }];
  }
  return [];
}

function unusable(why: string, next: string, cause?: unknown): OmcpError {
  return new OmcpError("config_invalid", `Cannot use the datasets of OMCP_DATASETS: ${why}`, {
    next,
    ...(cause === undefined ? {} : { cause }),
  });
}

function warn({ name, folder }: Dataset, { unreadable, example }: Inspection): void {
  log.warning(
    "Sandboxes cannot read {unreadable} files or folders of dataset {name} in {folder}, such as {example}",
    { unreadable, name, folder, example: example ?? "" },
  );
}
