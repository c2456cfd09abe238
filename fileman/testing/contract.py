"""The suite that every backend passes.

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self) -> Backend:
            return MyBackend(BackendConfig(manager_id=uuid4(), backend_url="my://new-bucket", ...))

The fixture gives each test an empty place of its own: a new `manager_id` and a new folder, prefix or bucket.
Requests are really sent: over HTTP to the storage or, if the bytes go through this server, to `write` after a check of
their signature; `fileman.urls` must be mounted for that. Every backend runs the same number of cases. `reduced` names
the promises that a storage cannot keep; pytest shows their cases as skipped, with the reason.
"""

from fileman.testing.case import Reduction
from fileman.testing.configuration import ConfigurationCases
from fileman.testing.objects import ObjectCases
from fileman.testing.publishing import PublishingCases
from fileman.testing.uploads import ServerUploadCases, UploadCases

__all__ = ["BackendContract", "Reduction"]


class BackendContract(ConfigurationCases, UploadCases, ServerUploadCases, PublishingCases, ObjectCases):
    """Base of a test class with a `backend` fixture. `reduced` names the promises that its storage cannot keep."""
