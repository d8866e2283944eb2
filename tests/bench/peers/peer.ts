/** What is measured of a peer. */

/** Times in ms, each several times; absent where it makes no sense for the peer. */
export interface PeerFigures {
  /** A cell or program `1` in a sandbox that runs already. */
  readonly cell?: readonly number[];
  /** A new sandbox, until the end of its first cell. */
  readonly created?: readonly number[];
  /** The same with a sandbox that was started ahead. */
  readonly pooled?: readonly number[];
  /** Ten new sandboxes at once, until the end of the last one's first cell. */
  readonly together?: readonly number[];
}
