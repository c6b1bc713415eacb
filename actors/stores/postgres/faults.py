"""What PostgreSQL and its driver complain of, in the words of the store port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from actors.errors import StoreUnavailable, StoreUnfit

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,  # user, password, or from where
    asyncpg.InvalidCatalogNameError,  # database
    asyncpg.InsufficientPrivilegeError,
)
_OURS = ("0A", "21", "22", "23", "42")
"""Classes of error codes that mean a mistake of ours, or data that the schema refuses."""


@contextmanager
def unavailable(where: str) -> Iterator[None]:
    """Turns everything that better times may mend (gone, starting, full, read-only, deadlocked, too slow) into
    StoreUnavailable, and a refusal of who we are or of what we ask for into StoreUnfit; our own mistakes stay what
    they are."""
    try:
        yield
    except _REFUSED as error:
        rule = "must name a database, and a user with its password who may use it"
        raise StoreUnfit(f"store: {rule}; got {where}: {error}") from error
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(_OURS):
            raise
        raise StoreUnavailable(f"{where}: {error}") from error
    except asyncpg.DataError:
        raise
    except TimeoutError as error:
        raise StoreUnavailable(f"{where}: no answer in time") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError) as error:
        raise StoreUnavailable(f"{where}: {error}") from error
