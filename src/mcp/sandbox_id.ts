/** The shape of a sandbox's handle, checked before it is used for anything. */
import * as z from "zod";

/** A handle as `create_sandbox` gives it. */
export const sandboxIdSchema = z.string().regex(
  /^sbx_[0-9a-f]{32}$/,
  "must be a sandbox_id as create_sandbox returned it",
)
  .describe("The sandbox_id that create_sandbox returned.");
