"""llm-sandbox's MCP server with our image and without setting up an environment in it, which needs a package index. Argument: the image."""
from __future__ import annotations

import functools
import sys

from llm_sandbox.mcp_server import server

options = {"image": sys.argv[1], "skip_environment_setup": True}
server.ArtifactSandboxSession = functools.partial(server.ArtifactSandboxSession, **options)
server.SandboxSession = functools.partial(server.SandboxSession, **options)
server.main()
