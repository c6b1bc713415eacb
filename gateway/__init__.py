"""The edges of the service: every protocol turned into messages, and the process that is made of all parts."""

import os

# grpc prints its own account of whatever fails, and reads this once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
