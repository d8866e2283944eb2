/** The shape of an execution's id, checked before it is used for anything. */
import * as z from "zod";

/** An id as answers of calls give it. */
export const executionIdSchema = z.string().regex(
  /^exec_[0-9a-f]{32}$/,
  "must be an execution_id as another call returned it",
)
  .describe("The execution_id that another call returned.");
