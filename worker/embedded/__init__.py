"""The embedded stack: real servers from packages, worker and gateway, supervised by one process."""
