from pathlib import Path

import pytest

from benchtui.tasks.catalogue import Catalogue, load_catalogue


@pytest.fixture(scope="session")
def task_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds lm-eval's own tasks."""
    folder = tmp_path_factory.mktemp("cache")
    load_catalogue(cache=folder)
    return folder


@pytest.fixture(scope="session")
def catalogue(task_cache: Path) -> Catalogue:
    return load_catalogue(cache=task_cache)
