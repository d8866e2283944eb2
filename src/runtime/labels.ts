/** The labels on everything this program makes in an engine: cleaning up goes by them alone. */

/** Which server made it: a random id of the server's process. */
export const LABEL_INSTANCE = "org.omcp.instance";
/** What it is for: see {@link ContainerRole}. */
export const LABEL_ROLE = "org.omcp.role";
/** The server-made handle of the sandbox or database. */
export const LABEL_NAME = "org.omcp.name";
/** When it was made, in ISO 8601. */
export const LABEL_CREATED = "org.omcp.created";
/** The program's version. */
export const LABEL_VERSION = "org.omcp.version";

/** The user id that a sandbox has for itself in the engine. */
export const LABEL_UID = "org.omcp.uid";

/** What a container of this program is for: `lock` is an instance's lock. */
export type ContainerRole = "sandbox" | "database" | "lock";

/**
 * Makes the labels of one container.
 *
 * @param owner The instance that makes it, the container's role and its handle.
 */
export function labelsOf(
  owner: {
    readonly instance: string;
    readonly role: ContainerRole;
    readonly name: string;
    readonly version: string;
    /** Its user, where no other container may have the same. */
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
