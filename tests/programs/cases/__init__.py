# SPDX-License-Identifier: MIT
"""The scenarios, a file a family of programs. Importing one declares what it holds."""

import importlib
import pkgutil


def load():
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}")
