"""benchtui, for a worker in an environment that does not have it.

The folder of this file stands in that worker's PYTHONPATH. The folder that benchtui itself lies in could not: most
often it is the site-packages of another environment, whose libraries would then be imported as well.
"""

import runpy
from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[1])]
"""Makes this module the package whose modules lie there."""
if __spec__ is not None:
    __spec__.submodule_search_locations = __path__

__version__: str = runpy.run_path(str(Path(__path__[0]) / "__init__.py"))["__version__"]
