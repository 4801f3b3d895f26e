"""Answers with llama.cpp, in this process, through llama-cpp-python's low-level calls."""
