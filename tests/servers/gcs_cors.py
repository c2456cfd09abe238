"""Which CORS headers Google would send: from the bucket's rules, or from the origin that opened a session."""

from fnmatch import fnmatchcase

from tests.servers.gcs_emulator import Resource
from tests.servers.gcs_http import Request

_SESSION_METHODS = "PUT, POST, DELETE, OPTIONS"
_SESSION_EXPOSED = "Content-Length, Content-Type, Date, X-GUploader-UploadID"


def bucket_headers(rules: list[Resource], request: Request) -> dict[str, str]:
    """Return the headers of the first rule that allows the origin and the method, none if no rule does."""
    origin = request.headers.get("Origin", "")
    preflight = request.method == "OPTIONS"
    method = request.headers.get("Access-Control-Request-Method", "") if preflight else request.method
    for rule in rules:
        allowed = next((known for known in rule.get("origin", []) if fnmatchcase(origin, known)), None)
        if origin and allowed and {method, "*"} & set(rule.get("method", [])):
            headers = {"Access-Control-Allow-Origin": "*" if allowed == "*" else origin, "Vary": "Origin"}
            listed = ", ".join(rule.get("responseHeader", []))
            if not preflight:
                return headers | {"Access-Control-Expose-Headers": listed}
            return headers | {
                "Access-Control-Allow-Methods": ", ".join(rule["method"]),
                "Access-Control-Allow-Headers": listed,
                "Access-Control-Max-Age": str(rule.get("maxAgeSeconds", 3600)),
            }
    return {}


def session_headers(opened_by: str | None, request: Request) -> dict[str, str]:
    """Return the headers for a session URL; the bucket's rules count for nothing there."""
    if opened_by is None or request.headers["Origin"] != opened_by:
        return {}
    headers = {"Access-Control-Allow-Origin": opened_by, "Vary": "Origin"}
    if request.method != "OPTIONS":
        return headers | {"Access-Control-Expose-Headers": _SESSION_EXPOSED}
    return headers | {
        "Access-Control-Allow-Methods": _SESSION_METHODS,
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
    }
