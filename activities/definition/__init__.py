"""Bot directories as people have them: read, checked, and described."""
