"""The parts of tests/perf/scale.py."""
