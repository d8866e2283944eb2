import { OmcpError } from "../errors.ts";

/** A container's or volume's name, or an id, as the engine itself accepts it: nothing that could be a path or a query. */
const OBJECT_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** `host[:port]/path:tag@digest`, after the reference grammar of the OCI distribution specification. */
const IMAGE_REFERENCE = new RegExp(
  "^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?(?::[0-9]{1,5})?/)?" +
    "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*" +
    "(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$",
);

const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{12,64}$/;

/** The longest image reference accepted, in characters. */
const MAX_REFERENCE = 512;

/**
 * Checks the name or id of a container or volume before it becomes part of a URL.
 *
 * @param kind What it names, for the message.
 * @param value The name or id.
 * @returns The same value.
 * @throws {OmcpError} `invalid_argument` if the engine would not accept it.
 */
export function checkName(kind: "container" | "volume", value: string): string {
  if (OBJECT_NAME.test(value)) return value;
  throw new OmcpError(
    "invalid_argument",
    `Cannot address ${kind} ${
      quote(value)
    }: a name is 1 to 128 letters, digits, "_", "." or "-" and starts with a letter or digit`,
    { state: "No request reached the engine." },
  );
}

/**
 * Checks an image's name or id before it becomes part of a URL.
 *
 * @param value Such as `debian:trixie-slim` or `sha256:…`.
 * @returns The same value.
 * @throws {OmcpError} `invalid_argument` if it is neither a reference nor an id.
 */
export function checkImage(value: string): string {
  if (value.length <= MAX_REFERENCE && (IMAGE_REFERENCE.test(value) || IMAGE_ID.test(value))) return value;
  throw new OmcpError("invalid_argument", `Cannot address image ${quote(value)}: not an image reference`, {
    state: "No request reached the engine.",
    next: 'Use a reference such as "debian:trixie-slim".',
  });
}

/**
 * Splits an image's name into repository and tag.
 *
 * @param value A reference without a digest.
 * @returns Repository, and the tag, `latest` if none is given.
 * @throws {OmcpError} `invalid_argument` if it is not a reference, or has a digest.
 */
export function splitTag(value: string): { repository: string; tag: string } {
  checkImage(value);
  const colon = value.lastIndexOf(":");
  const hasTag = colon > value.lastIndexOf("/");
  if (value.includes("@") || value.startsWith("sha256:")) {
    throw new OmcpError("invalid_argument", `Cannot tag with ${quote(value)}: a tag has no digest`);
  }
  if (!hasTag) return { repository: value, tag: "latest" };
  return { repository: value.slice(0, colon), tag: value.slice(colon + 1) };
}

/**
 * Shows an outside string in a message: bounded, on one line, escaped.
 *
 * @param value Any string.
 * @param maximum Characters kept.
 * @returns The string in quotes.
 */
export function quote(value: string, maximum = 80): string {
  return JSON.stringify(value.length > maximum ? `${value.slice(0, maximum)}…` : value);
}
