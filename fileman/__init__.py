"""Direct uploads for Django: grants, verification and lifecycle of files in cloud storages or on disk."""
