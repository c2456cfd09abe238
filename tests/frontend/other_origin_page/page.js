// Signs each call with the API's own session cookie and CSRF token. ?api= names the API's origin.
import { FileUploader } from "./uploader/file-uploader.js";

const api = new URLSearchParams(location.search).get("api");
const credentials = "include";
const find = (selector) => document.querySelector(selector);

async function connect() {
  const { csrfToken } = await (await fetch(`${api}/fileman/csrf/`, { credentials })).json();
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken };
  return async (query, variables, { signal } = {}) => {
    const body = JSON.stringify({ query, variables });
    const response = await fetch(`${api}/graphql`, { method: "POST", credentials, headers, body, signal });
    return (await response.json()).data;
  };
}

async function upload(request, file) {
  const [result] = await new FileUploader({ request }).uploadFiles([file], { fileManagerId: find("#manager").value });
  find("[role=status]").textContent = result.error ? result.error.message : "Uploaded.";
  if (result.error) return;
  find("a").href = result.file.permalink;
  find("a").hidden = false;
}

async function start() {
  const request = await connect();
  const { viewer, fileManagers } = await request("{ viewer { username } fileManagers { edges { node { id name } } } }");
  find("#manager").append(...fileManagers.edges.map(({ node }) => new Option(node.name, node.id)));
  find("[type=file]").addEventListener("change", (event) => upload(request, event.target.files[0]));
  find("#viewer").textContent = `Signed in as ${viewer.username}`;
}

start().catch((cause) => (find("[role=status]").textContent = `The API cannot be reached. ${cause}`));
