"""The embedded speaker: ExaBGP's configuration, the lines it talks in, and the process that runs it."""
