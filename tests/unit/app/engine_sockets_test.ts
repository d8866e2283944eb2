import assert from "node:assert/strict";
import { unreachableHelp } from "../../../src/app/connect_engine.ts";
import { presentSockets, usualSockets } from "../../../src/app/engine_sockets.ts";

const SOCKET = "/var/run/docker.sock";

Deno.test("usualSockets() has those of rootless engines, Docker Desktop and Colima, and not Podman's, which cannot be used", () => {
  const variables: Record<string, string> = { HOME: "/home/ann", XDG_RUNTIME_DIR: "/run/user/1000" };
  const found = usualSockets((name) => variables[name]);
  for (
    const path of [
      SOCKET,
      "/run/user/1000/docker.sock",
      "/home/ann/.docker/run/docker.sock",
      "/home/ann/.colima/default/docker.sock",
    ]
  ) assert.ok(found.includes(path), path);
  assert.deepEqual(found.filter((path) => path.includes("podman")), []);
  assert.ok(usualSockets(() => undefined).every((path) => !path.includes("undefined")));
});

Deno.test("presentSockets() finds sockets that exist, and nothing else", async () => {
  const home = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${home}/.docker/run`, { recursive: true });
    await Deno.mkdir(`${home}/.docker/desktop`);
    await Deno.writeTextFile(`${home}/.docker/desktop/docker.sock`, "a file");
    using _listener = Deno.listen({ transport: "unix", path: `${home}/.docker/run/docker.sock` });
    const found = presentSockets((name) => name === "HOME" ? home : undefined);
    assert.deepEqual(found.filter((path) => path.startsWith(home)), [`${home}/.docker/run/docker.sock`]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("unreachableHelp() names the socket, and the group that lets a user in and what that means", () => {
  const help = unreachableHelp(SOCKET, new Deno.errors.PermissionDenied("Permission denied"), [
    `unix://${SOCKET}`,
  ]);
  assert.match(help, /\/var\/run\/docker\.sock[^]*usermod -aG docker[^]*as powerful as root/);
});

Deno.test("unreachableHelp() names other engines, and the command that sets up an engine", () => {
  const help = unreachableHelp(SOCKET, new Deno.errors.NotFound(), [
    "unix:///run/user/1000/docker.sock",
    `unix://${SOCKET}`,
  ]);
  assert.match(help, /^There is another engine: set DOCKER_HOST=unix:\/\/\/run\/user\/1000\/docker\.sock \(/);
  assert.match(help, /start an engine whose socket is \/var\/run\/docker\.sock\. Run `[^`]*task setup`/);
  assert.match(
    unreachableHelp("/run/x.sock", new Deno.errors.ConnectionRefused(), []),
    /^Start the engine that \/run\/x\.sock belongs to, or correct DOCKER_HOST\./,
  );
});
