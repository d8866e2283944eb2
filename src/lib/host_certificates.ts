/** Variables that name a bundle of certificate authorities to other programs. */
export const CERTIFICATE_VARIABLES = [
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "PIP_CERT",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
] as const;

/** Where distributions keep their bundle. */
export const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/** The largest file that is read, in bytes. */
const MAX_BUNDLE = 16 * 1024 * 1024;

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * Collects the certificate authorities that this host trusts, so that a build trusts a proxy that inspects TLS. It takes only
 * certificates, not keys in the same file, and skips files that it cannot read.
 *
 * @param read Looks up an environment variable.
 * @returns The certificates as PEM, each once; empty if there are none.
 */
export async function hostCertificates(read: (name: string) => string | undefined): Promise<string> {
  const named = CERTIFICATE_VARIABLES.flatMap((name) => read(name) ?? []);
  const found = new Set<string>();
  for (const path of new Set([...named, ...SYSTEM_BUNDLES])) {
    for (const match of (await readBundle(path)).matchAll(CERTIFICATE)) {
      found.add(match[0].replaceAll("\r", ""));
    }
  }
  return [...found].map((certificate) => `${certificate}\n`).join("");
}

async function readBundle(path: string): Promise<string> {
  try {
    const facts = await Deno.stat(path);
    return facts.isFile && facts.size <= MAX_BUNDLE ? await Deno.readTextFile(path) : "";
  } catch {
    return "";
  }
}
