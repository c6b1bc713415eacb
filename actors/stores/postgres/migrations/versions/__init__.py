"""One migration a file, `v<number>_<what>.py`: the number is the version of the schema after it."""
