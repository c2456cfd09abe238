"""Django's SQLite backend, told how many variables a statement of the linked SQLite really takes."""
