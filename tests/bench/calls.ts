/** The calls of a bench on a server, through its MCP client; each throws what the tool says. */
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectedServer, sandboxIdIn } from "../../src/cli/demo/client.ts";
import { eventually } from "../fixtures/eventually.ts";
import { timed } from "./stats.ts";

/** How many sandboxes are created at once. */
export const AT_ONCE = 10;
/** More than the imports, and the container that compiles, take. */
const COMPILED_MS = 6000;

const FILL_MS = 60_000;

/**
 * Calls a tool.
 *
 * @param server The server.
 * @param name The tool.
 * @param input Its arguments.
 * @returns Its text.
 */
export async function call(
  server: ConnectedServer,
  name: string,
  input: Record<string, unknown>,
): Promise<string> {
  const { isError, text } = await server.call(name, input);
  if (isError) throw new Error(`${name} failed: ${text}`);
  return text;
}

/**
 * Creates a sandbox.
 *
 * @param server The server.
 * @returns Its handle.
 */
export async function create(server: ConnectedServer): Promise<string> {
  return sandboxIdIn(await call(server, "create_sandbox", {}));
}

/**
 * Runs the trivial cell.
 *
 * @param server The server.
 * @param sandbox_id The sandbox.
 */
export async function cell(server: ConnectedServer, sandbox_id: string): Promise<void> {
  await call(server, "execute_python_code", { sandbox_id, code: "1" });
}

/**
 * Runs a cell that prints a number.
 *
 * @param server The server.
 * @param sandbox_id The sandbox.
 * @param code The cell.
 * @returns The number.
 */
export async function printedNumber(
  server: ConnectedServer,
  sandbox_id: string,
  code: string,
): Promise<number> {
  const text = await call(server, "execute_python_code", { sandbox_id, code });
  const found = /^\[stdout\]\n([\d.]+)$/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`The cell printed no number: ${text.slice(0, 500)}`);
  return Number(found);
}

/**
 * Removes a sandbox.
 *
 * @param server The server.
 * @param sandbox_id The sandbox.
 */
export async function remove(server: ConnectedServer, sandbox_id: string): Promise<void> {
  await call(server, "remove_sandbox", { sandbox_id, force: true });
}

/**
 * Lets a server compile the guest's modules, which it does when its second sandbox has imported everything.
 *
 * @param server The server.
 */
export async function compileModules(server: ConnectedServer): Promise<void> {
  const first = [await create(server), await create(server)];
  await delay(COMPILED_MS);
  for (const sandbox of first) await remove(server, sandbox);
}

/**
 * Waits until the pool's one sandbox is ready, so that it is not started during the next measurement.
 *
 * @param server A server with a pool of one.
 */
export async function poolIsFilled(server: ConnectedServer): Promise<void> {
  const isReady = async () =>
    (await call(server, "list_sandboxes", {})).includes("1 of 1 further sandbox is ready");
  await eventually(isReady, "the pool is filled", FILL_MS);
}

/**
 * Creates {@link AT_ONCE} sandboxes at once, runs a cell in each, and removes them.
 *
 * @param server The server.
 * @returns The time without the removal, ms.
 */
export async function burst(server: ConnectedServer): Promise<number> {
  const created: string[] = [];
  const took = await timed(() =>
    Promise.all(Array.from({ length: AT_ONCE }, async () => {
      const sandbox = await create(server);
      created.push(sandbox);
      await cell(server, sandbox);
    }))
  );
  await Promise.all(created.map((one) => remove(server, one)));
  return took;
}
