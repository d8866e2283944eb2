/** The program's version: in the protocol's handshakes, on labels, in the hello. */
export const VERSION = "0.1.0";
