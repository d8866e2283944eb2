/**
 * A host and its port as URLs and Deno's permissions have them.
 *
 * @param host A name, or an IP address without brackets.
 * @param port The port.
 * @returns `host:port`, or `[address]:port` for IPv6.
 */
export function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
