/** Reads tests/vectors/frames.json (format: its README). */
import * as z from "zod";

/** Hex, or parts that are joined or repeated. */
export type Bytes = string | readonly Bytes[] | { readonly repeat: Bytes; readonly times: number };

const bytesSchema: z.ZodType<Bytes> = z.lazy(() =>
  z.union([z.string(), z.array(bytesSchema), z.object({ repeat: bytesSchema, times: z.int() })])
);
const frameSchema = z.object({
  type: z.string(),
  more: z.boolean(),
  id: z.int(),
  seq: z.int(),
  payload: bytesSchema,
});
const framesExpected = z.object({
  frames: z.array(frameSchema),
  pending: z.int().optional(),
  error: z.string().optional(),
});
const common = {
  name: z.string(),
  direction: z.enum(["server_to_agent", "agent_to_server"]),
  bytes: bytesSchema,
};
const vectorSchema = z.discriminatedUnion("layer", [
  z.object({ layer: z.literal("frames"), ...common, expect: framesExpected }),
  z.object({
    layer: z.literal("messages"),
    ...common,
    expect: z.object({ messages: z.array(z.unknown()), error: z.string().optional() }),
  }),
  z.object({ layer: z.literal("agent_attach"), ...common, expect: z.unknown() }),
  z.object({ layer: z.literal("server_attach"), ...common, nonce: z.string(), expect: framesExpected }),
  z.object({ layer: z.literal("split"), ...common, expect: z.object({ parts: z.array(z.string()) }) }),
]);

/** One vector. */
export type Vector = z.infer<typeof vectorSchema>;

/** All vectors. */
export async function readVectors(): Promise<readonly Vector[]> {
  const text = await Deno.readTextFile(new URL("../../vectors/frames.json", import.meta.url));
  return z.array(vectorSchema).parse(JSON.parse(text));
}

/** Expands a vector's `bytes` or `payload`. */
export function expand(bytes: Bytes): Uint8Array {
  if (typeof bytes === "string") return Uint8Array.fromHex(bytes);
  if ("repeat" in bytes) {
    const one = expand(bytes.repeat);
    const all = new Uint8Array(one.length * bytes.times);
    for (let time = 0; time < bytes.times; time += 1) all.set(one, time * one.length);
    return all;
  }
  return concat(bytes.map(expand));
}

/** Joins byte arrays. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Splits bytes into chunks of the lengths in `sizes`, repeated; each chunk has its own buffer. */
export function chunked(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return chunks;
}
