"""What is let in: names, types, sizes, metadata, and what the host project's own validators say."""
