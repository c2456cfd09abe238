// The adapters outside of a browser, as the package has them.
import assert from "node:assert/strict";
import Uppy from "@uppy/core";
import { Client, fetchExchange } from "@urql/core";
import { FileUploader } from "fileman-uploader";
import { useUploads } from "fileman-uploader/react";
import { FakeServer, file } from "fileman-uploader/testing";
import { FilemanUpload, restrictionsFrom } from "fileman-uploader/uppy";
import { urqlRequest } from "fileman-uploader/urql";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

const server = new FakeServer();
const restrictions = restrictionsFrom({ maxFileSize: 10, allowedExtensions: [".txt", "pdf"], allowedMimeTypes: ["text/plain"] });
assert.deepEqual(restrictions, { minFileSize: 1, maxFileSize: 10, allowedFileTypes: [".txt", ".pdf"] });
const uppy = new Uppy({ restrictions }).use(FilemanUpload, { uploader: server.uploader() });
const told = [];
uppy.on("upload-success", (uppyFile, { body }) => told.push([uppyFile.name, body.id, body.uploadStatus]));
uppy.addFile({ name: "a.txt", type: "text/plain", data: file("a.txt"), meta: { caption: "A" } });
uppy.addFile({ name: "drive.pdf", type: "application/pdf", isRemote: true, data: { size: 5 }, remote: {} });
for (const refused of [file("b.exe"), file("empty.txt", "")]) assert.throws(() => uppy.addFile({ name: refused.name, type: "", data: refused }), { isRestriction: true });
const { successful, failed } = await uppy.upload();
assert.deepEqual([successful.map(({ name }) => name), failed.map(({ name }) => name)], [["a.txt"], ["drive.pdf"]]);
assert.deepEqual(told, [["a.txt", "file-1", "COMPLETED"]]);
assert.deepEqual(server.inputs("initiateUpload").flatMap(({ files }) => files.map(({ metadata }) => metadata)), [{ caption: "A" }]);

const fetched = async (_, { headers, body }) => {
  assert.deepEqual([headers["X-CSRFToken"] ?? headers["x-csrftoken"]], ["t"]);
  const { query, variables } = JSON.parse(body);
  return Response.json({ data: await server.request(query, variables) });
};
const client = new Client({ url: "http://api.test/", exchanges: [fetchExchange], fetch: fetched, preferGetMethod: false, fetchOptions: () => ({ headers: { "X-CSRFToken": "t" } }) });
const [{ status }] = await new FileUploader({ request: urqlRequest(client), send: server.send, storage: null }).uploadFiles([file("c.txt")]);
assert.equal(status, "completed");

const Count = ({ uploader }) => createElement("p", null, `${useUploads(uploader).uploads.length} uploads`);
assert.equal(renderToString(createElement(Count, { uploader: new FileUploader() })), "<p>0 uploads</p>");
