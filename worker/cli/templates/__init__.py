"""The bots that ``durabot init`` writes: one module for each runtime."""
