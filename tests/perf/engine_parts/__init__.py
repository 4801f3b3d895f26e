"""The parts of tests/perf/engine.py."""
