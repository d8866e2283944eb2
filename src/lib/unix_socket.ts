/**
 * The path in the address of a Unix socket.
 *
 * @param address `unix:///path`, as in `DOCKER_HOST`.
 */
export function socketPath(address: string): string {
  return address.replace(/^unix:\/\//, "");
}
