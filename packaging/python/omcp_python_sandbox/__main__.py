"""``python -m omcp_python_sandbox``."""

from omcp_python_sandbox import main

main()
