"""`python cli.py start --port 8102 --config instances.yaml`, as the integration guide starts the scheduler."""

from swarmpilot.cli import main

if __name__ == "__main__":
    main()
