import { FileUploader } from "fileman-uploader";
import { FakeServer } from "fileman-uploader/testing";

/** What an upload of that many zeros ends with, and the checksum that it declares. */
globalThis.uploadZeros = async (size, checksum) => {
  const { request, send, ...server } = new FakeServer();
  const file = new File([new Uint8Array(size)], "zeros.bin");
  const [{ status }] = await new FileUploader({ request, send, storage: null }).uploadFiles([file], { checksum });
  return [status, server.calls.at(-1).input.checksum];
};
