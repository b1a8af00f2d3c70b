"""What runs inside every bot container: PID 1, state log, wrappers. Standard library only."""
