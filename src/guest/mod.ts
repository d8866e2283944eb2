/**
 * The code that runs inside a container, as text: the loader (the container's command) and the Python modules of the boot message.
 *
 * Modules have dotted names, `agent.frames` for `agent/frames.py`; a package's own file has the package's name.
 * The loader imports them from memory: nothing is written to the container's disk.
 */
import loader from "./loader.py" with { type: "text" };

export { GUEST_MODULES } from "./module_index.ts";

/** The command of every container with our agent: the loader reads the agent's modules from stdin. */
export const LOADER_COMMAND: string[] = ["python3", "-I", "-S", "-u", "-c", loader];
