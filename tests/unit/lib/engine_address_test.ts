import assert from "node:assert/strict";
import { engineAddress } from "../../../src/lib/engine_address.ts";

Deno.test("engineAddress() reads a socket, and a host and port with TLS", () => {
  assert.deepEqual(engineAddress("unix:///run/x.sock", undefined), { kind: "unix", path: "/run/x.sock" });
  const files = { ca: "/c/ca.pem", cert: "/c/cert.pem", key: "/c/key.pem" };
  for (
    const [text, host, port] of [
      ["tcp://engine.example:1234", "engine.example", 1234],
      ["tcp://10.0.0.1", "10.0.0.1", 2376],
      ["tcp://[::1]:2376/", "::1", 2376],
    ] as const
  ) {
    assert.deepEqual(engineAddress(text, "/c/"), { kind: "tls", host, port, files });
  }
});

Deno.test("engineAddress() refuses what is not an address, and TCP without TLS even on this machine", () => {
  for (
    const text of [
      "tcp://",
      "tcp://a:0",
      "tcp://a:70000",
      "tcp://a/b",
      "tcp://u@a:1",
      "ssh://a",
      "unix://x",
      "npipe://x",
    ]
  ) {
    assert.throws(() => engineAddress(text, "/c"), { code: "config_invalid" }, text);
  }
  assert.throws(() => engineAddress("tcp://127.0.0.1:2375", undefined), {
    code: "config_invalid",
    message: /over TCP it needs TLS/,
  });
});
