/** How the peer can violate the protocol. The shared vectors use the same names. */
export type ProtocolErrorKind =
  | "unknown_type"
  | "wrong_direction"
  | "bad_flags"
  | "bad_reserved"
  | "bad_id"
  | "bad_seq"
  | "bad_length"
  | "bad_json"
  | "bad_message"
  | "bad_credit"
  | "message_too_long"
  | "too_many_messages"
  | "not_open"
  | "no_nonce";

/** The peer violated the protocol: its remaining bytes cannot be interpreted. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly kind: ProtocolErrorKind;

  /**
   * @param kind The violated rule.
   * @param message The cause, with numbers but without payload.
   */
  constructor(kind: ProtocolErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
