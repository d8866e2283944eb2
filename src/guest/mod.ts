/**
 * What runs inside a container, as text: the loader (the container's command) and the Python modules it is sent at boot.
 *
 * Modules have dotted names, `agent.frames` for `agent/frames.py`; a package's own file has the package's name.
 * The loader imports them from memory: nothing is written to the container's disk.
 */
import agent from "./agent/__init__.py" with { type: "text" };
import agentAccounts from "./agent/accounts.py" with { type: "text" };
import agentChannel from "./agent/channel.py" with { type: "text" };
import agentChildren from "./agent/children.py" with { type: "text" };
import agentDatabase from "./agent/database.py" with { type: "text" };
import agentEvents from "./agent/events.py" with { type: "text" };
import agentFrames from "./agent/frames.py" with { type: "text" };
import agentAttestation from "./agent/attestation.py" with { type: "text" };
import agentMessages from "./agent/messages.py" with { type: "text" };
import agentOutput from "./agent/output.py" with { type: "text" };
import agentProcess from "./agent/process.py" with { type: "text" };
import agentReactor from "./agent/reactor.py" with { type: "text" };
import agentRelay from "./agent/relay.py" with { type: "text" };
import agentStreams from "./agent/streams.py" with { type: "text" };
import kernelAdvice from "./kernel/advice.py" with { type: "text" };
import kernelArtists from "./kernel/artists.py" with { type: "text" };
import kernelCell from "./kernel/cell.py" with { type: "text" };
import kernelCgroup from "./kernel/cgroup.py" with { type: "text" };
import kernelCharts from "./kernel/charts.py" with { type: "text" };
import kernelClearing from "./kernel/clearing.py" with { type: "text" };
import kernelConfine from "./kernel/confine.py" with { type: "text" };
import kernelDescriptors from "./kernel/descriptors.py" with { type: "text" };
import kernelDisplay from "./kernel/display.py" with { type: "text" };
import kernelDisplays from "./kernel/displays.py" with { type: "text" };
import kernelEpilogue from "./kernel/epilogue.py" with { type: "text" };
import kernelFigureWords from "./kernel/figure_words.py" with { type: "text" };
import kernelFigures from "./kernel/figures.py" with { type: "text" };
import kernelFonts from "./kernel/fonts.py" with { type: "text" };
import kernelHistory from "./kernel/history.py" with { type: "text" };
import kernelHtmlText from "./kernel/html_text.py" with { type: "text" };
import kernelKernelManager from "./kernel/kernel_manager.py" with { type: "text" };
import kernelKernel from "./kernel/kernel.py" with { type: "text" };
import kernelLandlock from "./kernel/landlock.py" with { type: "text" };
import kernelLate from "./kernel/late.py" with { type: "text" };
import kernelZygoteManager from "./kernel/zygote_manager.py" with { type: "text" };
import kernelBackgroundProcesses from "./kernel/background_processes.py" with { type: "text" };
import kernelLink from "./kernel/link.py" with { type: "text" };
import kernelLosses from "./kernel/losses.py" with { type: "text" };
import kernelMainThread from "./kernel/main_thread.py" with { type: "text" };
import kernelMemoryHang from "./kernel/memory_hang.py" with { type: "text" };
import kernelOutput from "./kernel/output.py" with { type: "text" };
import kernelOutlet from "./kernel/outlet.py" with { type: "text" };
import kernelPictures from "./kernel/pictures.py" with { type: "text" };
import kernelPrinted from "./kernel/printed.py" with { type: "text" };
import kernelProcesses from "./kernel/processes.py" with { type: "text" };
import kernelRepresentations from "./kernel/representations.py" with { type: "text" };
import kernelShell from "./kernel/shell.py" with { type: "text" };
import kernelState from "./kernel/state.py" with { type: "text" };
import kernelStreams from "./kernel/streams.py" with { type: "text" };
import kernelSupervisor from "./kernel/supervisor.py" with { type: "text" };
import kernelThreads from "./kernel/threads.py" with { type: "text" };
import kernelTracebacks from "./kernel/tracebacks.py" with { type: "text" };
import kernelUntrusted from "./kernel/untrusted.py" with { type: "text" };
import kernelValues from "./kernel/values.py" with { type: "text" };
import kernelWire from "./kernel/wire.py" with { type: "text" };
import kernelZombies from "./kernel/zombies.py" with { type: "text" };
import kernelZygote from "./kernel/zygote.py" with { type: "text" };
import loader from "./loader.py" with { type: "text" };

/** The Python program of a container's command: `["python3", "-I", "-S", "-u", "-c", LOADER]`. */
export const LOADER: string = loader;

/** Module name → source, as the boot message carries them (see `agent_protocol/PROTOCOL.md`, "Boot"). */
export const GUEST_MODULES: Record<string, string> = {
  "agent": agent,
  "agent.accounts": agentAccounts,
  "agent.channel": agentChannel,
  "agent.children": agentChildren,
  "agent.database": agentDatabase,
  "agent.events": agentEvents,
  "agent.frames": agentFrames,
  "agent.attestation": agentAttestation,
  "agent.messages": agentMessages,
  "agent.output": agentOutput,
  "agent.process": agentProcess,
  "agent.reactor": agentReactor,
  "agent.relay": agentRelay,
  "agent.streams": agentStreams,
  "kernel.advice": kernelAdvice,
  "kernel.artists": kernelArtists,
  "kernel.cell": kernelCell,
  "kernel.cgroup": kernelCgroup,
  "kernel.charts": kernelCharts,
  "kernel.clearing": kernelClearing,
  "kernel.confine": kernelConfine,
  "kernel.descriptors": kernelDescriptors,
  "kernel.display": kernelDisplay,
  "kernel.displays": kernelDisplays,
  "kernel.epilogue": kernelEpilogue,
  "kernel.figure_words": kernelFigureWords,
  "kernel.figures": kernelFigures,
  "kernel.fonts": kernelFonts,
  "kernel.history": kernelHistory,
  "kernel.html_text": kernelHtmlText,
  "kernel.kernel_manager": kernelKernelManager,
  "kernel.kernel": kernelKernel,
  "kernel.landlock": kernelLandlock,
  "kernel.late": kernelLate,
  "kernel.zygote_manager": kernelZygoteManager,
  "kernel.background_processes": kernelBackgroundProcesses,
  "kernel.link": kernelLink,
  "kernel.losses": kernelLosses,
  "kernel.main_thread": kernelMainThread,
  "kernel.memory_hang": kernelMemoryHang,
  "kernel.output": kernelOutput,
  "kernel.outlet": kernelOutlet,
  "kernel.pictures": kernelPictures,
  "kernel.printed": kernelPrinted,
  "kernel.processes": kernelProcesses,
  "kernel.representations": kernelRepresentations,
  "kernel.shell": kernelShell,
  "kernel.state": kernelState,
  "kernel.streams": kernelStreams,
  "kernel.supervisor": kernelSupervisor,
  "kernel.threads": kernelThreads,
  "kernel.tracebacks": kernelTracebacks,
  "kernel.untrusted": kernelUntrusted,
  "kernel.values": kernelValues,
  "kernel.wire": kernelWire,
  "kernel.zombies": kernelZombies,
  "kernel.zygote": kernelZygote,
};
