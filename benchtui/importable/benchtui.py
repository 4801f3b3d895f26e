"""benchtui, for a worker in an environment that does not have it: importing this module imports the real package.

The folder of this file stands in that worker's PYTHONPATH. The folder that benchtui itself lies in could not: most
often it is the site-packages of another environment, whose libraries would then be imported as well.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def _import(package: Path) -> None:
    spec = spec_from_file_location(__name__, package / "__init__.py", submodule_search_locations=[str(package)])
    if not isinstance(spec, ModuleSpec) or spec.loader is None:
        raise ImportError(f"{package} is no package.")
    sys.modules[__name__] = module = module_from_spec(spec)  # in place of this one
    spec.loader.exec_module(module)


_import(Path(__file__).resolve().parents[1])
