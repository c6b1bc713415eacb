"""`python -m swarmpilot` is the command line."""

from swarmpilot.cli import main

if __name__ == "__main__":
    main()
