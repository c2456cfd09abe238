"""Checks of names, types, sizes, metadata and content, and the host project's own validators."""
