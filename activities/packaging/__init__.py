"""From a bot's directory to the archive that its agent unpacks."""
