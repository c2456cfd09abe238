"""Run the tests that may depend on the database on PostgreSQL: `python -m tests.on_postgres [pytest arguments]`.

DATABASE_URL may name the server.
"""

import os
import subprocess
import sys

from tests.servers import ServerMissing
from tests.servers.postgres import serve

TESTS = [
    # Transactions, locks and calls at once
    "tests/attachments/test_claims.py",
    "tests/cleanup",
    "tests/flows/test_batches.py",
    "tests/hosts/test_transactions.py",
    "tests/test_deletion_queue.py",
    "tests/test_host_models.py",
    "tests/test_repeated_deletion.py",
    "tests/test_tokens.py",
    "tests/uploads/test_idempotency.py",
    "tests/uploads/test_quota.py",
    "tests/uploads/test_sweep.py",
    "tests/uploads/test_transitions.py",
    "tests/validation/test_acceptance.py",
    # Constraints, migrations, order, JSON, encrypted columns, lists, filters and numbers of statements
    "tests/graphql/test_lists.py",
    "tests/graphql/test_statements.py",
    "tests/models",
    "tests/test_access.py",
    "tests/test_encryption.py",
    "tests/validation/test_json_metadata.py",
    "tests/hosts/test_access.py::test_a_thousand_orders_with_urls_take_five_statements",
    # All operations once
    "tests/hosts/test_views.py::test_all_twelve_operations_work[async-optimizer]",
]
"""A test whose result may depend on the database belongs here."""


def main(arguments: list[str]) -> int:
    try:
        with serve() as database_url:
            environment = {**os.environ, "DATABASE_URL": database_url}
            command = [sys.executable, "-m", "pytest", *arguments, *TESTS]
            return subprocess.run(command, env=environment, check=False).returncode
    except ServerMissing as error:
        sys.stderr.write(f"PostgreSQL is not available: {error}\n")
        return int(os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
