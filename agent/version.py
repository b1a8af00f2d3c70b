"""The agent's version: it is one file inside of containers, where no package metadata is."""

VERSION = "0.1.0"
