/** The program's version: in the protocol's handshakes, on labels, in the hello. */
export const VERSION = "0.1.0";

/** The version of Deno that everything here is made for and tested with. Documents, configurations and CI have it from here. */
export const DENO_VERSION = "2.9.6";
