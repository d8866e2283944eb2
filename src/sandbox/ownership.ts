/**
 * Who owns a sandbox, recorded where no code in a sandbox can reach it: in its container's name. A container is renamed when it is handed
 * out, so one that has only its first name has no owner. Every server that takes a sandbox over renames it again: the server before it knows only the
 * old name, and can no longer remove the container.
 */
import * as z from "zod";
import { OmcpError } from "../errors.ts";

/** The engine takes names of at most 128 characters; the other parts need 67 of them. */
const MAX_OWNER_CHARACTERS = 60;
const HOLDER_BYTES = 4;

/** What is recorded of a sandbox that was handed out. */
export interface Ownership {
  /** The sandbox's handle. */
  readonly id: string;
  /** The id of the principal that owns it. */
  readonly owner: string;
  /** When it was handed out, in milliseconds since the epoch. */
  readonly createdAt: number;
  /** Idle time after which it expires, ms. */
  readonly idleMs: number;
}

/**
 * The name of a sandbox's container until it is handed out.
 *
 * @param id The sandbox's handle.
 */
export function containerName(id: string): string {
  return `omcp-${id}`;
}

/**
 * A container name that records an ownership. Two calls give different names.
 *
 * @param ownership What to record; times are rounded to seconds.
 * @throws {OmcpError} `invalid_argument` for an owner whose id is too long.
 */
export function ownedName({ id, owner, createdAt, idleMs }: Ownership): string {
  const text = new TextEncoder().encode(owner).toBase64({ alphabet: "base64url", omitPadding: true });
  if (text.length > MAX_OWNER_CHARACTERS) {
    throw new OmcpError(
      "invalid_argument",
      "Cannot record the sandbox's owner: the principal's id is too long",
      {
        state: "No sandbox was created.",
      },
    );
  }
  const holder = crypto.getRandomValues(new Uint8Array(HOLDER_BYTES)).toHex();
  return [containerName(id), seconds(createdAt), seconds(idleMs), holder, text].join(".");
}

const record = z.string().max(128).transform((name) =>
  /^omcp-(sbx_[0-9a-f]{32})\.([0-9a-z]{1,8})\.([0-9a-z]{1,6})\.[0-9a-f]{8}\.([\w-]{1,60})$/.exec(name)
);

/**
 * Reads the ownership that a container's name records.
 *
 * @param name The name.
 * @returns Undefined if it records none: the sandbox was never handed out.
 */
export function readOwnership(name: string): Ownership | undefined {
  const [, id, created, idle, owner] = record.safeParse(name).data ?? [];
  if (id === undefined || created === undefined || idle === undefined || owner === undefined) {
    return undefined;
  }
  try {
    return {
      id,
      owner: new TextDecoder("utf-8", { fatal: true }).decode(
        Uint8Array.fromBase64(owner, { alphabet: "base64url" }),
      ),
      createdAt: parseInt(created, 36) * 1000,
      idleMs: parseInt(idle, 36) * 1000,
    };
  } catch {
    return undefined;
  }
}

function seconds(ms: number): string {
  return Math.round(ms / 1000).toString(36);
}
