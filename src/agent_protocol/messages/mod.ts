/** Every message between server and agent (MESSAGES.md): types of those that the server sends, schemas of those that it reads. */
export * from "./boot_config.ts";
export * from "./deadlines.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./files.ts";
export * from "./hello.ts";
export * from "./requests.ts";
