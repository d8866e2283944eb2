/** The Docker Engine API over a Unix socket or TCP with TLS, and nothing else. */
export { NEWEST_API, OLDEST_API } from "./api_version.ts";
export type { Attachment } from "./attach.ts";
export type { CreateOptions, ListOptions, WaitOptions } from "./containers.ts";
export { Engine } from "./engine.ts";
export type { ConnectOptions } from "./engine.ts";
export type { BuildOptions, ImportOptions, LoadImagesOptions, PullOptions } from "./images.ts";
export { checkImage, checkName } from "./names.ts";
export type { ProgressCallback } from "./progress.ts";
export { DEADLINES_MS } from "./types.ts";
export type {
  CallOptions,
  ContainerInspect,
  ContainerState,
  ContainerSummary,
  CreateContainerRequest,
  EngineInfo,
  HostConfigSpec,
  ImageInspect,
  ImageSummary,
  MountSpec,
  RemoveOptions,
  UlimitSpec,
  VolumeInfo,
} from "./types.ts";
