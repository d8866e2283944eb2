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
import managerCell from "./kernel_manager/cell.py" with { type: "text" };
import managerCgroup from "./kernel_manager/cgroup.py" with { type: "text" };
import kernelCharts from "./kernel/charts.py" with { type: "text" };
import managerClearing from "./kernel_manager/clearing.py" with { type: "text" };
import kernelConfine from "./kernel/confine.py" with { type: "text" };
import kernelDescriptors from "./kernel/descriptors.py" with { type: "text" };
import kernelDisplay from "./kernel/display.py" with { type: "text" };
import managerDisplays from "./kernel_manager/displays.py" with { type: "text" };
import managerEpilogue from "./kernel_manager/epilogue.py" with { type: "text" };
import kernelFigureWords from "./kernel/figure_words.py" with { type: "text" };
import kernelFigures from "./kernel/figures.py" with { type: "text" };
import kernelFonts from "./kernel/fonts.py" with { type: "text" };
import kernelHistory from "./kernel/history.py" with { type: "text" };
import kernelHtmlText from "./kernel/html_text.py" with { type: "text" };
import managerKernelManager from "./kernel_manager/kernel_manager.py" with { type: "text" };
import kernelKernel from "./kernel/kernel.py" with { type: "text" };
import kernelLandlock from "./kernel/landlock.py" with { type: "text" };
import managerLate from "./kernel_manager/late.py" with { type: "text" };
import managerZygoteManager from "./kernel_manager/zygote_manager.py" with { type: "text" };
import managerBackgroundProcesses from "./kernel_manager/background_processes.py" with { type: "text" };
import managerLink from "./kernel_manager/link.py" with { type: "text" };
import managerLosses from "./kernel_manager/losses.py" with { type: "text" };
import managerMainThread from "./kernel_manager/main_thread.py" with { type: "text" };
import managerMemoryHang from "./kernel_manager/memory_hang.py" with { type: "text" };
import managerOutput from "./kernel_manager/output.py" with { type: "text" };
import kernelOutlet from "./kernel/outlet.py" with { type: "text" };
import kernelPictures from "./kernel/pictures.py" with { type: "text" };
import managerPrinted from "./kernel_manager/printed.py" with { type: "text" };
import managerProcesses from "./kernel_manager/processes.py" with { type: "text" };
import kernelRepresentations from "./kernel/representations.py" with { type: "text" };
import kernelShell from "./kernel/shell.py" with { type: "text" };
import managerState from "./kernel_manager/state.py" with { type: "text" };
import kernelStreams from "./kernel/streams.py" with { type: "text" };
import managerSupervisor from "./kernel_manager/supervisor.py" with { type: "text" };
import managerThreads from "./kernel_manager/threads.py" with { type: "text" };
import kernelTracebacks from "./kernel/tracebacks.py" with { type: "text" };
import managerUntrusted from "./kernel_manager/untrusted.py" with { type: "text" };
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
  "kernel_manager.cell": managerCell,
  "kernel_manager.cgroup": managerCgroup,
  "kernel.charts": kernelCharts,
  "kernel_manager.clearing": managerClearing,
  "kernel.confine": kernelConfine,
  "kernel.descriptors": kernelDescriptors,
  "kernel.display": kernelDisplay,
  "kernel_manager.displays": managerDisplays,
  "kernel_manager.epilogue": managerEpilogue,
  "kernel.figure_words": kernelFigureWords,
  "kernel.figures": kernelFigures,
  "kernel.fonts": kernelFonts,
  "kernel.history": kernelHistory,
  "kernel.html_text": kernelHtmlText,
  "kernel_manager.kernel_manager": managerKernelManager,
  "kernel.kernel": kernelKernel,
  "kernel.landlock": kernelLandlock,
  "kernel_manager.late": managerLate,
  "kernel_manager.zygote_manager": managerZygoteManager,
  "kernel_manager.background_processes": managerBackgroundProcesses,
  "kernel_manager.link": managerLink,
  "kernel_manager.losses": managerLosses,
  "kernel_manager.main_thread": managerMainThread,
  "kernel_manager.memory_hang": managerMemoryHang,
  "kernel_manager.output": managerOutput,
  "kernel.outlet": kernelOutlet,
  "kernel.pictures": kernelPictures,
  "kernel_manager.printed": managerPrinted,
  "kernel_manager.processes": managerProcesses,
  "kernel.representations": kernelRepresentations,
  "kernel.shell": kernelShell,
  "kernel_manager.state": managerState,
  "kernel.streams": kernelStreams,
  "kernel_manager.supervisor": managerSupervisor,
  "kernel_manager.threads": managerThreads,
  "kernel.tracebacks": kernelTracebacks,
  "kernel_manager.untrusted": managerUntrusted,
  "kernel.values": kernelValues,
  "kernel.wire": kernelWire,
  "kernel.zombies": kernelZombies,
  "kernel.zygote": kernelZygote,
};
