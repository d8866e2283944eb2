/**
 * The kernel's Python modules as text, under the names the agent imports them by. The agent's supervisor sends those that
 * run in the zygote and its kernels on to them.
 */
import cell from "./cell.py" with { type: "text" };
import cgroup from "./cgroup.py" with { type: "text" };
import confine from "./confine.py" with { type: "text" };
import display from "./display.py" with { type: "text" };
import figures from "./figures.py" with { type: "text" };
import kernel from "./kernel.py" with { type: "text" };
import landlock from "./landlock.py" with { type: "text" };
import launch from "./launch.py" with { type: "text" };
import leftovers from "./leftovers.py" with { type: "text" };
import link from "./link.py" with { type: "text" };
import output from "./output.py" with { type: "text" };
import processes from "./processes.py" with { type: "text" };
import shell from "./shell.py" with { type: "text" };
import streams from "./streams.py" with { type: "text" };
import supervisor from "./supervisor.py" with { type: "text" };
import tracebacks from "./tracebacks.py" with { type: "text" };
import wire from "./wire.py" with { type: "text" };
import zygote from "./zygote.py" with { type: "text" };

/** Module name → source, to be sent at boot together with the agent's own. */
export const KERNEL_MODULES: Readonly<Record<string, string>> = {
  "kernel.cell": cell,
  "kernel.cgroup": cgroup,
  "kernel.confine": confine,
  "kernel.display": display,
  "kernel.figures": figures,
  "kernel.kernel": kernel,
  "kernel.landlock": landlock,
  "kernel.launch": launch,
  "kernel.leftovers": leftovers,
  "kernel.link": link,
  "kernel.output": output,
  "kernel.processes": processes,
  "kernel.shell": shell,
  "kernel.streams": streams,
  "kernel.supervisor": supervisor,
  "kernel.tracebacks": tracebacks,
  "kernel.wire": wire,
  "kernel.zygote": zygote,
};
