from __future__ import annotations

from tests.lm_eval_runs import real_runs as real_runs
