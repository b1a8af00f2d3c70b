"""Bots as processes of this host, without a container engine."""
