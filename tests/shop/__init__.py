"""A small host project: models that point to fileman's files in every way, and user models of several kinds."""
