"""An executor that executes each object of a response twice, as the library does and with plans, and compares."""

import json
import re
from typing import Any

from graphql import GraphQLError
from graphql.execution.executor import CollectedErrors

from fileman.graphql.execution import PlannedExecution

_TOKEN = re.compile(r'(?<=/fileman/content/)[^"]*')
"""A download URL of this server differs each time."""


class Compared(PlannedExecution):
    def collect_and_execute_subfields(self, *arguments: Any) -> Any:
        if not self._uses_plans:
            return super().collect_and_execute_subfields(*arguments)
        noted, self.collected_errors, self._uses_plans = self.collected_errors, CollectedErrors(), False
        expected, _, _ = self._execute(*arguments)
        self.collected_errors, self._uses_plans = noted, True
        before = len(noted.errors)
        found, data, error = self._execute(*arguments, after=before)
        assert _TOKEN.sub("", found) == _TOKEN.sub("", expected) or not self._uses_plans
        if error is not None:
            raise error
        return data

    def _execute(self, *arguments: Any, after: int = 0) -> tuple[str, Any, GraphQLError | None]:
        data, raised = None, None
        try:
            data = super().collect_and_execute_subfields(*arguments)
        except GraphQLError as error:
            raised = error
        errors = [one.formatted for one in [*self.collected_errors.errors[after:], *filter(None, [raised])]]
        return json.dumps([data, errors], default=repr), data, raised
