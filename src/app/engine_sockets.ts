/** Where container engines have their sockets. */
import type { ReadVariable } from "./config.ts";
import { permitted } from "./permitted.ts";

/**
 * The usual places: the system's engine, a user's own (rootless), Docker Desktop, Colima, Rancher Desktop, OrbStack. Not Podman's, which cannot be used.
 *
 * @param read Looks up an environment variable: `HOME`, `XDG_RUNTIME_DIR`.
 * @returns Absolute paths, the likeliest first.
 */
export function usualSockets(read: ReadVariable): string[] {
  const [home, runtime] = ["HOME", "XDG_RUNTIME_DIR"].map((name) => permitted(read)(name) || undefined);
  return [
    "/var/run/docker.sock",
    ...(runtime === undefined ? [] : [`${runtime}/docker.sock`]),
    ...(home === undefined ? [] : [
      ".docker/run/docker.sock",
      ".docker/desktop/docker.sock",
      ".colima/default/docker.sock",
      ".config/colima/default/docker.sock",
      ".rd/docker.sock",
      ".orbstack/run/docker.sock",
    ].map((path) => `${home}/${path}`)),
  ];
}

/**
 * Lists the sockets that exist, among those that this process may see. It does not try whether an engine answers.
 *
 * @param read Looks up an environment variable.
 * @returns Absolute paths, the likeliest first.
 */
export function presentSockets(read: ReadVariable): string[] {
  return usualSockets(read).filter((path) => {
    try {
      return Deno.statSync(path).isSocket === true;
    } catch {
      return false;
    }
  });
}
