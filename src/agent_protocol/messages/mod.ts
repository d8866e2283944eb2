/** Every message between server and agent (MESSAGES.md): what the server sends, and the schemas of what it reads. */
export * from "./boot_config.ts";
export * from "./deadlines.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./hello.ts";
export * from "./requests.ts";
