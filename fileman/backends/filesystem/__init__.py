"""The local disk, or a mounted one."""
