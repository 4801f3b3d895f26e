"""Models behind a server that speaks OpenAI's language: llama-server, vLLM, SGLang and any other."""
