"""Adapters of the container port."""
