import assert from "node:assert/strict";
import { hostCertificates } from "../../../src/lib/host_certificates.ts";

function pem(label: string, body: string): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

async function collect(content: string): Promise<string> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, content);
    return await hostCertificates((name) =>
      name === "SSL_CERT_FILE" || name === "PIP_CERT" ? file : undefined
    );
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("hostCertificates() collects each certificate once, and no key", async () => {
  const one = pem("CERTIFICATE", "T25lIG9mIG91ciBvd24=");
  const collected = await collect(`# a comment\n${one}${pem("PRIVATE KEY", "U2VjcmV0U2VjcmV0")}${one}`);
  assert.equal(collected.split("T25lIG9mIG91ciBvd24=").length, 2);
  assert.doesNotMatch(collected, /PRIVATE|U2VjcmV0U2VjcmV0|comment/);
});

Deno.test("hostCertificates() skips files that do not exist", async () => {
  const collected = await hostCertificates((name) =>
    name === "PIP_CERT" ? "/nonexistent/bundle.pem" : undefined
  );
  assert.equal(collected, await hostCertificates(() => undefined));
});
