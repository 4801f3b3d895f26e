"""`python -m benchtui` is the `benchtui` command."""

from benchtui.cli.main import main

if __name__ == "__main__":
    main()
