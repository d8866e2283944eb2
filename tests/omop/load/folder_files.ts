import { join } from "node:path";

/** Content of a file: text, or bytes as they are. */
export type Content = string | Uint8Array<ArrayBuffer>;

/**
 * Makes a folder of files for one test, and removes it.
 *
 * @param files Content by name; one whose name ends in `.gz` is gzipped.
 * @param test The test.
 */
export async function withFolder(
  files: Readonly<Record<string, Content>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "omcp-test-load-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(join(folder, name), name.endsWith(".gz") ? await gzip(bytes) : bytes);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Gzips bytes as one member.
 *
 * @param bytes The bytes.
 */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const zipped = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}
