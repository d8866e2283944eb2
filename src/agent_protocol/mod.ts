/** The channel to a container's agent: frames, streams and requests over one byte stream (PROTOCOL.md). */
export { bootBytes, type BootModules, fromSource } from "./boot.ts";
export type { ByteStream, OpenByteStream } from "../lib/byte_stream.ts";
export {
  type BootConfig,
  type CommonBootConfig,
  type DatabaseBootConfig,
  databaseBootConfig,
  type SandboxBootConfig,
  sandboxBootConfig,
} from "./messages/boot_config.ts";
export { Channel, type ChannelOptions } from "./channel.ts";
export type { ChannelEvent } from "./message.ts";
export { StreamResetError } from "./mux_stream.ts";
export { ReplyError, type RequestOptions } from "./requests.ts";
export { MAX_STREAMS, type Service } from "./stream_mux.ts";
