"""What operators do with bots, over Temporal and the store; the command line and REST call these."""
