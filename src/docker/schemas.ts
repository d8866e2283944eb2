/** Schemas of the engine's responses, and their translation into this program's own types. */
import * as z from "zod";
import type {
  ContainerInspect,
  ContainerSummary,
  EngineInfo,
  ImageInspect,
  ImageSummary,
  VolumeInfo,
} from "./types.ts";

/** Go writes an empty map or list as `null` in places. */
const Labels = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});
const Strings = z.array(z.string()).nullish().transform((value) => value ?? []);
const Flag = z.boolean().nullish().transform((value) => value ?? false);
const Text = z.string().nullish().transform((value) => value ?? "");
const EngineId = z.string().regex(/^[0-9a-f]{64}$/);

/** `GET /version`. */
export const VersionResponse = z.object({
  ApiVersion: z.string().regex(/^\d{1,3}\.\d{1,3}$/),
  MinAPIVersion: z.string().regex(/^\d{1,3}\.\d{1,3}$/).nullish(),
  Components: z.array(z.object({ Name: Text })).nullish(),
}).transform((value) => ({
  newest: value.ApiVersion,
  oldest: value.MinAPIVersion ?? undefined,
  product: value.Components?.[0]?.Name ?? "",
}));

/** `GET /info`. */
export const InfoResponse = z.object({
  ServerVersion: Text,
  OperatingSystem: Text,
  OSType: Text,
  Architecture: Text,
  KernelVersion: Text,
  CgroupVersion: Text,
  CgroupDriver: Text,
  Driver: Text,
  Runtimes: z.record(z.string(), z.unknown()).nullish().transform((value) => Object.keys(value ?? {})),
  DefaultRuntime: Text,
  SecurityOptions: Strings,
  NCPU: z.number(),
  MemTotal: z.number(),
  MemoryLimit: Flag,
  SwapLimit: Flag,
  PidsLimit: Flag,
  CpuCfsQuota: Flag,
  Warnings: Strings,
}).transform((value): EngineInfo => ({
  serverVersion: value.ServerVersion,
  operatingSystem: value.OperatingSystem,
  osType: value.OSType,
  architecture: value.Architecture,
  kernelVersion: value.KernelVersion,
  cgroupVersion: value.CgroupVersion,
  cgroupDriver: value.CgroupDriver,
  storageDriver: value.Driver,
  runtimes: value.Runtimes,
  defaultRuntime: value.DefaultRuntime,
  securityOptions: value.SecurityOptions,
  cpus: value.NCPU,
  memoryBytes: value.MemTotal,
  memoryLimit: value.MemoryLimit,
  swapLimit: value.SwapLimit,
  pidsLimit: value.PidsLimit,
  cpuQuota: value.CpuCfsQuota,
  warnings: value.Warnings,
}));

/** `POST /containers/create`. */
export const CreateResponse = z.object({ Id: EngineId, Warnings: Strings })
  .transform((value) => ({ id: value.Id, warnings: value.Warnings }));

/** `POST /containers/{id}/wait`. */
export const WaitResponse = z.object({
  StatusCode: z.number().int(),
  Error: z.object({ Message: Text }).nullish(),
}).transform((value) => ({ exitCode: value.StatusCode, error: value.Error?.Message ?? "" }));

const StateResponse = z.object({
  Status: z.string(),
  Running: z.boolean(),
  Paused: Flag,
  OOMKilled: Flag,
  ExitCode: z.number().int(),
  Pid: z.number().int(),
  Error: Text,
  StartedAt: Text,
  FinishedAt: Text,
});

/** `GET /containers/{id}/json`. */
export const ContainerResponse = z.object({
  Id: EngineId,
  Name: z.string(),
  Image: z.string(),
  Created: z.string(),
  Config: z.object({ Image: Text, Labels }),
  HostConfig: z.object({ Runtime: Text }).nullish(),
  State: StateResponse,
}).transform((value): ContainerInspect => ({
  id: value.Id,
  name: value.Name.replace(/^\//, ""),
  imageId: value.Image,
  image: value.Config.Image,
  createdAt: value.Created,
  labels: value.Config.Labels,
  ociRuntime: value.HostConfig?.Runtime ?? "",
  state: {
    status: value.State.Status,
    running: value.State.Running,
    paused: value.State.Paused,
    oomKilled: value.State.OOMKilled,
    exitCode: value.State.ExitCode,
    pid: value.State.Pid,
    error: value.State.Error,
    startedAt: value.State.StartedAt,
    finishedAt: value.State.FinishedAt,
  },
}));

/** `GET /containers/json`. */
export const ContainerListResponse = z.array(
  z.object({
    Id: EngineId,
    Names: Strings,
    Image: Text,
    Created: z.number(),
    Labels,
    State: z.string(),
  }).transform((value): ContainerSummary => ({
    id: value.Id,
    names: value.Names.map((name) => name.replace(/^\//, "")),
    image: value.Image,
    createdAt: value.Created,
    labels: value.Labels,
    state: value.State,
  })),
);

/** `GET /images/{name}/json`. */
export const ImageResponse = z.object({
  Id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  RepoTags: Strings,
  RepoDigests: Strings,
  Os: Text,
  Architecture: Text,
  Created: Text,
  Size: z.number(),
  Config: z.object({ Labels, User: Text, Env: Strings }).nullish(),
}).transform((value): ImageInspect => ({
  id: value.Id,
  tags: value.RepoTags,
  digests: value.RepoDigests,
  labels: value.Config?.Labels ?? {},
  os: value.Os,
  architecture: value.Architecture,
  createdAt: value.Created,
  sizeBytes: value.Size,
  user: value.Config?.User ?? "",
  env: value.Config?.Env ?? [],
}));

/** `GET /images/json`. */
export const ImageListResponse = z.array(
  z.object({ Id: z.string(), RepoTags: Strings, Labels, Created: z.number(), Size: z.number() })
    .transform((value): ImageSummary => ({
      id: value.Id,
      tags: value.RepoTags,
      labels: value.Labels,
      createdAt: value.Created,
      sizeBytes: value.Size,
    })),
);

/** `GET /volumes/{name}` and `POST /volumes/create`. */
export const VolumeResponse = z.object({ Name: z.string(), Driver: Text, Labels, CreatedAt: Text })
  .transform((value): VolumeInfo => ({
    name: value.Name,
    driver: value.Driver,
    labels: value.Labels,
    createdAt: value.CreatedAt,
  }));

/** `GET /volumes`. */
export const VolumeListResponse = z.object({
  Volumes: z.array(VolumeResponse).nullish().transform((value) => value ?? []),
}).transform((value) => value.Volumes);

/** `GET /system/df`: bytes by volume. A size of -1 means that the engine has not measured it. */
export const DiskUsageResponse = z.object({
  Volumes: z.array(z.object({
    Name: z.string(),
    UsageData: z.object({ Size: z.number() }).nullish(),
  })).nullish(),
}).transform(({ Volumes }): ReadonlyMap<string, number> =>
  new Map(
    (Volumes ?? []).flatMap(({ Name, UsageData }) =>
      UsageData && UsageData.Size >= 0 ? [[Name, UsageData.Size] as const] : []
    ),
  )
);

/** One line of the response to a build, an import or a pull. */
export const ProgressLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  error: z.string().optional(),
  errorDetail: z.object({ message: z.string().optional() }).optional(),
  aux: z.object({ ID: z.string().optional() }).optional(),
}).transform(({ error, errorDetail, aux, ...line }) => ({
  ...line,
  /** Undefined if the line reports no failure. */
  failure: errorDetail === undefined ? error : errorDetail.message || error || "no message",
  imageId: aux?.ID,
}));
