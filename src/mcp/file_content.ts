import { OmcpError } from "../errors.ts";

/**
 * The bytes of a file that a caller passes.
 *
 * @param text The content as text, which becomes UTF-8.
 * @param base64 Or as bytes in base64.
 * @throws {OmcpError} `invalid_argument` if both or neither are given, or if they are not valid.
 */
export function fileContent(text: string | undefined, base64: string | undefined): Uint8Array {
  if ((text === undefined) === (base64 === undefined)) {
    throw new OmcpError("invalid_argument", "Pass either text or base64", {
      state: "Nothing was written.",
      next: text === undefined
        ? "Pass the content as text or, of a binary file, as base64; an empty text makes an empty file."
        : "Leave out one of the two.",
    });
  }
  if (text?.isWellFormed() === false) {
    throw new OmcpError("invalid_argument", "text is not valid Unicode: it has half of a surrogate pair", {
      state: "Nothing was written.",
      next: "Pass whole characters, or the file's bytes as base64.",
    });
  }
  if (text !== undefined) return new TextEncoder().encode(text);
  try {
    return Uint8Array.fromBase64(base64 ?? "");
  } catch (cause) {
    throw new OmcpError("invalid_argument", "base64 is not valid", {
      state: "Nothing was written.",
      next: "Encode the bytes with the alphabet of RFC 4648, section 4, or pass text.",
      cause,
    });
  }
}
