import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import { apolloRequest } from "UPLOADER/apollo.ts";
import { FileUploader } from "UPLOADER/file-uploader.js";
import { useUpload, useUploads } from "UPLOADER/react.ts";
import { FakeServer, file } from "UPLOADER/test/fake-server.js";
import { urqlRequest } from "UPLOADER/urql.ts";
import { createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";

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

const server = new FakeServer();
server.fault = ({ length }) => (length > 99 ? new Promise(() => {}) : undefined);
const uploader = server.uploader();
const hooks = {
  List({ told, ...options }) {
    const note = (event) => ({ file }) => told.push(`${event} ${file.name}`);
    globalThis.list = useUploads(uploader, { onComplete: note("complete"), onError: note("error"), ...options });
    useEffect(() => void (globalThis.shown = told)); // after those of the hook
  },
  One: () => void (globalThis.one = useUpload(uploader)),
};
const root = createRoot(document.querySelector("main"));
globalThis.show = (name, props) => root.render(name && createElement(hooks[name], props));
globalThis.files = (...names) => names.map((name) => file(name, name.startsWith("slow") ? "x".repeat(100) : "x"));
globalThis.states = () => uploader.uploads.map(({ file, state }) => `${file.name} ${state}`).join();
