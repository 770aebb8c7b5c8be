"""The ways to deliver, one file each, ending with the constant AGENT. Found by `discover_agents`."""
