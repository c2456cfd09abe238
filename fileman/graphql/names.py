"""Names of our types in the schema, with the prefix of FILEMAN_SETTINGS["GRAPHQL_PREFIX"].

Inputs of mutations keep their names in every schema, because clients write them in documents.
"""

from types import ModuleType
from typing import Any

from fileman import conf


def prefixed(name: str) -> str:
    """Return the name of one of our types."""
    return f"{conf.GRAPHQL_PREFIX}{name}"


def add_prefix(*modules: ModuleType) -> None:
    """Rename the types that the modules define. Call it once, before a schema is built."""
    for module in modules:
        for value in vars(module).values():
            definition: Any = getattr(value, "__strawberry_definition__", None)
            if definition and value.__module__ == module.__name__ and not definition.name.endswith("Input"):
                definition.name = prefixed(definition.name)
