"""The suite that every backend passes.

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def backend(self) -> Backend:
            return MyBackend(BackendConfig(manager_id=uuid4(), backend_url="my://new-bucket", ...))

The fixture gives each test an empty place of its own: a new `manager_id`, and a folder, prefix or bucket that is new.
Requests are really sent: to the storage over HTTP, or, where bytes go through this server, to `write` after their
signature is checked; `fileman.urls` must be mounted for that. Every backend runs the same number of cases. What a
storage cannot keep stands in `reduced`, and only there; those cases are shown as skipped, with the reason.
"""

from fileman.testing.case import Reduction
from fileman.testing.configuration import ConfigurationCases
from fileman.testing.objects import ObjectCases
from fileman.testing.publishing import PublishingCases
from fileman.testing.server_uploads import ThroughUsCases
from fileman.testing.uploads import UploadingCases

__all__ = ["BackendContract", "Reduction"]


class BackendContract(ConfigurationCases, UploadingCases, ThroughUsCases, PublishingCases, ObjectCases):
    """Subclass it as a test class, give it a `backend` fixture, and name in `reduced` what the storage cannot keep."""
