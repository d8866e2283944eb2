/** How bytes of the other side can break the protocol. The names are those of the shared vectors. */
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

/** The other side broke the protocol: nothing more it says can be understood. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly kind: ProtocolErrorKind;

  /**
   * @param kind Which rule.
   * @param message What was wrong, with its numbers, never with payload.
   */
  constructor(kind: ProtocolErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
