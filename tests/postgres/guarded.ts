import { Database, type DatabaseOptions } from "../../src/postgres/mod.ts";
import { RawClient } from "./raw_client.ts";

/**
 * Opens a database over schema `cdm`, and runs the part of one client of it.
 *
 * @param options What the test needs; without an audit none is kept.
 * @param part Gets a session behind the guard, and its cancel key.
 */
export async function withGuarded(
  options: Pick<DatabaseOptions, "upstream" | "cdmRelations"> & Partial<DatabaseOptions>,
  part: (client: RawClient, key: Uint8Array) => Promise<void>,
): Promise<void> {
  const database = await Database.open({ cdmSchema: "cdm", audit: () => {}, ...options });
  try {
    const { client, key } = await RawClient.through(database.serve("sb_1"));
    await using _ = client;
    await part(client, key);
  } finally {
    await database.close();
  }
}
