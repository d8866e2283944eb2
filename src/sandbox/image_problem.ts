/** Turns failed starts that are the image's fault into errors that name the image and say what it lacks. */
import { OmcpError } from "../errors.ts";

const ADVICE =
  "Install it in the image (pip install ipython, or Debian's package python3-ipython), or choose another image.";

/** The deviation that the agent attests if Python has no ctypes. */
const DUMPABLE = "other processes can read the agent's memory";

/** How engines and agents report a problem, what it means, and what to do. */
const PROBLEMS: readonly (readonly [pattern: RegExp, means: string, next: string])[] = [
  [
    /python3"?: (?:executable file not found|stat |no such file|permission denied)/i,
    "has no python3 on its PATH",
    "Use an image with python3 ≥ 3.9 and ipython.",
  ],
  [
    /Cannot boot: python3 is \d/,
    "has a python3 that is older than 3.9",
    "Use an image with python3 ≥ 3.9 and ipython.",
  ],
  [
    /exec format error/i,
    "is for another processor architecture than the engine's machine",
    "Pull or build the image for the machine's architecture.",
  ],
];

/**
 * @param error What a creation threw.
 * @param image The image's name.
 * @returns `kernel_unavailable` where the image is the cause; the error as it was otherwise.
 */
export function imageProblem(error: unknown, image: string): unknown {
  if (!(error instanceof OmcpError)) return error;
  if (error.code === "kernel_unavailable") {
    return error.with({ message: error.message.replace(/^The image\b/, `The image ${image}`), next: ADVICE });
  }
  if (error.code === "sandbox_unsafe" && error.details.deviations?.includes(DUMPABLE) === true) {
    return error.with({
      next:
        `If python3 in the image ${image} has no ctypes (Debian's python3-minimal), install all of Python's ` +
        `standard library. ${error.next ?? ""}`,
    });
  }
  if (error.code !== "engine_refused" && error.code !== "sandbox_start_failed") return error;
  const text = `${error.message} ${error.next ?? ""}`;
  const found = PROBLEMS.find(([pattern]) => pattern.test(text));
  if (found === undefined) return error;
  const [, means, next] = found;
  return new OmcpError("kernel_unavailable", `The image ${image} ${means}`, { next, cause: error });
}
