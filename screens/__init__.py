"""The Textual application: it draws what the engine's records say and sends intents; it computes nothing."""
