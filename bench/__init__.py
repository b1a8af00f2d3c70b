"""Measurements: one file per question. See README.md."""
