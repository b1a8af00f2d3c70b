"""What touches the world: ports, backends, storage."""
