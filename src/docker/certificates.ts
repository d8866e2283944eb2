/** The certificates for an engine over TCP. */
import { OmcpError } from "../errors.ts";

/** The largest file of certificates that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** The certificates of a connection, as PEM. */
export interface Certificates {
  /** Of the authority that issued the engine's certificate. */
  readonly ca: string;
  /** The client's own. */
  readonly cert: string;
  /** Its private key: never shown. */
  readonly key: string;
}

/**
 * Reads the certificates of an address.
 *
 * @param files Their paths.
 * @throws {OmcpError} `config_invalid`, which names the file that cannot be read and never shows a part of it.
 */
export function readCertificates(files: { readonly [K in keyof Certificates]: string }): Certificates {
  return { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
}

function read(path: string): string {
  let problem: string;
  try {
    if (Deno.statSync(path).size <= MAX_BYTES) {
      const text = Deno.readTextFileSync(path);
      if (/-----BEGIN [A-Z ]+-----/.test(text)) return text;
      problem = "it is not PEM";
    } else problem = `it has more than ${MAX_BYTES} bytes`;
  } catch (error) {
    problem = error instanceof Error ? error.message.replace(/ \(os error \d+\).*$/, "") : "unknown error";
  }
  throw new OmcpError("config_invalid", `Cannot read ${path}, which DOCKER_CERT_PATH names: ${problem}`, {
    state: "No request reached the engine.",
    next: "Put ca.pem, cert.pem and key.pem there, as PEM, and let this user read them.",
  });
}
