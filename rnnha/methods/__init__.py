"""The systems of the tables, published and ours: a file each.

A row of `rnnha.experiments` names its method; `of` finds the class. Whatever module lies in this
folder is known: a new system is one file here and one entry there (docs/adding-a-row.md).
"""

from importlib import import_module
from pkgutil import iter_modules

from rnnha.methods.base import Method, needed, of, stage0_of

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["Method", "needed", "of", "stage0_of"]
