/** What the engine's answers must be, and their translation into this program's own shapes. */
import * as z from "zod";
import type {
  ContainerInspect,
  ContainerSummary,
  EngineInfo,
  ImageInspect,
  ImageSummary,
  VolumeInfo,
} from "./types.ts";

/** Go writes an empty map or list as `null` at times. */
const Labels = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});
const Strings = z.array(z.string()).nullish().transform((value) => value ?? []);
const Flag = z.boolean().nullish().transform((value) => value ?? false);
const Text = z.string().nullish().transform((value) => value ?? "");
const EngineId = z.string().regex(/^[0-9a-f]{64}$/);

/** `GET /version`. */
export const VersionAnswer = z.object({
  ApiVersion: z.string().regex(/^\d{1,3}\.\d{1,3}$/),
  MinAPIVersion: z.string().regex(/^\d{1,3}\.\d{1,3}$/).nullish(),
});

/** `GET /info`. */
export const InfoAnswer = z.object({
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
export const CreateAnswer = z.object({ Id: EngineId, Warnings: Strings });

/** `POST /containers/{id}/wait`. */
export const WaitAnswer = z.object({
  StatusCode: z.number().int(),
  Error: z.object({ Message: Text }).nullish(),
});

const StateAnswer = z.object({
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
export const ContainerAnswer = z.object({
  Id: EngineId,
  Name: z.string(),
  Image: z.string(),
  Created: z.string(),
  Config: z.object({ Image: Text, Labels }),
  State: StateAnswer,
}).transform((value): ContainerInspect => ({
  id: value.Id,
  name: value.Name.replace(/^\//, ""),
  imageId: value.Image,
  image: value.Config.Image,
  createdAt: value.Created,
  labels: value.Config.Labels,
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
export const ContainerListAnswer = z.array(
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
export const ImageAnswer = z.object({
  Id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  RepoTags: Strings,
  Os: Text,
  Architecture: Text,
  Created: Text,
  Size: z.number(),
  Config: z.object({ Labels, User: Text, Env: Strings }).nullish(),
}).transform((value): ImageInspect => ({
  id: value.Id,
  tags: value.RepoTags,
  labels: value.Config?.Labels ?? {},
  os: value.Os,
  architecture: value.Architecture,
  createdAt: value.Created,
  sizeBytes: value.Size,
  user: value.Config?.User ?? "",
  env: value.Config?.Env ?? [],
}));

/** `GET /images/json`. */
export const ImageListAnswer = z.array(
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
export const VolumeAnswer = z.object({ Name: z.string(), Driver: Text, Labels, CreatedAt: Text })
  .transform((value): VolumeInfo => ({
    name: value.Name,
    driver: value.Driver,
    labels: value.Labels,
    createdAt: value.CreatedAt,
  }));

/** `GET /volumes`. */
export const VolumeListAnswer = z.object({
  Volumes: z.array(VolumeAnswer).nullish().transform((value) => value ?? []),
}).transform((value) => value.Volumes);

/** One line of the answer to a build, an import or a pull. */
export const ProgressLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  error: z.string().optional(),
  errorDetail: z.object({ message: z.string().optional() }).optional(),
  aux: z.object({ ID: z.string().optional() }).optional(),
});
