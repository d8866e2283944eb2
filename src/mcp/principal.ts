/** Who calls. A principal owns everything that its calls create. */
export interface Principal {
  /** For the audit. */
  readonly id: string;
}

/** The one caller over stdio: the user who started the client, which started this process. */
export const LOCAL_USER: Principal = { id: "local" };
