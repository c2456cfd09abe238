"""The HTTP side of the API: POST requests with JSON, one operation each. Refusals are JSON with a code."""

from contextlib import suppress
from typing import Any, Final

import strawberry
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.template import TemplateDoesNotExist
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from graphql import GraphQLError
from strawberry.django.context import StrawberryDjangoContext
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult

from fileman.graphql.context import get_request_caller
from fileman.graphql.errors import RequestErrorCode, format_error
from fileman.graphql.http.bodies import Refusal, read_operation

_SPEC: Final = "application/graphql-response+json"
_JSON: Final = "application/json"


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, returning the reason in place of an HTML page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:  # noqa: ARG002 - Django's signature
        return reason


@method_decorator([csrf_exempt, never_cache, transaction.non_atomic_requests], name="dispatch")
class GraphQLView(View):
    """Serve a schema: `path("graphql", GraphQLView.as_view(schema=schema))`.

    Requests that a cookie may authenticate need the CSRF token: those with a session cookie, and those of a signed-in
    user with any cookie and without an Authorization header. Other requests need none. With DEBUG, introspection is
    allowed and browsers get GraphiQL from the template fileman/graphiql.html.
    """

    schema: strawberry.Schema = None  # type: ignore[assignment]

    def get(self, request: HttpRequest) -> HttpResponse:
        if settings.DEBUG and "text/html" in request.headers.get("Accept", ""):
            has_files = apps.is_installed("django.contrib.staticfiles")
            is_built = has_files and finders.find("fileman/graphiql/graphiql.js") is not None
            with suppress(TemplateDoesNotExist):
                return ensure_csrf_cookie(render)(request, "fileman/graphiql.html", {"is_built": is_built})
        return self.http_method_not_allowed(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            operation = read_operation(request)
            _check_csrf(request)
            get_request_caller(request)  # raises Django's DisallowedHost for an unknown host, before anything runs
            context = StrawberryDjangoContext(request=request, response=HttpResponse())
            result = self.schema.execute_sync(**operation, context_value=context)
        except CannotGetOperationTypeError:
            message = "operationName does not match any operation of the document."
            return _refuse(request, Refusal(400, RequestErrorCode.BAD_REQUEST, message))
        except Refusal as refusal:
            return _refuse(request, refusal)
        response = _respond(request, result)
        # A host's resolvers may have set headers and cookies.
        for name, value in context.response.items():
            response.setdefault(name, value)
        response.cookies.update(context.response.cookies)
        return response

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        message = "Send POST requests with Content-Type: application/json."
        response = _refuse(request, Refusal(405, RequestErrorCode.METHOD_NOT_ALLOWED, message))
        response["Allow"] = "POST"
        return response

    head = options = put = patch = delete = trace = http_method_not_allowed


def _check_csrf(request: HttpRequest) -> None:
    """Raise Refusal if a cookie may authenticate the request and the CSRF token does not come with it."""
    by_header = "Authorization" in request.headers or not request.COOKIES or not request.user.is_authenticated
    if by_header and settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return
    check = _CsrfCheck(HttpResponse)  # stands in for a view, and is not called
    check.process_request(request)
    reason = check.process_view(request, HttpResponse, (), {})
    if reason is not None:
        raise Refusal(403, RequestErrorCode.CSRF_FAILED, f"{reason} Send the token in the X-CSRFToken header.")


def _respond(request: HttpRequest, result: ExecutionResult) -> HttpResponse:
    """Return the result, with the status that the GraphQL over HTTP specification asks for ("Status Codes")."""
    errors: list[GraphQLError] = result.errors or []
    executed = result.data is not None or any(error.path is not None for error in errors)
    body: dict[str, Any] = {"data": result.data} if executed else {}
    if errors:
        body["errors"] = [format_error(error) for error in errors]
    media_type = _get_media_type(request)
    # application/json keeps status 200 for refused documents, as older clients expect.
    return _json(media_type, body, 200 if executed or media_type == _JSON else 400)


def _refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    error = {"message": refusal.message, "extensions": {"code": refusal.code}}
    return _json(_get_media_type(request), {"errors": [error]}, refusal.status)


def _json(media_type: str, body: dict[str, Any], status: int) -> HttpResponse:
    content_type = f"{media_type}; charset=utf-8"
    return JsonResponse(body, status=status, content_type=content_type, json_dumps_params={"separators": (",", ":")})


def _get_media_type(request: HttpRequest) -> str:
    return request.get_preferred_type([_JSON, _SPEC]) or _JSON
