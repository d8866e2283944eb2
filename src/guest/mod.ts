/**
 * What runs inside a container, as text: the loader (the container's command) and the Python modules it is sent at boot.
 *
 * Modules have dotted names, `agent.frames` for `agent/frames.py`; a package's own file has the package's name.
 * The loader imports them from memory: nothing is written to the container's disk.
 */
import agentChannel from "./agent/channel.py" with { type: "text" };
import agentChildren from "./agent/children.py" with { type: "text" };
import agentDatabase from "./agent/database.py" with { type: "text" };
import agentEvents from "./agent/events.py" with { type: "text" };
import agentFrames from "./agent/frames.py" with { type: "text" };
import agentInForce from "./agent/in_force.py" with { type: "text" };
import agent from "./agent/__init__.py" with { type: "text" };
import agentMessages from "./agent/messages.py" with { type: "text" };
import agentOutput from "./agent/output.py" with { type: "text" };
import agentProcess from "./agent/process.py" with { type: "text" };
import agentReactor from "./agent/reactor.py" with { type: "text" };
import agentRelay from "./agent/relay.py" with { type: "text" };
import agentStreams from "./agent/streams.py" with { type: "text" };
import loader from "./loader.py" with { type: "text" };

/** The Python program of a container's command: `["python3", "-I", "-S", "-u", "-c", LOADER]`. */
export const LOADER: string = loader;

/** Module name → source, as the boot message carries them (see `channel/PROTOCOL.md`, "Boot"). */
export const GUEST_MODULES: Record<string, string> = {
  "agent": agent,
  "agent.channel": agentChannel,
  "agent.children": agentChildren,
  "agent.database": agentDatabase,
  "agent.events": agentEvents,
  "agent.frames": agentFrames,
  "agent.in_force": agentInForce,
  "agent.messages": agentMessages,
  "agent.output": agentOutput,
  "agent.process": agentProcess,
  "agent.reactor": agentReactor,
  "agent.relay": agentRelay,
  "agent.streams": agentStreams,
};
