"""The trained models: folders in outputs/, their formats and base models, and what their files say about them."""
