/** The labels of everything that this program creates in a runtime. Cleaning up goes by them alone. */

/** The instance of the server that created it: `OMCP_INSTANCE`, or a random id. */
export const LABEL_INSTANCE = "org.omcp.instance";
/** Its purpose: see {@link ContainerRole}. */
export const LABEL_ROLE = "org.omcp.role";
/** The handle of the sandbox or database, which the server drew. */
export const LABEL_NAME = "org.omcp.name";
/** When it was created, in ISO 8601. */
export const LABEL_CREATED = "org.omcp.created";
/** The program's version. */
export const LABEL_VERSION = "org.omcp.version";
/** What a sandbox was created from: `sandbox/factory.ts` writes and reads it. */
export const LABEL_REQUEST = "org.omcp.request";
/** A sandbox's user id, which no other has. */
export const LABEL_UID = "org.omcp.uid";

/**
 * The purposes of containers: `lock` is an instance's lock, `check` looks at datasets when a server starts, `compiler` compiles the
 * guest's modules, `resolver` resolves and downloads packages.
 */
export const CONTAINER_ROLES = ["sandbox", "database", "lock", "check", "compiler", "resolver"] as const;

/** One of {@link CONTAINER_ROLES}. */
export type ContainerRole = typeof CONTAINER_ROLES[number];

/**
 * The labels of one container.
 *
 * @param owner The instance that creates it, the container's role and its handle.
 */
export function labelsOf(
  owner: {
    readonly instance: string;
    readonly role: ContainerRole;
    readonly name: string;
    readonly version: string;
    /** Its user id, if no other container may have the same. */
    readonly uid?: number;
  },
): Record<string, string> {
  return {
    [LABEL_INSTANCE]: owner.instance,
    [LABEL_ROLE]: owner.role,
    [LABEL_NAME]: owner.name,
    [LABEL_CREATED]: new Date().toISOString(),
    [LABEL_VERSION]: owner.version,
    ...(owner.uid === undefined ? {} : { [LABEL_UID]: String(owner.uid) }),
  };
}
