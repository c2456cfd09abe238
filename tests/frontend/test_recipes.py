"""The recipes for Apollo and urql in a real browser: the clients' own headers reach the API."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.frontend.test_uploader_unit import EXAMPLES, UPLOADER, run

pytestmark = pytest.mark.browser
CLIENTS = """
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import { apolloRequest } from "UPLOADER/apollo.ts";
import { FileUploader } from "UPLOADER/file-uploader.js";
import { urqlRequest } from "UPLOADER/urql.ts";

const headers = { "X-CSRFToken": document.body.dataset.csrfToken };
const urql = (fetchOptions) => urqlRequest(new Client({ url: "/graphql", exchanges: [fetchExchange], fetchOptions }));
const link = new HttpLink({ uri: "/graphql", headers });
const requests = {
  Apollo: apolloRequest(new ApolloClient({ link, cache: new InMemoryCache() })),
  urql: urql({ headers }),
  "urql with a function": urql(() => ({ headers })),
};
globalThis.uploadWith = async (client) => {
  const file = new File(["Hello"], "hello.txt", { type: "text/plain" });
  const [result] = await new FileUploader({ request: requests[client] }).uploadFiles([file]);
  return [result.file?.uploadStatus, result.error?.message];
};
"""


@pytest.fixture
def recipes(page: Page, tmp_path: Path) -> Page:
    (tmp_path / "node_modules").symlink_to(EXAMPLES / "node_modules")
    (tmp_path / "clients.js").write_text(CLIENTS.replace("UPLOADER", str(UPLOADER)))
    run("rolldown", tmp_path / "clients.js", "--dir", tmp_path / "bundle")
    page.route("**/recipes.js", lambda route: route.fulfill(path=tmp_path / "bundle/clients.js"))
    page.add_script_tag(url="/recipes.js", type="module")
    page.wait_for_function("() => globalThis.uploadWith")
    return page


def test_the_headers_of_each_client_go_with_its_requests(recipes: Page) -> None:
    for client in ("Apollo", "urql", "urql with a function"):
        assert recipes.evaluate("(client) => uploadWith(client)", client) == ["COMPLETED", None], client
