"""People's own data: files and Hub data sets become ordinary lm-eval tasks, without code."""
