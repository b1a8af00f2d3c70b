"""Composition: settings, worker process, gateway, command line, embedded stack."""
