"""All mutations, by name."""

from __future__ import annotations

from tests.simulation.mutations import collection_mutations, log_mutations, snapshot_mutations
from tests.simulation.mutations.mutation import REGISTERED, Mutation

# Importing a module registers what is in it.
_SOURCES = (log_mutations, snapshot_mutations, collection_mutations)
MUTATIONS: dict[str, Mutation] = dict(REGISTERED)
