import { OmcpError } from "../errors.ts";

/** The oldest Engine API that this client supports: Docker Engine 20.10. */
export const OLDEST_API = "1.41";
/** The newest Engine API whose behaviour is known here: Docker Engine 28. */
export const NEWEST_API = "1.51";

/**
 * Chooses the API version: the engine's newest, up to {@link NEWEST_API}.
 *
 * @param newest The newest that the engine supports.
 * @param oldest The oldest that it supports, if it says so.
 * @returns The version to use.
 * @throws {OmcpError} `engine_refused` if they have no version in common.
 */
export function chooseApiVersion(newest: string, oldest: string | undefined): string {
  if (compare(newest, OLDEST_API) < 0) {
    throw new OmcpError(
      "engine_refused",
      `Cannot use the container engine: it supports API ${newest}, and at least ${OLDEST_API} is required`,
      { next: "Upgrade to Docker Engine 20.10 or newer." },
    );
  }
  if (oldest !== undefined && compare(oldest, NEWEST_API) > 0) {
    throw new OmcpError(
      "engine_refused",
      `Cannot use the container engine: it requires API ${oldest} or newer, and this program supports up to ${NEWEST_API}`,
      { next: "Upgrade this program." },
    );
  }
  return compare(newest, NEWEST_API) > 0 ? NEWEST_API : newest;
}

/** The two parts are compared as whole numbers: 1.9 is older than 1.41. */
function compare(left: string, right: string): number {
  const [a = 0, b = 0] = left.split(".").map(Number);
  const [c = 0, d = 0] = right.split(".").map(Number);
  return a - c || b - d;
}
