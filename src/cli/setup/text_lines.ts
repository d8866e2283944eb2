/** The longest line, in characters; the rest of a longer one becomes another line. */
const MAX_LINE = 10_000;

/** Cuts text into lines at LF, CR or both; programs redraw their progress with CR alone. */
export class TextLineStream extends TransformStream<string, string> {
  /** Creates the stream. */
  constructor() {
    let pending = "";
    super({
      transform(chunk, controller) {
        const parts = (pending + chunk).split(/[\r\n]+/);
        pending = parts.pop() ?? "";
        for (const part of parts) if (part !== "") controller.enqueue(part);
        while (pending.length > MAX_LINE) {
          controller.enqueue(pending.slice(0, MAX_LINE));
          pending = pending.slice(MAX_LINE);
        }
      },
      flush(controller) {
        if (pending !== "") controller.enqueue(pending);
      },
    });
  }
}
