/** What one sandbox, and all of them together, may take of the database. */
export interface BrokerLimits {
  /** Connections one sandbox may have open. */
  readonly connectionsPerSandbox: number;
  /** Connections all sandboxes together may have open. */
  readonly connectionsTotal: number;
  /** Milliseconds a client has for its startup packet, from its connect. */
  readonly startupMs: number;
  /** Milliseconds the real server has to accept a login. */
  readonly connectMs: number;
  /** Milliseconds a statement may run. The server ends it, or the broker if the server does not. */
  readonly statementMs: number;
  /** Milliseconds a statement may wait for a lock. */
  readonly lockMs: number;
  /** Milliseconds that a transaction may be idle. */
  readonly idleInTransactionMs: number;
  /** Milliseconds that a connection may be idle outside a transaction. */
  readonly idleMs: number;
  /** Milliseconds a client may leave a result unread. */
  readonly stallMs: number;
  /** Bytes of rows (or COPY data) one statement may bring. */
  readonly resultBytes: number;
  /** Statements that may be prepared at a time on one connection. */
  readonly preparedStatements: number;
  /** Cursors and named portals that may be open at a time on one connection. */
  readonly cursors: number;
  /** Savepoints that one transaction may have. */
  readonly savepoints: number;
  /** What the planner may estimate a statement to cost; 0 for no limit. */
  readonly maxCost: number;
}

/** The default limits. */
export const DEFAULT_LIMITS: BrokerLimits = {
  connectionsPerSandbox: 16,
  connectionsTotal: 64,
  startupMs: 5_000,
  connectMs: 10_000,
  statementMs: 300_000,
  lockMs: 5_000,
  idleInTransactionMs: 600_000,
  idleMs: 3_600_000,
  stallMs: 300_000,
  resultBytes: 1024 ** 3,
  preparedStatements: 1_000,
  cursors: 100,
  savepoints: 500,
  maxCost: 1e9,
};
