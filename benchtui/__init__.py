"""benchtui: did the fine-tuning help, and how sure are we?"""

__version__ = "0.1.0"
